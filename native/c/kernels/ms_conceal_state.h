/* What the files of the concealer share: ms_conceal.c (history, merge, noise), ms_conceal_voice.c (linear prediction:
 * waveform and linear), ms_conceal_spectrum.c (spectral). */
#ifndef MS_CONCEAL_STATE_H
#define MS_CONCEAL_STATE_H

#include "ms_chance.h"
#include "ms_comfort.h"
#include "ms_conceal.h"

enum { MS_CONCEAL_HISTORY_MS = 64, MS_CONCEAL_ORDER_MAX = 32, MS_CONCEAL_PITCH_MAX_US = 16000 };

/* The voice at the moment it broke off. */
typedef struct ms_conceal_voice {
    int32_t order, pitch;       /* of the predictor; samples of a period */
    float voicing;              /* 0: noise, 1: periodic */
    float predictor[MS_CONCEAL_ORDER_MAX + 1];
    float memory[MS_CONCEAL_ORDER_MAX]; /* the last samples, newest last */
    int32_t at;                 /* samples made so far */
    uint32_t chance;            /* of the noise in it */
    float *residual;            /* what excited the last 40 ms */
    int32_t residual_n;
} ms_conceal_voice;

/* The last spectrum, and how far each line turns in half a window. */
typedef struct ms_conceal_spectrum {
    int32_t window;             /* a power of two, at least 32 ms */
    float *re, *im, *turn_re, *turn_im; /* window each */
    float *out;                 /* overlapping windows in the making */
    int32_t at;                 /* samples of `out` given */
} ms_conceal_spectrum;

struct ms_concealer {
    int32_t rate_hz;
    uint8_t method, chosen;     /* what was asked for; what this gap is made of */
    int32_t history_n;
    int32_t lost_samples;       /* so far in this gap, 0: none in progress */
    float loss;                 /* recent share of lost samples */
    int32_t step_samples, step_lost; /* of the 10 ms that are being counted */
    ms_comfort_listener quiet;  /* what the line sounds like between words */
    ms_comfort_generator noise;
    ms_conceal_voice voice;
    ms_conceal_spectrum spectrum;
    float *history;             /* as it was when the gap began, newest last */
    int16_t *ring;              /* the same, going on: history_n samples, the next one at `newest` */
    int32_t newest;
};

size_t ms_conceal_voice_floats(int32_t rate_hz);
void ms_conceal_voice_place(ms_concealer *c, float *memory);
void ms_conceal_voice_begin(ms_concealer *c);
void ms_conceal_voice_next(ms_concealer *c, float *out, int32_t n);
void ms_conceal_linear_next(ms_concealer *c, float *out, int32_t n);

size_t ms_conceal_spectrum_floats(int32_t rate_hz);
void ms_conceal_spectrum_place(ms_concealer *c, float *memory);
void ms_conceal_spectrum_begin(ms_concealer *c);
void ms_conceal_spectrum_next(ms_concealer *c, float *out, int32_t n);

#endif
