/* A voice that goes on: source and filter apart.
 *
 * A linear predictor of the last 30 ms is the voice's colour (its formants); what it cannot predict, the residual, is
 * what excited it. In a gap the filter goes on with what it remembers, so there is no seam, excited by the last pitch
 * period of the residual over and over, mixed with pieces of it in no order where the voice was breath rather than
 * tone, and more so the longer the gap: a voice that does not change at all sounds like a machine.
 *
 * `linear` is the same filter left to itself: no excitation. */
#include <math.h>
#include <string.h>

#include "ms_conceal_state.h"

enum { WINDOW_MS = 30, RESIDUAL_MS = 40, MATCH_MS = 20, PITCH_MIN_US = 2500, GRID_HZ = 8000 };
static const float ONE_OF_TWO = 0.9f;                 /* a period half or a third as long, when it fits nearly as well */
static const float BREATH = 0.1f, TONE = 0.5f;      /* correlations below and above which a voice is one of them */
static const float STEADY_MS = 40, UNSTEADY_MS = 200, STEADIEST = 0.3f;
static const double PI = 3.14159265358979323846;

static int32_t samples_in(int32_t rate_hz, int32_t us) { return (int32_t)((int64_t)rate_hz * us / 1000000); }

static int32_t order_at(int32_t rate_hz) { return rate_hz <= 8000 ? 16 : rate_hz <= 16000 ? 24 : MS_CONCEAL_ORDER_MAX; }

size_t ms_conceal_voice_floats(int32_t rate_hz) { return (size_t)rate_hz / 1000 * RESIDUAL_MS; }

void ms_conceal_voice_place(ms_concealer *c, float *memory) {
    c->voice.order = order_at(c->rate_hz);
    c->voice.residual = memory;
    c->voice.residual_n = c->rate_hz / 1000 * RESIDUAL_MS;
}

/* ---- pitch ---------------------------------------------------------------------------------------------------------- */

/* Every `stride`-th of the last samples against those one lag earlier, normalised. */
MS_SIMD static float match(const float *end, int32_t n, int32_t lag, int32_t stride) {
    float product = 0, now = 1, then = 1;
    for (int32_t i = -n; i < 0; i += stride) {
        product += end[i] * end[i - lag];
        now += end[i] * end[i];
        then += end[i - lag] * end[i - lag];
    }
    return product / sqrtf(now * then);
}

static int32_t best_lag(const float *end, int32_t n, int32_t from, int32_t to, int32_t stride, float *best) {
    int32_t found = from;
    *best = -2;
    for (int32_t lag = from; lag <= to; lag += stride) {
        float value = match(end, n, lag, stride);
        if (value <= *best) continue;
        *best = value;
        found = lag;
    }
    return found;
}

/* The longest common period fits as well as the shortest: prefer that one. */
static int32_t shortest_fitting(const float *end, int32_t n, int32_t lag, int32_t shortest, float *best) {
    for (int32_t part = 2; part <= 3; part++) {
        float value;
        int32_t from = lag / part - 2, to = lag / part + 2;
        if (lag / part < shortest) continue;
        int32_t found = best_lag(end, n, from < shortest ? shortest : from, to, 1, &value);
        if (value <= ONE_OF_TWO * *best) continue;
        *best = value;
        return found;
    }
    return lag;
}

static void find_pitch(ms_concealer *c) {
    const float *end = c->history + c->history_n;
    int32_t shortest = samples_in(c->rate_hz, PITCH_MIN_US), longest = samples_in(c->rate_hz, MS_CONCEAL_PITCH_MAX_US);
    int32_t n = c->rate_hz / 1000 * MATCH_MS, stride = c->rate_hz / GRID_HZ;
    float best;
    int32_t lag = best_lag(end, n, shortest, longest, stride, &best);
    if (stride > 1) {
        int32_t from = lag - stride + 1, to = lag + stride - 1;
        lag = best_lag(end, n, from < shortest ? shortest : from, to > longest ? longest : to, 1, &best);
    }
    c->voice.pitch = shortest_fitting(end, n, lag, shortest, &best);
    float voicing = (best - BREATH) / (TONE - BREATH);
    c->voice.voicing = voicing < 0 ? 0 : voicing > 1 ? 1 : voicing;
}

/* ---- colour ---------------------------------------------------------------------------------------------------------- */

