#include "ms_kalman.h"

#include "ms_fft.h"

#include <string.h>

enum { BLOCK_MS = 10, LANES = 8, CONSTRAIN_EVERY = 4 };
static const float PRE_EMPHASIS = 0.9f;
static const float UNKNOWN = 0.006f;       /* power of a partition's filter before anything was learnt of it */
static const float KEEPS = 0.999f * 0.999f; /* of a path's power after 10 ms; the rest is change */
static const float UNSURE = 1e-4f;        /* power by which even a partition that is silent may change */
static const float OVERLAP = 0.5f;         /* share of a window that is new: what of P shows in an error */
/* Of P an error takes less than theory has it: when the far end begins, its echo is still on the way, and a filter that
 * took the silence for the whole answer would be sure that there is no path. */
static const float SHOWN = 0.3f;
static const float PSI_KEEPS = 0.85f;
static const float FLOOR = 75.0f;          /* per sample: a disturbance of -72 dBFS is always there */

struct ms_kalman {
    const ms_fft *fft;
    int32_t block, bins, stride, partitions;
    int32_t newest, turn;          /* partition of the newest block; whose constraint is due */
    float far_last, near_last, cleaned_last, echo_last;
    /* spectra of `stride` floats: one pair of psi and gain, then eight for each partition */
    float *psi, *gain;
    float *x_re, *x_im;            /* of the far end, a ring: the newest block at `newest` */
    float *w_re, *w_im, *p;        /* the guess, and how wrong it may be; by age */
    float *kept_re, *kept_im, *kept_p;
    float *before;                 /* the block before, pre-emphasised */
    float memory[];
};

static int32_t block_of(int32_t rate_hz) { return rate_hz / 1000 * BLOCK_MS; }

static int32_t stride_of(int32_t rate_hz) { return (block_of(rate_hz) + 1 + LANES - 1) / LANES * LANES; }

static int32_t partitions_of(int tail_ms) { return (tail_ms + BLOCK_MS - 1) / BLOCK_MS; }

static size_t floats_of(int32_t rate_hz, int tail_ms) {
    return (size_t)stride_of(rate_hz) * (size_t)(3 + 8 * partitions_of(tail_ms));
}

size_t ms_kalman_size(int32_t rate_hz, int tail_ms) {
    bool usable = rate_hz % 1000 == 0 && ms_fft_of(2 * block_of(rate_hz)) && tail_ms >= 20 && tail_ms <= 500;
    return usable ? sizeof(ms_kalman) + floats_of(rate_hz, tail_ms) * sizeof(float) : 0;
}

int ms_kalman_init(ms_kalman *k, int32_t rate_hz, int tail_ms) {
    size_t size = ms_kalman_size(rate_hz, tail_ms);
    if (size == 0) return MS_E_ARGUMENT;
    memset(k, 0, size);
    k->block = block_of(rate_hz);
    k->bins = k->block + 1;
    k->stride = stride_of(rate_hz);
    k->partitions = partitions_of(tail_ms);
    k->fft = ms_fft_of(2 * k->block);
    size_t spectrum = (size_t)k->stride, all = spectrum * (size_t)k->partitions;
    k->psi = k->memory;
    k->gain = k->psi + spectrum;
    k->before = k->gain + spectrum;
    k->x_re = k->before + spectrum;
    k->x_im = k->x_re + all;
    k->w_re = k->x_im + all;
    k->w_im = k->w_re + all;
    k->p = k->w_im + all;
    k->kept_re = k->p + all;
    k->kept_im = k->kept_re + all;
    k->kept_p = k->kept_im + all;
    ms_kalman_forget(k);
    return MS_OK;
}

void ms_kalman_forget(ms_kalman *k) {
    size_t all = (size_t)(k->stride * k->partitions);
    memset(k->w_re, 0, all * sizeof(float));
    memset(k->w_im, 0, all * sizeof(float));
    for (size_t i = 0; i < all; i++) k->p[i] = UNKNOWN;
}

static float power_of(const float *re, const float *im, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += re[i] * re[i] + im[i] * im[i];
    return sum;
}

float ms_kalman_share(const ms_kalman *k, int32_t blocks) {
    float first = power_of(k->w_re, k->w_im, blocks * k->stride);
    return first / (power_of(k->w_re, k->w_im, k->partitions * k->stride) + 1e-9f);
}

/* Guess and uncertainty lie side by side, and so do their copies. */
void ms_kalman_keep(ms_kalman *k) {
    memcpy(k->kept_re, k->w_re, 3 * (size_t)(k->stride * k->partitions) * sizeof(float));
}

