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
 * `delay`. The filter is as long as a room's echo lasts, not as long as a trunk may keep it: where the echo is found
 * (ms_echo_search.h) beyond its reach, the filter's window is moved, by whole blocks so that what it knows moves with
 * it. When a filter that worked fails, the echo may have jumped (ms_echo_jump.h): the window follows the jump, and the
 * filter goes back to what it was before. */
#include "ms_clockmap.h"
#include "ms_echo_jump.h"
#include "ms_echo_left.h"
#include "ms_echo_search.h"
#include "ms_kalman.h"
#include "ms_kernels.h"
#include "ms_reference.h"

#include <math.h>
#include <string.h>

enum { BLOCK_MS = 10, BLOCKS = MS_FRAME_MS / BLOCK_MS, MAX_BLOCK = MS_MAX_RATE_HZ / 1000 * BLOCK_MS };
enum { LEAD_MARGIN_MS = 6, LEAD_ROOM_MS = 5, IDLE_MS = 100, READ_AHEAD = 8 };
static const double SETTLING_S = 1.0;
/* A filter that adds sound for this long is wrong about the room beyond what it can see by itself. */
enum { ADDING_FRAMES = 40 };
static const float ADDS = 0.97f, AUDIBLE_POWER = 1;
static const float PRE_EMPHASIS = 0.9f;
enum { KEEP_EVERY = 25, PAUSE_FRAMES = 100 };   /* frames between copies, and between searches for a jump */
enum { DELAY_MAX_BLOCKS = 50, ROOM_BEFORE = 3, ROOM_AFTER = 4 };   /* blocks of the window around the echo's peak */
static const float FAILS = 0.25f, WORKS = 0.04f;   /* a filter that leaves so much of what comes in: 6 dB, 14 dB */
static const float LATELY = 0.1f;  /* each 20 ms: 200 ms */
static const float IN_VAIN = 0.003f;   /* share of the filter's power, 25 dB down */
static const float SEEN_DB = 6;
static const float QUIET_POWER = 33.0f * 33.0f;

struct ms_echo {
    ms_clockmap clock;
    ms_reference reference;
    ms_echo_left left;
    ms_kalman *filter;
    int32_t rate_hz, clock_hz;     /* samples, and ticks of the time stamps */
    int32_t frame, tail;           /* samples */
    int32_t lead, packet;          /* samples */
    ms_echo_search search;
    int32_t block;                 /* samples: the window moves by so many */
    int32_t delay;                 /* samples that the window is later */
    ms_echo_jump *jump;
    bool searching;                /* for a jump */
    bool kept;                     /* the filter has a copy from when it worked */
    int32_t since_kept, pause;     /* frames */
    float near_before;             /* the last sample of the near end */
    int32_t lag;                   /* blocks that the echo is late, as far as we know; -1 */
    float near_lately, out_lately; /* powers while the far end is heard */
    bool resting;                  /* nothing was sent that could echo: the last frame was passed through */
    double next;                   /* where the reference goes on, if nothing jumps */
    int64_t newest_rtp;
    float echo[MS_MAX_FRAME];      /* what the filter took off the last frame */
    int32_t adding;                /* frames in a row in which the filter added sound */
    int16_t ring[];                /* then the memory of the search for a jump, and the filter's */
};

static bool usable(int32_t rate_hz, int tail_ms) { return ms_kalman_size(rate_hz, tail_ms) > 0; }

static size_t own_bytes(int32_t rate_hz) {
    size_t n = sizeof(ms_echo) + ms_reference_ring_samples(rate_hz) * sizeof(int16_t);
    return (n + 63) / 64 * 64;
}

static size_t jump_bytes(int32_t rate_hz) { return (ms_echo_jump_size(rate_hz) + 63) / 64 * 64; }

size_t ms_echo_size(int32_t rate_hz, int tail_ms) {
    if (!usable(rate_hz, tail_ms)) return 0;
    return own_bytes(rate_hz) + jump_bytes(rate_hz) + ms_kalman_size(rate_hz, tail_ms);
}

