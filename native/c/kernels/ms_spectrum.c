/* A real FFT as half-length complex one: even samples real, odd ones imaginary, untangled at the end. */
#include "ms_spectrum.h"

#include <math.h>

enum { HALF = MS_SPECTRUM_BINS };

static float hann[MS_SPECTRUM_SAMPLES];
static float cosine[HALF], sine[HALF];  /* of -2 pi k / MS_SPECTRUM_SAMPLES */
static uint8_t reversed[HALF];

__attribute__((constructor)) static void build_tables(void) {
    for (int i = 0; i < MS_SPECTRUM_SAMPLES; i++)
        hann[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * (i + 0.5) / MS_SPECTRUM_SAMPLES));
    for (int k = 0; k < HALF; k++) {
        cosine[k] = (float)cos(-2 * M_PI * k / MS_SPECTRUM_SAMPLES);
        sine[k] = (float)sin(-2 * M_PI * k / MS_SPECTRUM_SAMPLES);
        reversed[k] = 0;
        for (int bit = 1; bit < HALF; bit *= 2) reversed[k] = (uint8_t)(reversed[k] << 1 | ((k & bit) != 0));
    }
}

static void butterflies(float *re, float *im) {
    for (int span = 1; span < HALF; span *= 2) {
        int stride = HALF / span;
        for (int start = 0; start < HALF; start += 2 * span) {
            for (int k = 0; k < span; k++) {
                int a = start + k, b = a + span;
                float c = cosine[k * stride], s = sine[k * stride];
                float turned_re = re[b] * c - im[b] * s, turned_im = re[b] * s + im[b] * c;
                re[b] = re[a] - turned_re;
                im[b] = im[a] - turned_im;
                re[a] += turned_re;
                im[a] += turned_im;
            }
        }
    }
}

void ms_spectrum(const int16_t pcm[MS_SPECTRUM_SAMPLES], float power[MS_SPECTRUM_BINS]) {
    float re[HALF], im[HALF];
    for (int k = 0; k < HALF; k++) {
        int from = 2 * reversed[k];
        re[k] = (float)pcm[from] * hann[from];
        im[k] = (float)pcm[from + 1] * hann[from + 1];
    }
    butterflies(re, im);
    for (int k = 0; k < HALF; k++) {
        int mirror = (HALF - k) % HALF;
        float even_re = (re[k] + re[mirror]) / 2, even_im = (im[k] - im[mirror]) / 2;
        float odd_re = (im[k] + im[mirror]) / 2, odd_im = (re[mirror] - re[k]) / 2;
        float x = even_re + odd_re * cosine[k] - odd_im * sine[k];
        float y = even_im + odd_re * sine[k] + odd_im * cosine[k];
        power[k] = (x * x + y * y) / MS_SPECTRUM_SAMPLES;
    }
}
