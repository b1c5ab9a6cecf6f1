/* The echo canceller: an adaptive filter (ms_kalman.h), given a reference that stands still.
 *
 * The filter learns a delay; every time near end and reference move against each other it learns anew. Here both
 * are placed on our monotonic clock: the reference by when it was due on the wire, the near end by its time stamps
 * through ms_clockmap. Jitter, bursts and loss on the way move neither.
 *
 * `lead`. A caller's echo always comes later than what caused it, and the filter covers only what is later, so
 * the reference is read as early as can be had: at the very instant the packet came. What was not yet sent by then
 * cannot have been echoed but is also not there to be read; when the reading runs ahead of the ring, `lead` holds
 * it back. In the first second it grows as needed, afterwards at most once, to a whole packet, which always
 * suffices.
 *
 * Where on the reference's past the filter looks is ms_echo_window's to find. */
#include "ms_clockmap.h"
#include "ms_echo_left.h"
#include "ms_echo_window.h"
#include "ms_kernels.h"
#include "ms_reference.h"

#include <math.h>
#include <string.h>

enum { MAX_BLOCK = MS_SEARCH_MAX_BLOCK, ALIGNMENT = 64 };
enum { LEAD_MARGIN_MS = 6, LEAD_ROOM_MS = 5, IDLE_MS = 100, READ_AHEAD = 8 };
static const double SETTLING_S = 1.0;
static const float SEEN_DB = 6;

struct ms_echo {
    ms_clockmap clock;
    ms_reference reference;
    ms_echo_window window;
    ms_echo_left left;
    int32_t rate_hz, clock_hz;     /* samples, and ticks of the time stamps */
    int32_t frame, tail;           /* samples */
    int32_t lead, packet;          /* samples */
    bool resting;                  /* nothing was sent that could echo: the last frame was passed through */
    double next;                   /* where the reference goes on, if nothing jumps */
    int64_t newest_rtp;
    float echo[MS_MAX_FRAME];      /* what the filter took off the last frame */
    int16_t ring[];                /* then the window's memory */
};

