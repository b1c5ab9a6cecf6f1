/* The echo canceller: speexdsp's adaptive filter, given a reference that stands still.
 *
 * The filter learns a delay; every time near end and reference move against each other it learns anew. Here both
 * are placed on our monotonic clock: the reference by when it was due on the wire, the near end by its time stamps
 * through ms_clockmap. Jitter, bursts and loss on the way move neither.
 *
 * `lead`. A caller's echo always comes later than what caused it, and the filter covers only what is later, so
 * the reference is read as early as can be had: at the very instant the packet came. What was not yet sent by then
 * cannot have been echoed but is also not there to be read; when the reading runs ahead of the ring, `lead` holds
 * it back. In the first second it grows as needed, afterwards at most once, to a whole packet, which always
 * suffices. `delay` moves the window later for echoes that a trunk returns after more than the tail. */
#include "ms_arena.h"
#include "ms_clockmap.h"
#include "ms_echo_state.h"

#include <math.h>
#include <string.h>

enum { PHASES = 32, TAPS = 16, BLOCK = 16 };
enum { LEAD_MARGIN_MS = 6, LEAD_ROOM_MS = 5, IDLE_MS = 100 };
enum { RING_MS = 1000, INAUDIBLE = 16 };  /* peak that counts as nothing sent; A-law's zero is 8 */
static const double SETTLING_S = 1.0;
static const float QUIET_POWER = 33.0f * 33.0f;  /* -60 dBFS: less of the far end says nothing about its echo */
static const float FULL_SCALE_POWER = 32768.0f * 32768.0f;
static const float NOTHING_DBFS = -120.0f;
static const float COUPLING_UNKNOWN_DB = -6;  /* what a bad echo path gives back, until it was measured */
static const float COUPLING_FALL = 0.03f, PATH_FALL = 0.013f, RISE_DB = 0.3f;  /* each 20 ms */
/* What the filter takes off is believed up to a credit, which doubles with each 1.2 s in which it could learn: one that
 * met a single vowel cancels that vowel by 20 dB, and the next, of other frequencies, hardly at all. */
static const float FIRST_CREDIT_DB = 0.8f, CREDIT_GROWTH = 1.012f;
/* A filter that adds sound for this long is wrong about the room. speexdsp would start it anew after 50 such frames
 * without a word; we do so earlier, by the measure it uses, because the credit below must begin anew with it. */
enum { ADDING_FRAMES = 40 };
static const float PRE_EMPHASIS = 0.9f, ADDS = 0.97f;

struct ms_echo {
    SpeexEchoState *speex;
    ms_clockmap clock;
    int32_t rate_hz, clock_hz;      /* samples, and ticks of the time stamps */
    int32_t frame, tail, ring_size;
    int32_t lead, packet;          /* samples */
    int32_t delay;                 /* samples; ms_echo_set_delay */
    bool reference_begun, resting;
    int64_t ring_zero_ns;          /* of index 0 */
    int64_t ring_end, loud_end;    /* indices after the newest sample, and after the newest audible frame */
    int64_t newest_rtp;
    int32_t adding;                /* frames in a row in which the filter added sound */
    float near_last, cleaned_last; /* samples before this frame, for the emphasis */
    float far_recent, near_power, out_power;  /* smoothed powers while the far end is heard */
    float path_db, coupling_db;    /* of the far end: what comes in, and what the filter leaves of it */
    float credit_db;               /* how far below path_db coupling_db is believed to be */
    float residual_dbfs;
    int16_t ring[];
};

static float interpolator[PHASES + 1][TAPS];

__attribute__((constructor)) static void build_interpolator(void) {
    for (int phase = 0; phase <= PHASES; phase++) {
        double sum = 0, row[TAPS];
        for (int k = 0; k < TAPS; k++) {
            double at = k - (TAPS / 2 - 1) - (double)phase / PHASES;
            double edge = at / (TAPS / 2.0);
            double window = fabs(edge) < 1 ? 0.42 + 0.5 * cos(M_PI * edge) + 0.08 * cos(2 * M_PI * edge) : 0;
            row[k] = (fabs(at) < 1e-9 ? 1 : sin(M_PI * at) / (M_PI * at)) * window;
            sum += row[k];
        }
        for (int k = 0; k < TAPS; k++) interpolator[phase][k] = (float)(row[k] / sum);
    }
}