void ms_kalman_recall(ms_kalman *k) {
    memcpy(k->w_re, k->kept_re, 3 * (size_t)(k->stride * k->partitions) * sizeof(float));
}

/* Where the far end of a partition's age lies in the ring. */
static size_t aged(const ms_kalman *k, int32_t age) {
    return (size_t)(((k->newest + age) % k->partitions) * k->stride);
}

static void emphasise(const int16_t *pcm, int32_t n, float *last, float *out) {
    for (int32_t i = 0; i < n; i++) {
        out[i] = (float)pcm[i] - PRE_EMPHASIS * *last;
        *last = pcm[i];
    }
}

static void de_emphasise(const float *in, int32_t n, float *last, float *out) {
    for (int32_t i = 0; i < n; i++) out[i] = *last = in[i] + PRE_EMPHASIS * *last;
}

/* A block ages: its guess is less sure by what the path may have changed. Adds its part of the echo to `y`, and of
 * the error that is to be expected to `wrong`. */
MS_SIMD static void predict(int32_t n, const float *restrict x_re, const float *restrict x_im,
                            const float *restrict w_re, const float *restrict w_im, float *restrict p,
                            float *restrict y_re, float *restrict y_im, float *restrict wrong) {
    for (int32_t i = 0; i < n; i++) {
        p[i] = KEEPS * p[i] + (1 - KEEPS) * (UNSURE + w_re[i] * w_re[i] + w_im[i] * w_im[i]);
        wrong[i] += (x_re[i] * x_re[i] + x_im[i] * x_im[i]) * p[i];
        y_re[i] += x_re[i] * w_re[i] - x_im[i] * w_im[i];
        y_im[i] += x_re[i] * w_im[i] + x_im[i] * w_re[i];
    }
}

MS_SIMD static void add_echo(int32_t n, const float *restrict x_re, const float *restrict x_im,
                             const float *restrict w_re, const float *restrict w_im, float *restrict y_re,
                             float *restrict y_im) {
    for (int32_t i = 0; i < n; i++) {
        y_re[i] += x_re[i] * w_re[i] - x_im[i] * w_im[i];
        y_im[i] += x_re[i] * w_im[i] + x_im[i] * w_re[i];
    }
}

MS_SIMD static void correct(int32_t n, const float *restrict x_re, const float *restrict x_im, float *restrict w_re,
                            float *restrict w_im, float *restrict p, const float *restrict e_re,
                            const float *restrict e_im, const float *restrict gain) {
    for (int32_t i = 0; i < n; i++) {
        float step = p[i] * gain[i];
        w_re[i] += step * (x_re[i] * e_re[i] + x_im[i] * e_im[i]);
        w_im[i] += step * (x_re[i] * e_im[i] - x_im[i] * e_re[i]);
        p[i] -= SHOWN * step * (x_re[i] * x_re[i] + x_im[i] * x_im[i]) * p[i];
    }
}

/* One over all that an error can come of: the filter's own uncertainty, and what is heard beside the echo, which is at
 * least what leaks from the neighbours. */
MS_SIMD static void weigh(ms_kalman *k, const float *restrict e_re, const float *restrict e_im,
                          const float *restrict wrong) {
    float *restrict psi = k->psi, *restrict gain = k->gain;
    int32_t last = k->bins - 1;
    float floor = FLOOR * (float)k->block;
    for (int32_t i = 0; i <= last; i++)
        psi[i] = PSI_KEEPS * psi[i] + (1 - PSI_KEEPS) * (e_re[i] * e_re[i] + e_im[i] * e_im[i]);
    for (int32_t i = 0; i <= last; i++) {
        float near = i > 0 && i < last ? 0.5f * (psi[i - 1] + psi[i + 1]) : psi[i];
        float far = i > 1 && i < last - 1 ? 0.5f * (psi[i - 2] + psi[i + 2]) : near;
        float leaked = near + 0.5f * far;
        gain[i] = 1 / (OVERLAP * wrong[i] + (psi[i] > leaked ? psi[i] : leaked) + floor);
    }
}

/* A partition's filter lasts a block and no longer. */
static void constrain(ms_kalman *k, int32_t age) {
    float taps[MS_FFT_MAX];
    float *w_re = k->w_re + age * k->stride, *w_im = k->w_im + age * k->stride;
    ms_fft_inverse(k->fft, w_re, w_im, taps);
    memset(taps + k->block, 0, (size_t)k->block * sizeof *taps);
    ms_fft_forward(k->fft, taps, w_re, w_im);
}