static size_t own_bytes(int32_t rate_hz) {
    size_t n = sizeof(ms_echo) + ms_reference_ring_samples(rate_hz) * sizeof(int16_t);
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t ms_echo_size(int32_t rate_hz, int tail_ms) {
    size_t window = ms_echo_window_size(rate_hz, tail_ms);
    return window == 0 ? 0 : own_bytes(rate_hz) + window;
}

int ms_echo_init(ms_echo *e, int32_t rate_hz, int32_t clock_hz, int tail_ms) {
    if (ms_echo_size(rate_hz, tail_ms) == 0 || clock_hz < 8000 || clock_hz > MS_MAX_RATE_HZ) return MS_E_ARGUMENT;
    memset(e, 0, sizeof *e);
    e->rate_hz = rate_hz;
    e->clock_hz = clock_hz;
    e->frame = rate_hz / 1000 * MS_FRAME_MS;
    e->tail = rate_hz / 1000 * tail_ms;
    e->packet = e->frame;
    e->resting = true;
    ms_clockmap_init(&e->clock, clock_hz);
    ms_reference_init(&e->reference, rate_hz, e->ring);
    ms_echo_left_init(&e->left, tail_ms);
    return ms_echo_window_init(&e->window, rate_hz, tail_ms, (uint8_t *)e + own_bytes(rate_hz));
}

void ms_echo_reference(ms_echo *e, const int16_t *sent, size_t n, int64_t due_ns) {
    ms_reference_write(&e->reference, sent, n, due_ns);
}

void ms_echo_arrival(ms_echo *e, int64_t rtp_extended, int64_t received_ns) {
    if (!e->clock.started || rtp_extended > e->newest_rtp) e->newest_rtp = rtp_extended;
    ms_clockmap_arrival(&e->clock, rtp_extended, received_ns);
}

void ms_echo_resync(ms_echo *e) {
    ms_clockmap_init(&e->clock, e->clock_hz);
    e->lead = 0;
    e->packet = e->frame;
    ms_echo_left_distrust(&e->left);
}

/* ---- where the reference is read ----------------------------------------------------------------------------------- */

/* Holds the reading back when it would run ahead of what was sent. */
static double keep_behind(ms_echo *e, double position, int64_t rtp_extended) {
    int32_t per_ms = e->rate_hz / 1000;
    double ahead = position - e->lead + e->frame + READ_AHEAD - (double)e->reference.end;
    if (ahead <= 0 || ahead > IDLE_MS * per_ms) return position - e->lead;
    int64_t ticks = (int64_t)((uint64_t)rtp_extended - (uint64_t)e->newest_rtp);
    if (ticks > 0 && ticks <= e->clock_hz / 1000 * MS_MAX_PTIME_MS) {
        int32_t packet = (int32_t)(ticks * e->rate_hz / e->clock_hz) + e->frame;
        e->packet = packet > e->packet ? packet : e->packet;
    }
    int32_t most = e->packet + LEAD_ROOM_MS * per_ms;
    if (e->lead >= most) return position - e->lead;
    if (e->clock.offset_at_s < SETTLING_S)
        e->lead += (int32_t)ahead + LEAD_MARGIN_MS * per_ms;
    if (e->clock.offset_at_s >= SETTLING_S || e->lead > most) e->lead = most;
    return position - e->lead;
}

/* Where the echo of a frame would begin, and the pace of the reference under it. */
static double place(ms_echo *e, int64_t rtp_extended, double *step) {
    double ns_per_tick;
    double since_origin_ns = ms_clockmap_place(&e->clock, rtp_extended, &ns_per_tick);
    *step = ns_per_tick * e->clock_hz / 1e9;
    double position = since_origin_ns * e->rate_hz / 1e9 + ms_reference_position(&e->reference, e->clock.origin_ns);
    return keep_behind(e, position, rtp_extended);
}

static bool can_echo(const ms_echo *e, double position) {
    const ms_reference *r = &e->reference;
    return position - READ_AHEAD <= (double)(r->loud_end + e->tail + e->window.delay) && position + e->frame >= (double)(r->end - r->size);
}

/* ---- frames --------------------------------------------------------------------------------------------------------- */

static float power_of(const int16_t *pcm, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += (float)pcm[i] * (float)pcm[i];
    return sum / (float)n;
}

static void rest(ms_echo *e, const int16_t *near, int16_t *out, size_t n) {
    if (out != near) memmove(out, near, n * sizeof *out);
    e->resting = true;
    ms_echo_left_rest(&e->left);
}

/* The filter hears the far end's past again: it rested, or time jumped, or the window did. */
static void resume(ms_echo *e, double position, const int16_t *near) {
    int16_t far[MAX_BLOCK];
    int32_t block = e->window.block;
    for (int32_t back = (e->tail + block - 1) / block; back > 0; back--) {
        ms_reference_read(&e->reference, position - back * block, 1, far, block);
        ms_kalman_pass(e->window.filter, far);
    }
    ms_kalman_resume(e->window.filter, far[block - 1], near[0]);
    e->resting = false;
}

static void search(ms_echo *e, double position, double step, const int16_t *near) {
    int16_t far[MS_MAX_FRAME];
    ms_reference_read(&e->reference, position, step, far, e->frame);
    if (ms_echo_window_search(&e->window, far, near)) ms_echo_left_distrust(&e->left);
}

/* A filter that adds sound is wrong about the room: what came is the better guess, and the agent must not hear its own
 * voice where the line is silent. */
static void cancel(ms_echo *e, double position, double step, const int16_t *near, int16_t *out) {
    int16_t far[MS_MAX_FRAME], cleaned[MS_MAX_FRAME];
    ms_reference_read(&e->reference, position, step, far, e->frame);
    ms_echo_window_cancel(&e->window, far, near, cleaned, e->echo);
    float said = power_of(far, e->frame), came = power_of(near, e->frame), left = power_of(cleaned, e->frame);
    if (ms_echo_window_judge(&e->window, said, came, left)) ms_echo_left_distrust(&e->left);
    ms_echo_left_frame(&e->left, said, came, left);
    if (left <= came) memcpy(out, cleaned, (size_t)e->frame * sizeof *out);
    else if (out != near) memmove(out, near, (size_t)e->frame * sizeof *out);
}

void ms_echo_process(ms_echo *e, const int16_t *near, int16_t *out, size_t n, int64_t rtp_extended) {
    double step = 1, position = 0;
    bool placed = n == (size_t)e->frame && e->clock.started && e->reference.begun;
    if (placed) position = place(e, rtp_extended, &step);
    if (!placed || !can_echo(e, position)) {
        rest(e, near, out, n);
        return;
    }
    search(e, position, step, near);
    position -= e->window.delay;
    if (e->resting || fabs(position - e->next) > 1) resume(e, position, near);
    e->next = position + step * e->frame;
    cancel(e, position, step, near, out);
}

const float *ms_echo_estimate(const ms_echo *e) { return e->resting ? NULL : e->echo; }
bool ms_echo_seen(const ms_echo *e) { return e->window.lag >= 0 || ms_echo_erle_db(e) > SEEN_DB; }
float ms_echo_erle_db(const ms_echo *e) { return ms_echo_left_erle_db(&e->left); }
int32_t ms_echo_delay_ms(const ms_echo *e) {
    return e->window.lag < 0 ? -1 : e->window.lag * MS_SEARCH_BLOCK_MS + e->lead * 1000 / e->rate_hz;
}
float ms_echo_skew_ppm(const ms_echo *e) { return (float)-ms_clockmap_skew_ppm(&e->clock); }
float ms_echo_residual_dbfs(const ms_echo *e) { return e->left.residual_dbfs; }