int ms_echo_init(ms_echo *e, int32_t rate_hz, int32_t clock_hz, int tail_ms) {
    if (!usable(rate_hz, tail_ms) || clock_hz < 8000 || clock_hz > MS_MAX_RATE_HZ) return MS_E_ARGUMENT;
    memset(e, 0, sizeof *e);
    e->rate_hz = rate_hz;
    e->clock_hz = clock_hz;
    e->frame = rate_hz / 1000 * MS_FRAME_MS;
    e->tail = rate_hz / 1000 * tail_ms;
    e->packet = e->frame;
    e->block = e->frame / BLOCKS;
    e->lag = -1;
    e->resting = true;
    ms_clockmap_init(&e->clock, clock_hz);
    ms_reference_init(&e->reference, rate_hz, e->ring);
    ms_echo_left_init(&e->left, tail_ms);
    ms_echo_search_init(&e->search, rate_hz);
    e->jump = (ms_echo_jump *)((uint8_t *)e + own_bytes(rate_hz));
    ms_echo_jump_init(e->jump, rate_hz);
    e->filter = (ms_kalman *)((uint8_t *)e->jump + jump_bytes(rate_hz));
    return ms_kalman_init(e->filter, rate_hz, tail_ms);
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
    return position - READ_AHEAD <= (double)(r->loud_end + e->tail + e->delay) && position + e->frame >= (double)(r->end - r->size);
}

/* The filter hears the far end's past again: it rested, or time jumped. */
static void resume(ms_echo *e, double position, const int16_t *near) {
    int16_t far[MAX_BLOCK];
    for (int32_t back = (e->tail + e->block - 1) / e->block; back > 0; back--) {
        ms_reference_read(&e->reference, position - back * e->block, 1, far, e->block);
        ms_kalman_pass(e->filter, far);
    }
    ms_kalman_resume(e->filter, far[e->block - 1], near[0]);
}

/* ---- the window ------------------------------------------------------------------------------------------------------ */

static int32_t within(int32_t value, int32_t least, int32_t most) {
    return value < least ? least : value > most ? most : value;
}

/* The network's delay stands before the echo, and takes from the tail behind it: a filter that has found nothing in its
 * first blocks is moved past them, with what it knows. */
static void tighten(ms_echo *e, int32_t blocks) {
    int32_t room = DELAY_MAX_BLOCKS - e->delay / e->block;
    blocks = blocks < room ? blocks : room;
    if (blocks <= 0 || ms_kalman_share(e->filter, blocks) > IN_VAIN) return;
    e->delay += blocks * e->block;
    ms_kalman_shift(e->filter, blocks);
    ms_kalman_keep(e->filter);
    e->kept = true;
}

/* A filter that works is left alone, and a lag that it does not cover is then none of its echo. */
static void follow_echo(ms_echo *e, int32_t lag) {
    int32_t tail = e->tail / e->block, into = lag - e->delay / e->block;
    bool fails = e->out_lately > FAILS * e->near_lately;
    if (lag < 0 || (!fails && (into < 0 || into > tail))) return;
    e->lag = lag;
    if (into > ROOM_BEFORE && e->out_lately < WORKS * e->near_lately) tighten(e, into - ROOM_BEFORE);
    if (!fails || e->searching || (into >= 0 && into <= tail - ROOM_AFTER)) return;
    e->delay = within(lag - ROOM_BEFORE, 0, DELAY_MAX_BLOCKS) * e->block;
    ms_kalman_forget(e->filter);
    e->kept = false;
    ms_echo_left_distrust(&e->left);
}

/* The echo is so many samples later: the window goes with it. It cannot stand before now: then what the filter knows
 * moves within it. */
static void jump(ms_echo *e, int32_t later) {
    int32_t blocks = 0;
    while (e->delay + later + blocks * e->block < 0) blocks++;
    ms_kalman_recall(e->filter);
    if (blocks > 0) ms_kalman_shift(e->filter, blocks);
    e->delay = within(e->delay + later + blocks * e->block, 0, DELAY_MAX_BLOCKS * e->block);
    e->near_lately = e->out_lately = 0;
    ms_kalman_keep(e->filter);
    ms_echo_jump_begin(e->jump);
}

/* Keeps a filter that works, and looks for a jump when one fails. */
static void watch_filter(ms_echo *e) {
    bool fails = e->out_lately > FAILS * e->near_lately, works = e->out_lately < WORKS * e->near_lately;
    e->since_kept++;
    if (works && e->since_kept > KEEP_EVERY) {
        ms_kalman_keep(e->filter);
        e->kept = true;
        e->since_kept = 0;
    }
    if (e->pause > 0) e->pause--;
    if (works || ms_echo_jump_is_over(e->jump)) {
        if (ms_echo_jump_is_over(e->jump)) e->pause = PAUSE_FRAMES;
        ms_echo_jump_begin(e->jump);
    }
    e->searching = e->kept && fails && e->pause == 0;
}