void ms_kalman_pass(ms_kalman *k, const int16_t *far) {
    float window[MS_FFT_MAX];
    k->newest = (k->newest + k->partitions - 1) % k->partitions;
    memcpy(window, k->before, (size_t)k->block * sizeof *window);
    emphasise(far, k->block, &k->far_last, window + k->block);
    memcpy(k->before, window + k->block, (size_t)k->block * sizeof *window);
    ms_fft_forward(k->fft, window, k->x_re + aged(k, 0), k->x_im + aged(k, 0));
}

static void learn(ms_kalman *k, const float *error, const float *wrong) {
    float window[MS_FFT_MAX] = {0}, e_re[MS_FFT_MAX_BINS], e_im[MS_FFT_MAX_BINS];
    memcpy(window + k->block, error, (size_t)k->block * sizeof *window);
    ms_fft_forward(k->fft, window, e_re, e_im);
    weigh(k, e_re, e_im, wrong);
    for (int32_t age = 0; age < k->partitions; age++) {
        size_t w = (size_t)(age * k->stride), x = aged(k, age);
        correct(k->bins, k->x_re + x, k->x_im + x, k->w_re + w, k->w_im + w, k->p + w, e_re, e_im, k->gain);
    }
    for (int32_t age = k->turn; age < k->partitions; age += CONSTRAIN_EVERY) constrain(k, age);
    k->turn = (k->turn + 1) % CONSTRAIN_EVERY;
}

void ms_kalman_process(ms_kalman *k, const int16_t *far, const int16_t *near, float *cleaned, float *echo) {
    float y_re[MS_FFT_MAX_BINS] = {0}, y_im[MS_FFT_MAX_BINS] = {0}, wrong[MS_FFT_MAX_BINS] = {0};
    float window[MS_FFT_MAX], error[MS_FFT_MAX / 2];
    ms_kalman_pass(k, far);
    for (int32_t age = 0; age < k->partitions; age++) {
        size_t w = (size_t)(age * k->stride), x = aged(k, age);
        predict(k->bins, k->x_re + x, k->x_im + x, k->w_re + w, k->w_im + w, k->p + w, y_re, y_im, wrong);
    }
    ms_fft_inverse(k->fft, y_re, y_im, window);
    const float *y = window + k->block;
    emphasise(near, k->block, &k->near_last, error);
    for (int32_t i = 0; i < k->block; i++) error[i] -= y[i];
    learn(k, error, wrong);
    de_emphasise(error, k->block, &k->cleaned_last, cleaned);
    if (echo) de_emphasise(y, k->block, &k->echo_last, echo);
}

void ms_kalman_kept_echo(const ms_kalman *k, float *echo) {
    float y_re[MS_FFT_MAX_BINS] = {0}, y_im[MS_FFT_MAX_BINS] = {0}, window[MS_FFT_MAX];
    for (int32_t age = 0; age < k->partitions; age++) {
        size_t w = (size_t)(age * k->stride), x = aged(k, age);
        add_echo(k->bins, k->x_re + x, k->x_im + x, k->kept_re + w, k->kept_im + w, y_re, y_im);
    }
    ms_fft_inverse(k->fft, y_re, y_im, window);
    memcpy(echo, window + k->block, (size_t)k->block * sizeof *echo);
}

void ms_kalman_resume(ms_kalman *k, int16_t far_last, int16_t near_last) {
    k->far_last = far_last;
    k->near_last = k->cleaned_last = near_last;
    k->echo_last = 0;
}

/* The partitions that come in know nothing; those that go out are forgotten. */
void ms_kalman_shift(ms_kalman *k, int32_t blocks) {
    int32_t moved = blocks < 0 ? -blocks : blocks, kept = k->partitions - moved;
    if (kept <= 0) {
        ms_kalman_forget(k);
        return;
    }
    float *filters[] = {k->w_re, k->w_im, k->p};
    size_t part = (size_t)k->stride, away = (size_t)moved * part;
    for (int f = 0; f < 3; f++) {
        float *from = filters[f] + (blocks > 0 ? away : 0), *to = filters[f] + (blocks < 0 ? away : 0);
        float *fresh = filters[f] + (blocks > 0 ? (size_t)kept * part : 0);
        memmove(to, from, (size_t)kept * part * sizeof(float));
        for (size_t i = 0; i < away; i++) fresh[i] = f == 2 ? UNKNOWN : 0;
    }
}
