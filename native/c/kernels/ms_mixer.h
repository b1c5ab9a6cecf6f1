/* Voices added up: each at a gain that never jumps, the sum brought back into 16 bits without a clipped sample. */
#ifndef MS_MIXER_H
#define MS_MIXER_H

#include "ms_types.h"

#define MS_GAIN_RAMP_MS 5
#define MS_GAIN_MAX 8.0f        /* 18 dB: beyond it only noise grows */
#define MS_LIMITER_PIECES 4     /* a frame is looked at in pieces, 5 ms each at 20 ms */

typedef struct ms_gain {        /* walks from one value to the next in a straight line */
    float now, target, step;    /* step: a sample */
    uint32_t left;              /* samples still to walk */
} ms_gain;

/* Stands still at `value`. */
void ms_gain_init(ms_gain *g, float value);
/* Walks to `target`, clamped to 0-MS_GAIN_MAX (not a number: 0), in `ramp` samples from now; 0: at once. */
void ms_gain_set(ms_gain *g, float target, uint32_t ramp);
bool ms_gain_is_silent(const ms_gain *g); /* it has walked to zero */

/* sum += pcm * gain, n samples on. */
void ms_mixer_add(float *sum, const int16_t *pcm, uint32_t n, ms_gain *gain);

typedef struct ms_limiter {
    float gain;                 /* at the end of the last frame */
} ms_limiter;

void ms_limiter_init(ms_limiter *l);
/* One frame, n a multiple of MS_LIMITER_PIECES. What stays below MS_LIMITER_CEILING passes unchanged, to the bit, once
 * the gain has come back to one. */
#define MS_LIMITER_CEILING 29000.0f
void ms_limiter_process(ms_limiter *l, const float *sum, int16_t *out, uint32_t n);

#endif
