/* Concealment after ITU-T G.711 Appendix I: go on with the voice's own last pitch periods.
 *
 * At the first lost sample the pitch is found in the last 48.75 ms, and its last period is repeated; after 10 ms
 * the last two, after 20 ms the last three, which keeps a long gap from buzzing. From 10 ms on it fades by a
 * fifth of its level each 10 ms, to silence at 60 ms. The first good audio is cross-faded with what the
 * repetition would have said, longer after longer gaps.
 *
 * One departure: the Appendix delays all audio by 3.75 ms so that it can also blend into the last good samples.
 * The ears cannot afford the delay; here the first quarter period blends out of the mirrored tail instead. */
#include "ms_kernels.h"

#include <math.h>
#include <string.h>

enum { PITCH_MIN_US = 5000, PITCH_MAX_US = 15000, CORRELATION_US = 20000, HISTORY_US = 48750 };
enum { STAGE_MS = 10, MERGE_PER_STAGE_US = 4000, MERGE_MAX_US = 10000, MAX_PERIODS = 3 };
static const float FADE_PER_STAGE = 0.2f;
static const float SILENT_ENERGY_PER_SAMPLE = 1.5f;  /* below it (two quantising steps) there is no pitch to find */

struct ms_concealer {
    int32_t rate_hz, history_samples, stage_samples;
    int32_t pitch, quarter;     /* samples; of the gap in progress */
    int32_t periods, offset;    /* periods in the cycle; next sample in it */
    int32_t lost_samples;       /* so far in this gap, 0: none in progress */
    int32_t blend, blend_total; /* samples left of a blend out of the old voice, and its whole length */
    /* the history; the source, which is the history as it was when the gap began; the blend's old voice */
    float memory[];
};

static int32_t samples_in(int32_t rate_hz, int32_t us) {
    return (int32_t)((int64_t)rate_hz * us / 1000000);
}

static int32_t longest_quarter(int32_t rate_hz) {
    return samples_in(rate_hz, PITCH_MAX_US) / 4 + 1;
}

static float *history_of(ms_concealer *c) { return c->memory; }
static float *source_of(ms_concealer *c) { return c->memory + c->history_samples; }
static float *blended_of(ms_concealer *c) { return c->memory + 2 * c->history_samples; }

size_t ms_concealer_size(int32_t rate_hz) {
    if (rate_hz < 8000 || rate_hz > MS_MAX_RATE_HZ) return 0;
    size_t floats = 2 * (size_t)samples_in(rate_hz, HISTORY_US) + (size_t)longest_quarter(rate_hz);
    return sizeof(ms_concealer) + floats * sizeof(float);
}

int ms_concealer_init(ms_concealer *c, int32_t rate_hz) {
    size_t size = ms_concealer_size(rate_hz);
    if (!size) return MS_E_ARGUMENT;
    memset(c, 0, size);
    c->rate_hz = rate_hz;
    c->history_samples = samples_in(rate_hz, HISTORY_US);
    c->stage_samples = samples_in(rate_hz, STAGE_MS * 1000);
    return MS_OK;
}

static void remember(ms_concealer *c, const int16_t *pcm, size_t n) {
    float *history = history_of(c);
    size_t length = (size_t)c->history_samples;
    if (n > length) {
        pcm += n - length;
        n = length;
    }
    memmove(history, history + n, (length - n) * sizeof(float));
    for (size_t i = 0; i < n; i++) history[length - n + i] = pcm[i];
}

/* How well the last CORRELATION_US match those `lag` samples before them, judged on every `stride`-th. */
static float match(const float *end, int32_t length, int32_t lag, int32_t stride) {
    float product = 0, energy = 0;
    for (int32_t i = -length; i < 0; i += stride) {
        product += end[i] * end[i - lag];
        energy += end[i - lag] * end[i - lag];
    }
    float floor = SILENT_ENERGY_PER_SAMPLE * (float)(length / stride);
    return product / sqrtf(energy > floor ? energy : floor);
}

static int32_t best_lag(const float *end, int32_t length, int32_t from, int32_t to, int32_t stride) {
    int32_t best = from;
    float best_match = -INFINITY;
    for (int32_t lag = from; lag <= to; lag += stride) {
        float value = match(end, length, lag, stride);
        if (value > best_match) {
            best_match = value;
            best = lag;
        }
    }
    return best;
}

