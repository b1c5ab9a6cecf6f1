/* Suppression of the echo that the canceller leaves.
 *
 * What is left rises and falls with the echo that was taken off, and the caller's voice does not: in each band the
 * share that is left is learnt from how the two move together, slowly while the caller is louder. A bin that holds
 * little more than that share is turned down, by 20 dB at most; one in which the caller stands out is let through.
 *
 * The sound comes out 10 ms late, always; while nothing can echo it is only delayed. */
#ifndef MS_RESIDUAL_H
#define MS_RESIDUAL_H

#include "ms_types.h"

#define MS_RESIDUAL_LAG_MS 10

typedef struct ms_residual ms_residual;

size_t ms_residual_size(int32_t rate_hz);      /* 8000, 16000, 24000, 48000; else 0 */
int ms_residual_init(ms_residual *r, int32_t rate_hz);
/* 20 ms, in place; `echo` is what the canceller took off it (ms_echo_estimate), NULL: nothing */
void ms_residual_process(ms_residual *r, int16_t *pcm, const float *echo, size_t n);

#endif