static int32_t ring_size_for(int32_t rate_hz) {
    int32_t size = 1024;
    while (size < rate_hz / 1000 * RING_MS) size *= 2;
    return size;
}

static bool usable(int32_t rate_hz, int tail_ms) {
    return rate_hz >= 8000 && rate_hz <= MS_MAX_RATE_HZ && rate_hz % 1000 == 0 && tail_ms >= 20 && tail_ms <= 500;
}

/* What speexdsp asks for: three windows for each block of the tail (input, and two filters), eighteen of working
 * room, and its bookkeeping. */
static size_t library_bytes(int32_t rate_hz, int tail_ms) {
    size_t window = 2 * (size_t)(rate_hz / 1000 * MS_FRAME_MS);
    size_t blocks = ((size_t)tail_ms + MS_FRAME_MS - 1) / MS_FRAME_MS;
    return 1536 + window * (3 * blocks + 18) * sizeof(float);
}

/* The struct with its ring, then the library's memory. */
static size_t own_bytes(int32_t rate_hz) {
    size_t n = sizeof(ms_echo) + (size_t)ring_size_for(rate_hz) * sizeof(int16_t);
    return (n + MS_ARENA_ALIGNMENT - 1) / MS_ARENA_ALIGNMENT * MS_ARENA_ALIGNMENT;
}

size_t ms_echo_size(int32_t rate_hz, int tail_ms) {
    return usable(rate_hz, tail_ms) ? own_bytes(rate_hz) + library_bytes(rate_hz, tail_ms) : 0;
}

