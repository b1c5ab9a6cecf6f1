/* Every line of the spectrum goes on in phase: its turn between the last two half-overlapping windows is repeated, with
 * the magnitude it had, window after window, added up where they overlap. Good for tones and chords; a voice becomes a
 * choir. */
#include <math.h>
#include <string.h>

#include "ms_conceal_state.h"

static const double PI = 3.14159265358979323846;

static int32_t window_at(int32_t rate_hz) {
    int32_t window = 256;
    while (window < rate_hz / 1000 * 32) window *= 2;
    return window;
}

size_t ms_conceal_spectrum_floats(int32_t rate_hz) { return 5 * (size_t)window_at(rate_hz); }

void ms_conceal_spectrum_place(ms_concealer *c, float *memory) {
    ms_conceal_spectrum *s = &c->spectrum;
    s->window = window_at(c->rate_hz);
    float **parts[] = {&s->re, &s->im, &s->turn_re, &s->turn_im, &s->out};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) *parts[k] = memory + k * (size_t)s->window;
}

/* In place, radix two; `sign` -1 forward, 1 back (not scaled). Only gaps pay for it. */
static void transform(float *re, float *im, int32_t n, double sign) {
    for (int32_t i = 1, j = 0; i < n; i++) {
        int32_t bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        float swap = re[i];
        re[i] = re[j], re[j] = swap;
        swap = im[i];
        im[i] = im[j], im[j] = swap;
    }
    for (int32_t length = 2; length <= n; length *= 2) {
        double step_re = cos(sign * 2 * PI / length), step_im = sin(sign * 2 * PI / length);
        for (int32_t begin = 0; begin < n; begin += length) {
            double turn_re = 1, turn_im = 0;
            for (int32_t k = begin; k < begin + length / 2; k++) {
                int32_t m = k + length / 2;
                float odd_re = (float)(re[m] * turn_re - im[m] * turn_im);
                float odd_im = (float)(re[m] * turn_im + im[m] * turn_re);
                re[m] = re[k] - odd_re, im[m] = im[k] - odd_im;
                re[k] += odd_re, im[k] += odd_im;
                double next = turn_re * step_re - turn_im * step_im;
                turn_im = turn_re * step_im + turn_im * step_re;
                turn_re = next;
            }
        }
    }
}

static void analyse(const float *from, int32_t n, float *re, float *im) {
    for (int32_t i = 0; i < n; i++) re[i] = from[i] * (float)(0.5 - 0.5 * cos(2 * PI * i / n));
    memset(im, 0, (size_t)n * sizeof *im);
    transform(re, im, n, -1);
}

/* Turns every line on by half a window, and adds what comes of it to the windows in the making. */
static void add_window(ms_conceal_spectrum *s) {
    int32_t n = s->window, half = n / 2;
    for (int32_t k = 0; k < n; k++) {
        float re = s->re[k] * s->turn_re[k] - s->im[k] * s->turn_im[k];
        s->im[k] = s->re[k] * s->turn_im[k] + s->im[k] * s->turn_re[k];
        s->re[k] = re;
    }
    float re[4096], im[4096];
    memcpy(re, s->re, (size_t)n * sizeof *re);
    memcpy(im, s->im, (size_t)n * sizeof *im);
    transform(re, im, n, 1);
    memmove(s->out, s->out + half, (size_t)half * sizeof *s->out);
    memset(s->out + half, 0, (size_t)half * sizeof *s->out);
    for (int32_t i = 0; i < n; i++) s->out[i] += re[i] / (float)n;
    s->at = 0;
}

void ms_conceal_spectrum_begin(ms_concealer *c) {
    ms_conceal_spectrum *s = &c->spectrum;
    const float *end = c->history + c->history_n;
    int32_t n = s->window, half = n / 2;
    analyse(end - n - half, n, s->turn_re, s->turn_im);
    analyse(end - n, n, s->re, s->im);
    for (int32_t k = 0; k < n; k++) {
        float re = s->re[k] * s->turn_re[k] + s->im[k] * s->turn_im[k];
        float im = s->im[k] * s->turn_re[k] - s->re[k] * s->turn_im[k];
        float size = sqrtf(re * re + im * im);
        s->turn_re[k] = size > 1e-6f ? re / size : 1;
        s->turn_im[k] = size > 1e-6f ? im / size : 0;
    }
    memset(s->out, 0, (size_t)n * sizeof *s->out);
    add_window(s); /* lies half before the gap, half in it */
    add_window(s);
}

void ms_conceal_spectrum_next(ms_concealer *c, float *out, int32_t n) {
    ms_conceal_spectrum *s = &c->spectrum;
    for (int32_t i = 0; i < n; i++) {
        if (s->at == s->window / 2) add_window(s);
        out[i] = s->out[s->at++];
    }
}
