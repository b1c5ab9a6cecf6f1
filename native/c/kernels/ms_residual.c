#include "ms_residual.h"

#include "ms_fft.h"

#include <math.h>
#include <string.h>

enum { BLOCK_MS = 10, BANDS = 12, LANES = 8 };
static const int16_t BAND_EDGES_HZ[BANDS + 1] = {0,    200,  400,  600,  850,  1150, 1500,
                                                 1900, 2400, 3000, 4000, 8000, 24000};
static const float LEFT_UNKNOWN = 0.05f, LEFT_LEAST = 1e-5f, LEFT_MOST = 1;
static const float LEARNS = 0.04f;         /* each 10 ms, at most */
static const float MEAN_LEARNS = 0.05f;
/* What is left fluctuates, so its mean is not enough: a multiple of it is expected, a smaller one where a band holds so
 * much more that the caller must be in it. */
static const float OVER_MOST = 40, OVER_LEAST = 4, CALLER = 8;
static const float RINGS = 0.7f;           /* of the echo's power that still sounds after 10 ms */
static const float PRIOR_KEEPS = 0.7f;
static const float GAIN_LEAST = 0.1f;      /* -20 dB */

typedef struct band {
    float cleaned, echo;           /* means */
    float together, alone;         /* how the two vary together, and the echo by itself */
    float left;                    /* share of the echo's power */
} band;

struct ms_residual {
    const ms_fft *fft;
    int32_t rate_hz, block, bins, stride;
    bool quiet;                    /* nothing echoed in the last block either: all gains are one */
    band bands[BANDS];
    float *shape;                  /* the window's rising half */
    float *cleaned, *echo;         /* the block before */
    float *tail;                   /* the second half of the last window, to be added to */
    float *expected, *prior;       /* power left to be expected, and the voice's share over it */
    float memory[];
};

static int32_t block_of(int32_t rate_hz) { return rate_hz / 1000 * BLOCK_MS; }

static size_t stride_of(int32_t rate_hz) { return ((size_t)block_of(rate_hz) + LANES) / LANES * LANES; }

size_t ms_residual_size(int32_t rate_hz) {
    if (rate_hz % 1000 != 0 || !ms_fft_of(2 * block_of(rate_hz))) return 0;
    return sizeof(ms_residual) + 6 * stride_of(rate_hz) * sizeof(float);
}

int ms_residual_init(ms_residual *r, int32_t rate_hz) {
    size_t size = ms_residual_size(rate_hz), stride = stride_of(rate_hz);
    if (size == 0) return MS_E_ARGUMENT;
    memset(r, 0, size);
    r->rate_hz = rate_hz;
    r->block = block_of(rate_hz);
    r->bins = r->block + 1;
    r->fft = ms_fft_of(2 * r->block);
    r->quiet = true;
    float **arrays[] = {&r->shape, &r->cleaned, &r->echo, &r->tail, &r->expected, &r->prior};
    for (size_t i = 0; i < 6; i++) *arrays[i] = r->memory + i * stride;
    for (int32_t i = 0; i < r->block; i++)
        r->shape[i] = (float)sin(M_PI / 2 * (i + 0.5) / r->block);
    for (int b = 0; b < BANDS; b++) r->bands[b].left = LEFT_UNKNOWN;
    return MS_OK;
}

/* ---- what is left of the echo ------------------------------------------------------------------------------------ */

static int32_t bin_at(const ms_residual *r, int32_t hz) {
    int32_t bin = hz * 2 * r->block / r->rate_hz;
    return bin < r->bins ? bin : r->bins;
}

static void learn_band(band *b, float cleaned, float echo) {
    float cleaned_moves = cleaned - b->cleaned, echo_moves = echo - b->echo;
    b->cleaned += MEAN_LEARNS * cleaned_moves;
    b->echo += MEAN_LEARNS * echo_moves;
    float pace = LEARNS * echo / (cleaned + echo + 1);
    b->together += pace * (cleaned_moves * echo_moves - b->together);
    b->alone += pace * (echo_moves * echo_moves - b->alone);
    float left = b->together / (b->alone + 1);
    if (b->alone > 1) b->left = left < LEFT_LEAST ? LEFT_LEAST : left > LEFT_MOST ? LEFT_MOST : left;
}

static float over(float cleaned, float left) {
    float many = OVER_MOST * CALLER * left / (cleaned + 1);
    return many < OVER_LEAST ? OVER_LEAST : many > OVER_MOST ? OVER_MOST : many;
}

