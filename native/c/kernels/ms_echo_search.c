#include "ms_echo_search.h"

#include "ms_fft.h"

#include <math.h>
#include <string.h>

enum { FIRST_BIN = 4, BINS_A_BAND = 4 };   /* of 50 Hz: 200 to 3400 */
enum { NEIGHBOURS = 3 };                   /* lags that may match as well as the best */
static const float FALL_MOST = -1.5f, RISE_MOST = 3;   /* octaves of power */
static const float HUSH = 120;             /* power of a sample below which a band has no rhythm */
static const float SMOOTHS = 0.02f;        /* each 10 ms: half a second */
static const float STRONG = 0.45f, FAINT = 0.18f, STANDS_OUT = 1.8f;
static const float GIVES_WAY = 0.5f;
enum { CHANGE_BLOCKS = 30 };
enum { STRONG_BLOCKS = 15, FAINT_BLOCKS = 100, ENOUGH_BLOCKS = 15 };
static const float RHYTHM = 8;             /* square octaves, of all bands */

int ms_echo_search_init(ms_echo_search *s, int32_t rate_hz) {
    memset(s, 0, sizeof *s);
    s->lag = s->candidate = -1;
    s->block = rate_hz / 1000 * MS_SEARCH_BLOCK_MS;
    return ms_fft_of(2 * s->block) ? MS_OK : MS_E_ARGUMENT;
}

/* The logarithm to base 2 to a hundredth: exponent and a parabola through the mantissa. */
static inline float octaves(float power) {
    union { float value; int32_t bits; } u = {.value = power};
    float exponent = (float)((u.bits >> 23) - 127);
    u.bits = (u.bits & 0x7fffff) | 0x3f800000;
    return exponent + (-0.344f * u.value + 2.024f) * u.value - 1.68f;
}

/* How much each band rose in this block. */
static void rise(ms_search_side *side, int32_t n, const int16_t *pcm, float *out) {
    float window[MS_FFT_MAX], re[MS_FFT_MAX_BINS], im[MS_FFT_MAX_BINS], least = HUSH * (float)n;
    for (int32_t i = 0; i < n; i++) {
        window[i] = side->before[i] * ((float)i + 0.5f) / (float)n;
        window[n + i] = pcm[i] * ((float)(n - i) - 0.5f) / (float)n;
    }
    memcpy(side->before, pcm, (size_t)n * sizeof *pcm);
    ms_fft_forward(ms_fft_of(2 * n), window, re, im);
    for (int32_t b = 0; b < MS_SEARCH_BANDS; b++) {
        float power = least;
        for (int32_t k = FIRST_BIN + b * BINS_A_BAND; k < FIRST_BIN + (b + 1) * BINS_A_BAND; k++)
            power += re[k] * re[k] + im[k] * im[k];
        float level = octaves(power), rose = level - 0.5f * (side->levels[0][b] + side->levels[1][b]);
        side->levels[1][b] = side->levels[0][b];
        side->levels[0][b] = level;
        out[b] = rose < FALL_MOST ? FALL_MOST : rose > RISE_MOST ? RISE_MOST : rose;
    }
}

static float product(const float *restrict a, const float *restrict b) {
    float sum = 0;
    for (int32_t i = 0; i < MS_SEARCH_BANDS; i++) sum += a[i] * b[i];
    return sum;
}

MS_SIMD static void correlate(ms_echo_search *s, const float *near) {
    for (int32_t lag = 0; lag < MS_SEARCH_LAGS; lag++) {
        int32_t at = (s->newest + lag) % MS_SEARCH_LAGS;
        s->match[lag] += SMOOTHS * (product(s->rises[at], near) - s->match[lag]);
        s->far_power[lag] += SMOOTHS * (s->rise_power[at] - s->far_power[lag]);
    }
    s->near_power += SMOOTHS * (product(near, near) - s->near_power);
}

static float score_of(const ms_echo_search *s, int32_t lag) {
    return s->match[lag] / sqrtf(s->far_power[lag] * s->near_power + 1e-3f);
}

/* The best lag, how well it matches, and how well the best that is not beside it. */
static int32_t best_of(const ms_echo_search *s, float *best, float *other) {
    float score[MS_SEARCH_LAGS];
    int32_t found = 0;
    for (int32_t lag = 0; lag < MS_SEARCH_LAGS; lag++) {
        score[lag] = score_of(s, lag);
        found = score[lag] > score[found] ? lag : found;
    }
    *best = score[found];
    *other = 0;
    for (int32_t lag = 0; lag < MS_SEARCH_LAGS; lag++)
        if ((lag < found - NEIGHBOURS || lag > found + NEIGHBOURS) && score[lag] > *other) *other = score[lag];
    return found;
}

/* A lag that was found gives way to another only when it does not match any more itself: two who talk at once can be
 * alike for a while. */
static bool may_change_to(const ms_echo_search *s, int32_t found, float best) {
    if (s->lag < 0 || (found >= s->lag - 1 && found <= s->lag + 1)) return true;
    return score_of(s, s->lag) < GIVES_WAY * best && s->held >= CHANGE_BLOCKS;
}

int32_t ms_echo_search_process(ms_echo_search *s, const int16_t *far, const int16_t *near) {
    float near_rise[MS_SEARCH_BANDS], best, other;
    s->newest = (s->newest + MS_SEARCH_LAGS - 1) % MS_SEARCH_LAGS;
    rise(&s->far, s->block, far, s->rises[s->newest]);
    s->rise_power[s->newest] = product(s->rises[s->newest], s->rises[s->newest]);
    if (s->heard < ENOUGH_BLOCKS && s->rise_power[s->newest] > RHYTHM) s->heard++;
    rise(&s->near, s->block, near, near_rise);
    correlate(s, near_rise);
    int32_t found = best_of(s, &best, &other);
    bool same = s->candidate >= 0 && found >= s->candidate - 1 && found <= s->candidate + 1;
    bool stands_out = s->heard == ENOUGH_BLOCKS && best > FAINT && best > STANDS_OUT * other;
    s->held = same && stands_out ? s->held + 1 : 0;
    if (!same) s->candidate = found;
    if (s->held >= (best > STRONG ? STRONG_BLOCKS : FAINT_BLOCKS) && may_change_to(s, found, best)) s->lag = found;
    return s->lag;
}