static int32_t find_pitch(ms_concealer *c) {
    const float *end = history_of(c) + c->history_samples;
    int32_t shortest = samples_in(c->rate_hz, PITCH_MIN_US), longest = samples_in(c->rate_hz, PITCH_MAX_US);
    int32_t length = samples_in(c->rate_hz, CORRELATION_US);
    int32_t stride = c->rate_hz / 4000;
    int32_t coarse = best_lag(end, length, shortest, longest, stride);
    int32_t from = coarse - stride + 1, to = coarse + stride - 1;
    return best_lag(end, length, from < shortest ? shortest : from, to > longest ? longest : to, 1);
}

/* The cycle is the last `periods` periods before the gap; to make it loop, its last quarter period is blended
 * into what came before its start. */
static float next_of_cycle(ms_concealer *c) {
    int32_t cycle = c->periods * c->pitch;
    const float *source = source_of(c) + c->history_samples - cycle + c->offset;
    int32_t into_quarter = c->offset - (cycle - c->quarter) + 1;
    if (++c->offset == cycle) c->offset = 0;
    if (into_quarter <= 0) return source[0];
    float before = (float)into_quarter / (float)(c->quarter + 1);
    return source[0] * (1 - before) + source[-cycle] * before;
}

static void begin_blend(ms_concealer *c) {
    c->blend = c->blend_total = c->quarter;
}

static void begin_gap(ms_concealer *c) {
    const float *end = history_of(c) + c->history_samples;
    memcpy(source_of(c), history_of(c), (size_t)c->history_samples * sizeof(float));
    c->pitch = find_pitch(c);
    c->quarter = c->pitch / 4;
    c->offset = 0;
    c->periods = 1;
    for (int32_t i = 0; i < c->quarter; i++) blended_of(c)[i] = end[-1 - i];
    begin_blend(c);
}

/* The gap grew: one period more in the cycle, entered where the shorter one would have gone on. */
static void widen_cycle(ms_concealer *c) {
    int32_t offset = c->offset;
    for (int32_t i = 0; i < c->quarter; i++) blended_of(c)[i] = next_of_cycle(c);
    c->offset = offset % c->pitch;
    c->periods++;
    begin_blend(c);
}

static float fade_at(const ms_concealer *c) {
    float stages = (float)(c->lost_samples - c->stage_samples) / (float)c->stage_samples;
    if (stages <= 0) return 1;
    float level = 1 - FADE_PER_STAGE * stages;
    return level > 0 ? level : 0;
}

static float next_sample(ms_concealer *c) {
    if (c->lost_samples && c->lost_samples % c->stage_samples == 0 && c->periods < MAX_PERIODS) widen_cycle(c);
    float value = next_of_cycle(c);
    if (c->blend > 0) {
        float old = (float)c->blend / (float)(c->blend_total + 1);
        value = value * (1 - old) + blended_of(c)[c->blend_total - c->blend] * old;
        c->blend--;
    }
    value *= fade_at(c);
    if (fade_at(c) > 0) c->lost_samples++;
    return value;
}

static int16_t to_int16(float value) {
    return (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

static int32_t merge_samples(const ms_concealer *c) {
    int32_t stages = (c->lost_samples - 1) / c->stage_samples;
    int32_t merge = c->quarter + stages * samples_in(c->rate_hz, MERGE_PER_STAGE_US);
    int32_t longest = samples_in(c->rate_hz, MERGE_MAX_US);
    return merge < longest ? merge : longest;
}

void ms_concealer_good(ms_concealer *c, int16_t *pcm, size_t n) {
    if (n == 0) return;
    if (c->lost_samples > 0) {
        int32_t merge = merge_samples(c);
        if ((size_t)merge > n) merge = (int32_t)n;
        for (int32_t i = 0; i < merge; i++) {
            float good = (float)(i + 1) / (float)(merge + 1);
            pcm[i] = to_int16(next_sample(c) * (1 - good) + (float)pcm[i] * good);
        }
        c->lost_samples = 0;
    }
    remember(c, pcm, n);
}

void ms_concealer_lost(ms_concealer *c, int16_t *out, size_t n) {
    if (n == 0) return;
    if (c->lost_samples == 0) begin_gap(c);
    for (size_t i = 0; i < n; i++) out[i] = to_int16(next_sample(c));
    remember(c, out, n);
}
