#include "ms_conceal_state.h"

#include <math.h>
#include <string.h>

enum { FRAME_MS = 20, MERGE_MS = 12, HOLD_MS = 40, NOISE_FROM_MS = 60, NOISE_FULL_MS = 100, STEP_MS = 10, PIECE = 480 };
static const float VOICE_FADE = 0.9f;        /* each 10 ms, after HOLD_MS */
static const float FRAME_FADE = 0.7f;        /* each 20 ms, from the first on */
static const float LOW_LOSS = 0.05f, HIGH_LOSS = 0.10f, LOSS_MEMORY_S = 2;
static const uint32_t SEED = 0x9e3779b9u;

static int32_t ms_of(const ms_concealer *c, int32_t ms) { return c->rate_hz / 1000 * ms; }

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static size_t history_floats(int32_t rate_hz, int method) {
    size_t plain = (size_t)rate_hz / 1000 * MS_CONCEAL_HISTORY_MS;
    bool spectral = method == MS_CONCEAL_SPECTRAL || method == MS_CONCEAL_AUTO;
    size_t windows = spectral ? ms_conceal_spectrum_floats(rate_hz) / 5 * 3 / 2 : 0;
    return windows > plain ? windows : plain;
}

static size_t spectrum_floats(int32_t rate_hz, int method) {
    return method == MS_CONCEAL_SPECTRAL || method == MS_CONCEAL_AUTO ? ms_conceal_spectrum_floats(rate_hz) : 0;
}

static bool usable(int32_t rate_hz, int method) {
    return rate_hz >= 8000 && rate_hz <= MS_MAX_RATE_HZ && rate_hz % 1000 == 0 && method >= 0 && method <= MS_CONCEAL_AUTO;
}

size_t ms_concealer_size(int32_t rate_hz, int method) {
    if (!usable(rate_hz, method)) return 0;
    size_t floats = history_floats(rate_hz, method) + ms_conceal_voice_floats(rate_hz) + spectrum_floats(rate_hz, method);
    return sizeof(ms_concealer) + floats * sizeof(float) + history_floats(rate_hz, method) * sizeof(int16_t);
}

int ms_concealer_init(ms_concealer *c, int32_t rate_hz, int method) {
    size_t size = ms_concealer_size(rate_hz, method);
    if (!size) return MS_E_ARGUMENT;
    memset(c, 0, size);
    c->rate_hz = rate_hz;
    c->method = (uint8_t)method;
    c->history_n = (int32_t)history_floats(rate_hz, method);
    c->voice.chance = SEED;
    ms_comfort_listener_init(&c->quiet, rate_hz);
    ms_comfort_generator_init(&c->noise, rate_hz, SEED);
    c->history = (float *)(c + 1);
    float *after = c->history + c->history_n;
    c->ring = (int16_t *)(after + ms_conceal_voice_floats(rate_hz) + spectrum_floats(rate_hz, method));
    ms_conceal_voice_place(c, after);
    if (spectrum_floats(rate_hz, method)) ms_conceal_spectrum_place(c, after + ms_conceal_voice_floats(rate_hz));
    return MS_OK;
}

float ms_concealer_loss(const ms_concealer *c) { return c->loss; }

/* ---- the past ------------------------------------------------------------------------------------------------------- */

/* Good frames are many and gaps few: the past goes round in a ring, and is laid out only when a gap begins. */
static void remember(ms_concealer *c, const int16_t *pcm, size_t n) {
    size_t length = (size_t)c->history_n;
    if (n > length) {
        pcm += n - length;
        n = length;
    }
    size_t first = length - (size_t)c->newest < n ? length - (size_t)c->newest : n;
    memcpy(c->ring + c->newest, pcm, first * sizeof *pcm);
    memcpy(c->ring, pcm + first, (n - first) * sizeof *pcm);
    c->newest = (int32_t)(((size_t)c->newest + n) % length);
}

static void lay_out_history(ms_concealer *c) {
    int32_t oldest = c->history_n - c->newest;
    for (int32_t i = 0; i < oldest; i++) c->history[i] = c->ring[c->newest + i];
    for (int32_t i = 0; i < c->newest; i++) c->history[oldest + i] = c->ring[i];
}

/* In steps of 10 ms, however the sound is cut. */
static void note_loss(ms_concealer *c, size_t n, bool lost) {
    int32_t step = ms_of(c, STEP_MS);
    while (n > 0) {
        size_t left = (size_t)(step - c->step_samples), piece = n < left ? n : left;
        c->step_samples += (int32_t)piece;
        c->step_lost += lost ? (int32_t)piece : 0;
        n -= piece;
        if (c->step_samples < step) return;
        c->loss += ((float)c->step_lost / (float)step - c->loss) * STEP_MS / 1000 / LOSS_MEMORY_S;
        c->step_samples = c->step_lost = 0;
    }
}

