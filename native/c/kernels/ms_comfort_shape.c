/* The shape of a noise, in the three forms that it is needed in: correlations (which can be averaged), reflection
 * coefficients (which can be sent, and make noise), and the spectrum (which can go to another sample rate). */
#include <math.h>
#include <string.h>

#include "ms_comfort.h"

enum { BINS = 64 };
static const float PI = 3.14159265f;
static const float WHITER = 1.001f;      /* keeps sharp lines from becoming tones */
static const float OUT_OF_BAND = 1e-3f;  /* where the lower rate has nothing: 30 dB below its mean */

MS_SIMD static float correlation_at(const int16_t *pcm, size_t n, size_t lag) {
    float sum = 0;
    for (size_t i = lag; i < n; i++) sum += (float)pcm[i] * (float)pcm[i - lag];
    return sum / (float)n;
}

void ms_comfort_correlate(const int16_t *pcm, size_t n, float *correlation) {
    for (size_t lag = 0; lag <= MS_COMFORT_ORDER; lag++) correlation[lag] = correlation_at(pcm, n, lag);
}

/* Levinson-Durbin. Silence has no shape. */
void ms_comfort_reflect(const float *correlation, float *reflections) {
    float a[MS_COMFORT_ORDER + 1] = {1}, error = correlation[0] * WHITER;
    memset(reflections, 0, MS_COMFORT_ORDER * sizeof *reflections);
    for (int i = 1; i <= MS_COMFORT_ORDER && error > 0; i++) {
        float sum = correlation[i], before[MS_COMFORT_ORDER + 1];
        for (int k = 1; k < i; k++) sum += a[k] * correlation[i - k];
        float reflection = -sum / error;
        memcpy(before, a, sizeof a);
        for (int k = 1; k < i; k++) a[k] += reflection * before[i - k];
        a[i] = reflections[i - 1] = reflection;
        error *= 1 - reflection * reflection;
    }
}

static void to_predictor(const float *reflections, float *a) {
    memset(a, 0, (MS_COMFORT_ORDER + 1) * sizeof *a);
    a[0] = 1;
    for (int i = 1; i <= MS_COMFORT_ORDER; i++) {
        float before[MS_COMFORT_ORDER + 1];
        memcpy(before, a, sizeof before);
        for (int k = 1; k < i; k++) a[k] += reflections[i - 1] * before[i - k];
        a[i] = reflections[i - 1];
    }
}

/* 1 / |A|^2 at the angle whose cosine and sine are given. */
static float response(const float *a, float cosine, float sine) {
    float re = 0, im = 0;
    for (int i = MS_COMFORT_ORDER; i >= 0; i--) {
        float turned = re * cosine + im * sine;
        im = im * cosine - re * sine;
        re = turned + a[i];
    }
    return 1 / (re * re + im * im + 1e-9f);
}

/* The spectrum from 0 to half the new rate; beyond the old band it is nearly empty. */
static float spectrum_of(const ms_comfort_noise *noise, int32_t from_hz, int32_t to_hz, float *spectrum) {
    float a[MS_COMFORT_ORDER + 1], sum = 0, all = 0;
    to_predictor(noise->reflections, a);
    for (int bin = 0; bin < BINS; bin++) {
        float angle = PI * ((float)bin + 0.5f) / BINS, at = angle * (float)to_hz / (float)from_hz;
        all += response(a, cosf(angle), sinf(angle));
        spectrum[bin] = at < PI ? response(a, cosf(at), sinf(at)) : 0;
        sum += spectrum[bin];
    }
    for (int bin = 0; bin < BINS; bin++) spectrum[bin] += OUT_OF_BAND * sum / BINS;
    float left = sum / all * (float)to_hz / (float)from_hz; /* of the power; bins miss what is sharp */
    return to_hz < from_hz && left < 1 ? left : 1;
}

void ms_comfort_correlation_of(const ms_comfort_noise *noise, int32_t from_hz, int32_t to_hz, float *correlation) {
    float spectrum[BINS], share = spectrum_of(noise, from_hz, to_hz, spectrum);
    memset(correlation, 0, (MS_COMFORT_ORDER + 1) * sizeof *correlation);
    for (int bin = 0; bin < BINS; bin++) {
        float cosine = cosf(PI * ((float)bin + 0.5f) / BINS), before = cosine, now = 1; /* cos(lag * angle), by Chebyshev */
        for (int lag = 0; lag <= MS_COMFORT_ORDER; lag++) {
            correlation[lag] += spectrum[bin] * now;
            float next = 2 * cosine * now - before;
            before = now;
            now = next;
        }
    }
    float scale = noise->power * share / correlation[0];
    for (int lag = 0; lag <= MS_COMFORT_ORDER; lag++) correlation[lag] *= scale;
}

void ms_comfort_at_rate(ms_comfort_noise *noise, int32_t from_hz, int32_t to_hz) {
    float correlation[MS_COMFORT_ORDER + 1];
    if (from_hz == to_hz) return;
    ms_comfort_correlation_of(noise, from_hz, to_hz, correlation);
    ms_comfort_reflect(correlation, noise->reflections);
    noise->power = correlation[0];
}