MS_SIMD static float correlation(const float *x, int32_t n, int32_t lag) {
    float sum = 0;
    for (int32_t i = lag; i < n; i++) sum += x[i] * x[i - lag];
    return sum;
}

/* Levinson-Durbin on the windowed past; a little white noise and a blur of 40 Hz keep the filter from ringing. */
static void find_predictor(ms_concealer *c) {
    ms_conceal_voice *v = &c->voice;
    int32_t n = c->rate_hz / 1000 * WINDOW_MS;
    float windowed[MS_MAX_RATE_HZ / 1000 * WINDOW_MS], r[MS_CONCEAL_ORDER_MAX + 1];
    const float *past = c->history + c->history_n - n;
    for (int32_t i = 0; i < n; i++) windowed[i] = past[i] * (float)(0.54 - 0.46 * cos(2 * PI * i / (n - 1)));
    for (int32_t k = 0; k <= v->order; k++) {
        double blur = 2 * PI * 40 * k / c->rate_hz;
        r[k] = correlation(windowed, n, k) * (float)exp(-0.5 * blur * blur);
    }
    float error = r[0] * 1.0001f + 1, *a = v->predictor;
    memset(a, 0, sizeof v->predictor);
    a[0] = 1;
    for (int32_t i = 1; i <= v->order; i++) {
        float sum = r[i];
        for (int32_t k = 1; k < i; k++) sum += a[k] * r[i - k];
        float reflection = -sum / error;
        for (int32_t k = 1; 2 * k <= i; k++) {
            float low = a[k], high = a[i - k];
            a[k] = low + reflection * high;
            if (2 * k < i) a[i - k] = high + reflection * low;
        }
        a[i] = reflection;
        error *= 1 - reflection * reflection;
    }
}

static void find_residual(ms_concealer *c) {
    ms_conceal_voice *v = &c->voice;
    const float *from = c->history + c->history_n - v->residual_n;
    for (int32_t i = 0; i < v->residual_n; i++) {
        float sum = from[i];
        for (int32_t k = 1; k <= v->order; k++) sum += v->predictor[k] * from[i - k];
        v->residual[i] = sum;
    }
}

void ms_conceal_voice_begin(ms_concealer *c) {
    ms_conceal_voice *v = &c->voice;
    find_pitch(c);
    find_predictor(c);
    find_residual(c);
    memcpy(v->memory, c->history + c->history_n - v->order, (size_t)v->order * sizeof *v->memory);
    v->at = 0;
}

/* ---- going on -------------------------------------------------------------------------------------------------------- */

static float filtered(ms_conceal_voice *v, float excitation) {
    float sum = excitation;
    for (int32_t k = 1; k <= v->order; k++) sum -= v->predictor[k] * v->memory[v->order - k];
    if (!(fabsf(sum) < 1e5f)) sum = 0; /* a filter that rings is cut short, not heard */
    memmove(v->memory, v->memory + 1, (size_t)(v->order - 1) * sizeof *v->memory);
    v->memory[v->order - 1] = sum;
    return sum;
}

/* How much of the excitation repeats itself. */
static float tone_share(const ms_conceal_voice *v, int32_t rate_hz) {
    float ms = (float)v->at * 1000 / (float)rate_hz;
    float steady = 1 - (ms - STEADY_MS) / UNSTEADY_MS;
    return v->voicing * (steady > 1 ? 1 : steady < STEADIEST ? STEADIEST : steady);
}

void ms_conceal_voice_next(ms_concealer *c, float *out, int32_t n) {
    ms_conceal_voice *v = &c->voice;
    const float *period = v->residual + v->residual_n - v->pitch;
    int32_t lately = c->rate_hz / 1000 * MATCH_MS;
    for (int32_t i = 0; i < n; i++, v->at++) {
        float share = tone_share(v, c->rate_hz);
        float breath = v->residual[v->residual_n - 1 - (int32_t)(ms_chance(&v->chance) % (uint32_t)lately)];
        out[i] = filtered(v, sqrtf(share) * period[v->at % v->pitch] + sqrtf(1 - share) * breath);
    }
}

void ms_conceal_linear_next(ms_concealer *c, float *out, int32_t n) {
    for (int32_t i = 0; i < n; i++) out[i] = filtered(&c->voice, 0);
}