int ms_echo_init(ms_echo *e, int32_t rate_hz, int32_t clock_hz, int tail_ms) {
    if (!usable(rate_hz, tail_ms) || clock_hz < 8000 || clock_hz > MS_MAX_RATE_HZ) return MS_E_ARGUMENT;
    memset(e, 0, ms_echo_size(rate_hz, tail_ms));
    e->rate_hz = rate_hz;
    e->clock_hz = clock_hz;
    e->frame = rate_hz / 1000 * MS_FRAME_MS;
    e->tail = rate_hz / 1000 * tail_ms;
    e->ring_size = ring_size_for(rate_hz);
    e->packet = e->frame;
    e->loud_end = INT32_MIN;
    e->path_db = e->coupling_db = COUPLING_UNKNOWN_DB;
    e->credit_db = FIRST_CREDIT_DB;
    e->residual_dbfs = NOTHING_DBFS;
    e->resting = true;
    ms_clockmap_init(&e->clock, clock_hz);
    ms_arena_enter((uint8_t *)e + own_bytes(rate_hz), library_bytes(rate_hz, tail_ms));
    e->speex = speex_echo_state_init(e->frame, e->tail);
    ms_arena_leave();
    int rate = rate_hz;
    speex_echo_ctl(e->speex, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    return MS_OK;
}

SpeexEchoState *ms_echo_speex(ms_echo *e) { return e->speex; }
bool ms_echo_resting(const ms_echo *e) { return e->resting; }
void ms_echo_set_delay(ms_echo *e, int32_t delay_samples) { e->delay = delay_samples; }

static int peak_of(const int16_t *pcm, size_t n) {
    int peak = 0;
    for (size_t i = 0; i < n; i++) {
        int level = pcm[i] < 0 ? -pcm[i] : pcm[i];
        peak = level > peak ? level : peak;
    }
    return peak;
}

static void clear_ring(ms_echo *e, int64_t from, int64_t to) {
    if (to - from >= e->ring_size) {
        memset(e->ring, 0, (size_t)e->ring_size * sizeof *e->ring);
        return;
    }
    for (int64_t i = from; i < to; i++) e->ring[i & (e->ring_size - 1)] = 0;
}

static double index_of_ns(const ms_echo *e, int64_t ns) {
    return (double)(int64_t)((uint64_t)ns - (uint64_t)e->ring_zero_ns) * e->rate_hz / 1e9;
}

void ms_echo_reference(ms_echo *e, const int16_t *sent, size_t n, int64_t due_ns) {
    if (n == 0 || n > (size_t)e->ring_size) return;
    if (!e->reference_begun) {
        e->reference_begun = true;
        e->ring_zero_ns = due_ns;
    }
    int64_t start = llround(index_of_ns(e, due_ns)), end = start + (int64_t)n;
    if (end <= e->ring_end - e->ring_size) return;  /* older than anything the ring still holds */
    if (start > e->ring_end) clear_ring(e, e->ring_end, start);
    for (size_t i = 0; i < n; i++) e->ring[(start + (int64_t)i) & (e->ring_size - 1)] = sent[i];
    if (end > e->ring_end) e->ring_end = end;
    if (peak_of(sent, n) > INAUDIBLE && end > e->loud_end) e->loud_end = end;
}

void ms_echo_arrival(ms_echo *e, int64_t rtp_extended, int64_t received_ns) {
    if (!e->clock.started || rtp_extended > e->newest_rtp) e->newest_rtp = rtp_extended;
    ms_clockmap_arrival(&e->clock, rtp_extended, received_ns);
}

void ms_echo_resync(ms_echo *e) {
    ms_clockmap_init(&e->clock, e->clock_hz);
    e->lead = 0;
    e->packet = e->frame;
    e->credit_db = FIRST_CREDIT_DB;
}

/* Holds the reading back when it would run ahead of what was sent. */
static double keep_behind(ms_echo *e, double index, int64_t rtp_extended) {
    int32_t per_ms = e->rate_hz / 1000;
    double ahead = index - e->lead + e->frame + TAPS / 2 - (double)e->ring_end;
    if (ahead <= 0 || ahead > IDLE_MS * per_ms) return index - e->lead;
    int64_t ticks = (int64_t)((uint64_t)rtp_extended - (uint64_t)e->newest_rtp);
    if (ticks > 0 && ticks <= e->clock_hz / 1000 * MS_MAX_PTIME_MS) {
        int32_t packet = (int32_t)(ticks * e->rate_hz / e->clock_hz) + e->frame;
        e->packet = packet > e->packet ? packet : e->packet;
    }
    int32_t most = e->packet + LEAD_ROOM_MS * per_ms;
    if (e->lead >= most) return index - e->lead;
    if (e->clock.offset_at_s < SETTLING_S)
        e->lead += (int32_t)ahead + LEAD_MARGIN_MS * per_ms;
    if (e->clock.offset_at_s >= SETTLING_S || e->lead > most) e->lead = most;
    return index - e->lead;
}

static void copy_from_ring(const ms_echo *e, int64_t from, int32_t n, float *out) {
    int64_t oldest = e->ring_end - e->ring_size;
    for (int32_t i = 0; i < n; i++) {
        int64_t index = from + i;
        out[i] = index >= oldest && index < e->ring_end ? e->ring[index & (e->ring_size - 1)] : 0;
    }
}

static void interpolate(const float *window, float fraction, int32_t n, int16_t *out) {
    float taps[TAPS], at = fraction * PHASES;
    int32_t phase = (int32_t)at < PHASES ? (int32_t)at : PHASES - 1;
    float rest = at - (float)phase, sums[BLOCK] = {0};
    for (int32_t k = 0; k < TAPS; k++)
        taps[k] = interpolator[phase][k] * (1 - rest) + interpolator[phase + 1][k] * rest;
    for (int32_t k = 0; k < TAPS; k++)
        for (int32_t i = 0; i < BLOCK; i++) sums[i] += taps[k] * window[i + k];
    for (int32_t i = 0; i < n; i++) {
        float value = sums[i];
        out[i] = (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
    }
}

/* The reference from ring position `index` on, `step` apart: within a block the fraction stays that of its
 * middle, which at 300 ppm is wrong by a four-hundredth of a sample. */
static void read_reference(const ms_echo *e, double index, double step, int16_t *far) {
    float window[BLOCK + TAPS];
    for (int32_t done = 0; done < e->frame; done += BLOCK) {
        double middle = index + step * (done + BLOCK / 2);
        int64_t whole = (int64_t)floor(middle);
        int32_t n = e->frame - done < BLOCK ? e->frame - done : BLOCK;
        copy_from_ring(e, whole - BLOCK / 2 - (TAPS / 2 - 1), BLOCK + TAPS, window);
        interpolate(window, (float)(middle - (double)whole), n, far + done);
    }
}

static float power_of(const int16_t *pcm, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += (float)pcm[i] * (float)pcm[i];
    return sum / (float)n;
}

static float dbfs(float power) {
    return power < 1e-3f ? NOTHING_DBFS : 10 * log10f(power / FULL_SCALE_POWER);
}

/* Follows a ratio near the upper end of what it has been lately. It falls over half a second or more, so that one lucky
 * frame is not taken for a filter that has learnt, and rises by a fixed pace, so slow that a near speaker is
 * noticed long before he has moved it. */
static float follow(float followed_db, float ratio_db, float fall) {
    float toward = ratio_db - followed_db;
    return fminf(followed_db + (toward < 0 ? fall * toward : fminf(toward, RISE_DB)), 0);
}

/* Learns how much of the far end comes back, and how much of that is left. */
static void measure(ms_echo *e, float far, float near, float out) {
    float forget = expf(-(float)e->frame / (float)(e->tail > e->frame ? e->tail : e->frame));
    e->far_recent = fmaxf(far, e->far_recent * forget);
    if (e->far_recent >= QUIET_POWER) {
        e->near_power += 0.02f * (near - e->near_power);
        e->out_power += 0.02f * (out - e->out_power);
        float far_dbfs = dbfs(e->far_recent);
        if (far > e->far_recent / 4) e->path_db = follow(e->path_db, dbfs(near) - far_dbfs, PATH_FALL);
        e->coupling_db = follow(e->coupling_db, dbfs(out) - far_dbfs, COUPLING_FALL);
        e->credit_db = fminf(e->credit_db * CREDIT_GROWTH, -NOTHING_DBFS);
    }
    e->residual_dbfs = dbfs(e->far_recent) + fmaxf(e->coupling_db, e->path_db - e->credit_db);
}

static float emphasised_power(const int16_t *pcm, int32_t n, float *last) {
    float sum = 0, before = *last;
    for (int32_t i = 0; i < n; i++) {
        float high = (float)pcm[i] - PRE_EMPHASIS * before;
        before = (float)pcm[i];
        sum += high * high;
    }
    *last = before;
    return sum / (float)n;
}

/* Starts the filter anew when it has been adding sound instead of taking it off. */
static void mistrust(ms_echo *e, const int16_t *near, const int16_t *cleaned) {
    float came = emphasised_power(near, e->frame, &e->near_last);
    float left = emphasised_power(cleaned, e->frame, &e->cleaned_last);
    e->adding = left > ADDS * came && left > 1 ? e->adding + 1 : 0;
    if (e->adding < ADDING_FRAMES) return;
    speex_echo_state_reset(e->speex);
    e->adding = 0;
    e->credit_db = FIRST_CREDIT_DB;
}

static void rest(ms_echo *e, const int16_t *near, int16_t *out, size_t n) {
    if (out != near) memmove(out, near, n * sizeof *out);
    e->resting = true;
    e->far_recent = 0;
    e->residual_dbfs = NOTHING_DBFS;
}

void ms_echo_process(ms_echo *e, const int16_t *near, int16_t *out, size_t n, int64_t rtp_extended) {
    int16_t far[MS_MAX_FRAME], cleaned[MS_MAX_FRAME];
    if (n != (size_t)e->frame || !e->clock.started || !e->reference_begun) {
        rest(e, near, out, n);
        return;
    }
    double ns_per_tick;
    double since_origin_ns = ms_clockmap_place(&e->clock, rtp_extended, &ns_per_tick);
    double index = since_origin_ns * e->rate_hz / 1e9 + index_of_ns(e, e->clock.origin_ns);
    index = keep_behind(e, index, rtp_extended) - e->delay;
    if (index - TAPS > (double)(e->loud_end + e->tail) || index + e->frame < (double)(e->ring_end - e->ring_size)) {
        rest(e, near, out, n);
        return;
    }
    read_reference(e, index, ns_per_tick * e->clock_hz / 1e9, far);
    speex_echo_cancellation(e->speex, near, far, cleaned);
    e->resting = false;
    mistrust(e, near, cleaned);
    float near_power = power_of(near, e->frame), cleaned_power = power_of(cleaned, e->frame);
    measure(e, power_of(far, e->frame), near_power, cleaned_power);
    /* A filter that adds sound is wrong about the room (it met double talk): what came is the better guess, and
     * the agent must not hear its own voice where the line is silent. */
    memcpy(out, cleaned_power > near_power ? near : cleaned, n * sizeof *out);
}

float ms_echo_erle_db(const ms_echo *e) {
    return e->out_power > 0.1f && e->near_power > 0.1f ? 10 * log10f(e->near_power / e->out_power) : 0;
}

float ms_echo_skew_ppm(const ms_echo *e) { return (float)-ms_clockmap_skew_ppm(&e->clock); }
float ms_echo_residual_dbfs(const ms_echo *e) { return e->residual_dbfs; }