void ms_concealer_told(ms_concealer *c, const ms_comfort_noise *noise) { ms_comfort_told(&c->quiet, noise); }

/* ---- what is made up ------------------------------------------------------------------------------------------------ */

static uint8_t choose(const ms_concealer *c) {
    if (c->method != MS_CONCEAL_AUTO) return c->method;
    return c->loss < LOW_LOSS ? MS_CONCEAL_LINEAR : c->loss < HIGH_LOSS ? MS_CONCEAL_SPECTRAL : MS_CONCEAL_WAVEFORM;
}

static void repeat_begin(ms_concealer *c) {
    int32_t frame = ms_of(c, FRAME_MS);
    memcpy(c->voice.residual, c->history + c->history_n - frame, (size_t)frame * sizeof(float));
    c->voice.at = 0;
}

static void begin_gap(ms_concealer *c) {
    c->chosen = choose(c);
    lay_out_history(c);
    ms_comfort_noise quiet;
    ms_comfort_learnt(&c->quiet, &quiet);
    ms_comfort_aim(&c->noise, &quiet);
    if (c->chosen == MS_CONCEAL_SPECTRAL) ms_conceal_spectrum_begin(c);
    else if (c->chosen != MS_CONCEAL_REPEAT) ms_conceal_voice_begin(c);
    else repeat_begin(c);
}

static void repeat_next(ms_concealer *c, float *out, int32_t n) {
    int32_t frame = ms_of(c, FRAME_MS);
    for (int32_t i = 0; i < n; i++, c->voice.at++)
        out[i] = c->voice.residual[c->voice.at % frame];
}

static void make_up(ms_concealer *c, float *out, int32_t n) {
    static void (*const next[])(ms_concealer *, float *, int32_t) = {
        [MS_CONCEAL_WAVEFORM] = ms_conceal_voice_next, [MS_CONCEAL_REPEAT] = repeat_next,
        [MS_CONCEAL_LINEAR] = ms_conceal_linear_next, [MS_CONCEAL_SPECTRAL] = ms_conceal_spectrum_next,
    };
    next[c->chosen](c, out, n);
}

static float ramp(float value, float from, float to) {
    return value <= from ? 0 : value >= to ? 1 : (value - from) / (to - from);
}

static float fade_at(const ms_concealer *c, float ms) {
    if (c->chosen != MS_CONCEAL_WAVEFORM) return powf(FRAME_FADE, 1 + floorf(ms / FRAME_MS));
    return ms < HOLD_MS ? 1 : powf(VOICE_FADE, (ms - HOLD_MS) / 10);
}

static void next_samples(ms_concealer *c, float *out, int32_t n) {
    if (c->lost_samples == 0) begin_gap(c);
    make_up(c, out, n);
    for (int32_t i = 0; i < n; i++) {
        float ms = (float)c->lost_samples * 1000 / (float)c->rate_hz;
        float gone = ramp(ms, NOISE_FROM_MS, NOISE_FULL_MS);
        out[i] *= fade_at(c, ms) * (1 - gone);
        if (gone > 0) out[i] += gone * ms_comfort_next(&c->noise);
        if (c->lost_samples < INT32_MAX / 2) c->lost_samples++;
    }
}

static int16_t to_int16(float value) {
    return (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

/* ---- the two calls --------------------------------------------------------------------------------------------------- */

static void merge(ms_concealer *c, int16_t *pcm, size_t n) {
    float going_on[MS_MAX_RATE_HZ / 1000 * MERGE_MS];
    int32_t length = ms_of(c, MERGE_MS);
    if ((size_t)length > n) length = (int32_t)n;
    next_samples(c, going_on, length);
    for (int32_t i = 0; i < length; i++) {
        float good = (float)(i + 1) / (float)(length + 1);
        pcm[i] = to_int16(going_on[i] * (1 - good) + (float)pcm[i] * good);
    }
    c->lost_samples = 0;
}

void ms_concealer_good(ms_concealer *c, int16_t *pcm, size_t n) {
    if (n == 0) return;
    note_loss(c, n, false);
    if (c->lost_samples > 0) merge(c, pcm, n);
    ms_comfort_listen(&c->quiet, pcm, n);
    remember(c, pcm, n);
}

void ms_concealer_lost(ms_concealer *c, int16_t *out, size_t n) {
    for (size_t done = 0; done < n;) {
        float made[PIECE];
        int32_t piece = n - done < PIECE ? (int32_t)(n - done) : PIECE;
        next_samples(c, made, piece);
        for (int32_t i = 0; i < piece; i++) out[done + (size_t)i] = to_int16(made[i]);
        remember(c, out + done, (size_t)piece);
        done += (size_t)piece;
        note_loss(c, (size_t)piece, true);
    }
}
