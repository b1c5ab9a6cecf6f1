/* The Fourier transform of the adaptive filters: real blocks of 20 ms at 8, 16, 24 and 48 kHz.
 *
 * A spectrum is two arrays, real and imaginary parts, of n / 2 + 1 bins each; apart, because a processor that works on
 * eight numbers at once wants neighbours to be alike. */
#ifndef MS_FFT_H
#define MS_FFT_H

#include "ms_types.h"

#define MS_FFT_MAX (MS_MAX_RATE_HZ / 1000 * 20)
#define MS_FFT_MAX_BINS (MS_FFT_MAX / 2 + 1)

typedef struct ms_fft ms_fft;

/* The tables for n samples, which live as long as the process; NULL: not one of 160, 320, 480, 960. */
const ms_fft *ms_fft_of(int32_t n);
void ms_fft_forward(const ms_fft *fft, const float *samples, float *re, float *im);
/* The inverse, scaled: forward and back gives the samples again. */
void ms_fft_inverse(const ms_fft *fft, const float *re, const float *im, float *samples);

#endif