static void search(ms_echo *e, double position, double step, const int16_t *near) {
    int16_t far[MS_MAX_FRAME];
    ms_reference_read(&e->reference, position, step, far, e->frame);
    int32_t lag = e->lag;
    for (int32_t at = 0; at < e->frame; at += e->block) lag = ms_echo_search_process(&e->search, far + at, near + at);
    follow_echo(e, lag);
}

/* ---- frames --------------------------------------------------------------------------------------------------------- */

static float power_of(const int16_t *pcm, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += (float)pcm[i] * (float)pcm[i];
    return sum / (float)n;
}

static int16_t rounded(float value) {
    return (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

/* Starts the filter anew when it has been adding sound instead of taking it off. */
static void mistrust(ms_echo *e, float near_power, float cleaned_power) {
    e->adding = cleaned_power > ADDS * near_power && cleaned_power > AUDIBLE_POWER ? e->adding + 1 : 0;
    if (e->adding < ADDING_FRAMES) return;
    ms_kalman_forget(e->filter);
    e->adding = 0;
    ms_echo_left_distrust(&e->left);
}

static void rest(ms_echo *e, const int16_t *near, int16_t *out, size_t n) {
    if (out != near) memmove(out, near, n * sizeof *out);
    e->resting = true;
    ms_echo_left_rest(&e->left);
}

static int32_t look_for_jump(ms_echo *e, const int16_t *near) {
    float expected[MAX_BLOCK], came[MAX_BLOCK];
    ms_kalman_kept_echo(e->filter, expected);
    for (int32_t i = 0; i < e->block; i++)
        came[i] = (float)near[i] - PRE_EMPHASIS * (i > 0 ? (float)near[i - 1] : e->near_before);
    return ms_echo_jump_process(e->jump, came, expected);
}

static void cancel(ms_echo *e, const int16_t *far, const int16_t *near, int16_t *cleaned) {
    float block[MAX_BLOCK];
    int32_t later = 0;
    for (int32_t at = 0; at < e->frame; at += e->block) {
        ms_kalman_process(e->filter, far + at, near + at, block, e->echo + at);
        for (int32_t i = 0; i < e->block; i++) cleaned[at + i] = rounded(block[i]);
        if (e->searching && later == 0) later = look_for_jump(e, near + at);
        e->near_before = near[at + e->block - 1];
    }
    if (later != 0) jump(e, later);
}

void ms_echo_process(ms_echo *e, const int16_t *near, int16_t *out, size_t n, int64_t rtp_extended) {
    int16_t far[MS_MAX_FRAME], cleaned[MS_MAX_FRAME];
    double step, position;
    if (n != (size_t)e->frame || !e->clock.started || !e->reference.begun) {
        rest(e, near, out, n);
        return;
    }
    position = place(e, rtp_extended, &step);
    if (!can_echo(e, position)) {
        rest(e, near, out, n);
        return;
    }
    search(e, position, step, near);
    position -= e->delay;
    if (e->resting || fabs(position - e->next) > 1) resume(e, position, near);
    e->resting = false;
    e->next = position + step * e->frame;
    ms_reference_read(&e->reference, position, step, far, e->frame);
    cancel(e, far, near, cleaned);
    float far_power = power_of(far, e->frame);
    float near_power = power_of(near, e->frame), cleaned_power = power_of(cleaned, e->frame);
    if (far_power > QUIET_POWER) {
        e->near_lately += LATELY * (near_power - e->near_lately);
        e->out_lately += LATELY * (cleaned_power - e->out_lately);
        watch_filter(e);
    }
    mistrust(e, near_power, cleaned_power);
    ms_echo_left_frame(&e->left, far_power, near_power, cleaned_power);
    /* A filter that adds sound is wrong about the room: what came is the better guess, and the agent must not hear
     * its own voice where the line is silent. */
    memcpy(out, cleaned_power > near_power ? near : cleaned, n * sizeof *out);
}

const float *ms_echo_estimate(const ms_echo *e) { return e->resting ? NULL : e->echo; }
bool ms_echo_seen(const ms_echo *e) { return e->lag >= 0 || ms_echo_erle_db(e) > SEEN_DB; }
float ms_echo_erle_db(const ms_echo *e) { return ms_echo_left_erle_db(&e->left); }
int32_t ms_echo_delay_ms(const ms_echo *e) { return e->lag < 0 ? -1 : e->lag * BLOCK_MS + e->lead * 1000 / e->rate_hz; }
float ms_echo_skew_ppm(const ms_echo *e) { return (float)-ms_clockmap_skew_ppm(&e->clock); }
float ms_echo_residual_dbfs(const ms_echo *e) { return e->left.residual_dbfs; }