static void expect(ms_residual *r, const float *cleaned, const float *echo) {
    for (int b = 0; b < BANDS; b++) {
        int32_t from = bin_at(r, BAND_EDGES_HZ[b]), to = bin_at(r, BAND_EDGES_HZ[b + 1]);
        if (b == BANDS - 1 || to > r->bins) to = r->bins;
        if (from >= to) continue;
        float cleaned_sum = 0, echo_sum = 0;
        for (int32_t k = from; k < to; k++) {
            cleaned_sum += cleaned[k];
            echo_sum += echo[k];
        }
        learn_band(&r->bands[b], cleaned_sum, echo_sum);
        float left = over(cleaned_sum, r->bands[b].left * echo_sum) * r->bands[b].left;
        for (int32_t k = from; k < to; k++) {
            float now = left * echo[k], rings = RINGS * r->expected[k];
            r->expected[k] = now > rings ? now : rings;
        }
    }
}

/* ---- what is done about it --------------------------------------------------------------------------------------- */

/* Wiener's gain, the voice's share followed from block to block (Ephraim, Malah 1984). */
MS_SIMD static void weigh(int32_t bins, const float *restrict power, const float *restrict expected,
                          float *restrict prior, float *restrict gain) {
    for (int32_t k = 0; k < bins; k++) {
        float over = power[k] / (expected[k] + 1e-3f), voice = over > 1 ? over - 1 : 0;
        float share = PRIOR_KEEPS * (prior[k] < voice ? prior[k] : voice) + (1 - PRIOR_KEEPS) * voice;
        if (voice > 4 * prior[k]) share = voice;
        float wiener = share / (1 + share);
        prior[k] = wiener * wiener * over;
        gain[k] = wiener > GAIN_LEAST ? wiener : GAIN_LEAST;
    }
}

static void powers_of(int32_t bins, const float *re, const float *im, float *power) {
    for (int32_t k = 0; k < bins; k++) power[k] = re[k] * re[k] + im[k] * im[k];
}

static void shape_window(const ms_residual *r, const float *before, const float *now, float *window) {
    for (int32_t i = 0; i < r->block; i++) {
        window[i] = before[i] * r->shape[i];
        window[r->block + i] = now[i] * r->shape[r->block - 1 - i];
    }
}

static void suppress(ms_residual *r, const float *echo_now, float *window) {
    float re[MS_FFT_MAX_BINS], im[MS_FFT_MAX_BINS], echo_re[MS_FFT_MAX_BINS], echo_im[MS_FFT_MAX_BINS];
    float power[MS_FFT_MAX_BINS], echo_power[MS_FFT_MAX_BINS], gain[MS_FFT_MAX_BINS], echo_window[MS_FFT_MAX];
    shape_window(r, r->echo, echo_now, echo_window);
    ms_fft_forward(r->fft, echo_window, echo_re, echo_im);
    ms_fft_forward(r->fft, window, re, im);
    powers_of(r->bins, re, im, power);
    powers_of(r->bins, echo_re, echo_im, echo_power);
    expect(r, power, echo_power);
    weigh(r->bins, power, r->expected, r->prior, gain);
    for (int32_t k = 0; k < r->bins; k++) {
        re[k] *= gain[k];
        im[k] *= gain[k];
    }
    ms_fft_inverse(r->fft, re, im, window);
}

static void forget_echo(ms_residual *r) {
    memset(r->echo, 0, (size_t)r->block * sizeof *r->echo);
    memset(r->expected, 0, (size_t)r->bins * sizeof *r->expected);
}

static void process_block(ms_residual *r, int16_t *pcm, const float *echo) {
    float window[MS_FFT_MAX], now[MS_FFT_MAX / 2];
    for (int32_t i = 0; i < r->block; i++) now[i] = pcm[i];
    shape_window(r, r->cleaned, now, window);
    if (echo) suppress(r, echo, window);
    for (int32_t i = 0; i < r->block; i++) {
        float value = r->tail[i] + window[i] * r->shape[i];
        pcm[i] = (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
        r->tail[i] = window[r->block + i] * r->shape[r->block - 1 - i];
    }
    memcpy(r->cleaned, now, (size_t)r->block * sizeof *now);
    if (echo) memcpy(r->echo, echo, (size_t)r->block * sizeof *echo);
    else if (!r->quiet) forget_echo(r);
    r->quiet = !echo;
}

void ms_residual_process(ms_residual *r, int16_t *pcm, const float *echo, size_t n) {
    if (n % (size_t)r->block != 0) return;
    for (size_t at = 0; at < n; at += (size_t)r->block) process_block(r, pcm + at, echo ? echo + at : NULL);
}
