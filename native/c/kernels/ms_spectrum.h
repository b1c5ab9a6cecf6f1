/* The power spectrum of 32 ms at 8 kHz, Hann window. */
#ifndef MS_SPECTRUM_H
#define MS_SPECTRUM_H

#include <stdint.h>

enum { MS_SPECTRUM_SAMPLES = 256, MS_SPECTRUM_BINS = MS_SPECTRUM_SAMPLES / 2 };  /* 31.25 Hz a bin */

/* A sine of full scale shows about 2^30 * 16 in its bin: its power, by 256 samples, by a sixteenth for the window. */
void ms_spectrum(const int16_t pcm[MS_SPECTRUM_SAMPLES], float power[MS_SPECTRUM_BINS]);

#endif
