/* A real transform of n samples is a complex one of n / 2 (even samples real, odd samples imaginary), whose result is
 * taken apart. The complex one is Stockham's: each pass takes its factor of the length from far-apart places and
 * writes in order, so nothing need be permuted. The first pass works on neighbouring butterflies, the later ones on
 * the runs of equal phase that the earlier ones left: either way neighbours in memory, which the compiler makes
 * into vectors. */
#include "ms_fft.h"

#include <math.h>
#include <string.h>

enum { PASSES = 6, MAX_HALF = MS_FFT_MAX / 2, RADIX_MAX = 5 };

typedef struct pass {
    int32_t radix, groups, run;    /* butterflies of one phase stand in runs */
    int32_t twiddles;              /* where its own begin: (radix - 1) rows of `groups` */
} pass;

struct ms_fft {
    int32_t n, half, passes;
    pass each[PASSES];
    float cosine[2 * MAX_HALF], sine[2 * MAX_HALF];    /* of the passes */
    float apart_cosine[MAX_HALF + 1], apart_sine[MAX_HALF + 1];
};

static const int32_t sizes[] = {160, 320, 480, 960};
enum { SIZES = sizeof sizes / sizeof *sizes };
static ms_fft tables[SIZES];

static int32_t next_factor(int32_t left) {
    return left % 4 == 0 ? 4 : left % 2 == 0 ? 2 : left % 3 == 0 ? 3 : 5;
}

static void build(ms_fft *f, int32_t n) {
    int32_t left = n / 2, run = 1, at = 0;
    f->n = n;
    f->half = n / 2;
    while (left > 1) {
        pass *p = &f->each[f->passes++];
        *p = (pass){.radix = next_factor(left), .run = run, .twiddles = at};
        p->groups = left / p->radix;
        for (int32_t k = 1; k < p->radix; k++)
            for (int32_t g = 0; g < p->groups; g++, at++) {
                f->cosine[at] = (float)cos(2 * M_PI * k * g / left);
                f->sine[at] = (float)-sin(2 * M_PI * k * g / left);
            }
        run *= p->radix;
        left = p->groups;
    }
    for (int32_t k = 0; k <= f->half; k++) {
        f->apart_cosine[k] = (float)cos(2 * M_PI * k / n);
        f->apart_sine[k] = (float)sin(2 * M_PI * k / n);
    }
}

__attribute__((constructor)) static void build_all(void) {
    for (int i = 0; i < SIZES; i++) build(&tables[i], sizes[i]);
}

const ms_fft *ms_fft_of(int32_t n) {
    for (int i = 0; i < SIZES; i++)
        if (sizes[i] == n) return &tables[i];
    return NULL;
}

/* ---- butterflies: the small transforms, of values that stand in registers ---------------------------------------- */

typedef struct complex_f {
    float re, im;
} complex_f;

static inline complex_f plus(complex_f a, complex_f b) { return (complex_f){a.re + b.re, a.im + b.im}; }
static inline complex_f minus(complex_f a, complex_f b) { return (complex_f){a.re - b.re, a.im - b.im}; }
static inline complex_f scaled(complex_f a, float s) { return (complex_f){a.re * s, a.im * s}; }
static inline complex_f by_minus_i(complex_f a) { return (complex_f){a.im, -a.re}; }

static inline void small(int32_t radix, const complex_f *a, complex_f *out) {
    if (radix == 2) {
        out[0] = plus(a[0], a[1]);
        out[1] = minus(a[0], a[1]);
    } else if (radix == 3) {
        complex_f sum = plus(a[1], a[2]), turn = by_minus_i(scaled(minus(a[1], a[2]), 0.8660254037844386f));
        complex_f middle = minus(a[0], scaled(sum, 0.5f));
        out[0] = plus(a[0], sum);
        out[1] = plus(middle, turn);
        out[2] = minus(middle, turn);
    } else if (radix == 4) {
        complex_f s = plus(a[0], a[2]), d = minus(a[0], a[2]);
        complex_f t = plus(a[1], a[3]), u = by_minus_i(minus(a[1], a[3]));
        out[0] = plus(s, t);
        out[1] = plus(d, u);
        out[2] = minus(s, t);
        out[3] = minus(d, u);
    } else {
        const float c1 = 0.30901699437494745f, c2 = -0.8090169943749475f;
        const float s1 = 0.9510565162951535f, s2 = 0.5877852522924731f;
        complex_f s14 = plus(a[1], a[4]), d14 = minus(a[1], a[4]), s23 = plus(a[2], a[3]), d23 = minus(a[2], a[3]);
        complex_f m1 = plus(a[0], plus(scaled(s14, c1), scaled(s23, c2)));
        complex_f m2 = plus(a[0], plus(scaled(s14, c2), scaled(s23, c1)));
        complex_f t1 = by_minus_i(plus(scaled(d14, s1), scaled(d23, s2)));
        complex_f t2 = by_minus_i(minus(scaled(d14, s2), scaled(d23, s1)));
        out[0] = plus(a[0], plus(s14, s23));
        out[1] = plus(m1, t1);
        out[2] = plus(m2, t2);
        out[3] = minus(m2, t2);
        out[4] = minus(m1, t1);
    }
}

typedef struct planes {
    float *restrict re, *restrict im;
} planes;

/* The first pass: its runs are single, so neighbours are butterflies of neighbouring phases. */
static inline __attribute__((always_inline)) void first_pass(const ms_fft *f, const pass *p, int32_t radix, planes in,
                                                             planes out) {
    const float *cosine = f->cosine + p->twiddles, *sine = f->sine + p->twiddles;
    for (int32_t g = 0; g < p->groups; g++) {
        complex_f a[RADIX_MAX], b[RADIX_MAX];
        for (int32_t j = 0; j < radix; j++) a[j] = (complex_f){in.re[g + j * p->groups], in.im[g + j * p->groups]};
        small(radix, a, b);
        out.re[radix * g] = b[0].re;
        out.im[radix * g] = b[0].im;
        for (int32_t k = 1; k < radix; k++) {
            float c = cosine[(k - 1) * p->groups + g], s = sine[(k - 1) * p->groups + g];
            out.re[radix * g + k] = b[k].re * c - b[k].im * s;
            out.im[radix * g + k] = b[k].re * s + b[k].im * c;
        }
    }
}

static inline __attribute__((always_inline)) void later_pass(const ms_fft *f, const pass *p, int32_t radix, planes in,
                                                             planes out) {
    const float *cosine = f->cosine + p->twiddles, *sine = f->sine + p->twiddles;
    int32_t run = p->run, apart = run * p->groups;
    for (int32_t g = 0; g < p->groups; g++) {
        const float *re = in.re + run * g, *im = in.im + run * g;
        float *to_re = out.re + run * radix * g, *to_im = out.im + run * radix * g;
        for (int32_t q = 0; q < run; q++) {
            complex_f a[RADIX_MAX], b[RADIX_MAX];
            for (int32_t j = 0; j < radix; j++) a[j] = (complex_f){re[q + j * apart], im[q + j * apart]};
            small(radix, a, b);
            to_re[q] = b[0].re;
            to_im[q] = b[0].im;
            for (int32_t k = 1; k < radix; k++) {
                float c = cosine[(k - 1) * p->groups + g], s = sine[(k - 1) * p->groups + g];
                to_re[q + k * run] = b[k].re * c - b[k].im * s;
                to_im[q + k * run] = b[k].re * s + b[k].im * c;
            }
        }
    }
}

/* Leaves the transform in one of the two, and says in which. */
MS_SIMD static planes transform(const ms_fft *f, planes from, planes to) {
    first_pass(f, &f->each[0], 4, from, to);
    for (int32_t i = 1; i < f->passes; i++) {
        planes swap = from;
        from = to;
        to = swap;
        switch (f->each[i].radix) {
        case 2: later_pass(f, &f->each[i], 2, from, to); break;
        case 3: later_pass(f, &f->each[i], 3, from, to); break;
        case 4: later_pass(f, &f->each[i], 4, from, to); break;
        default: later_pass(f, &f->each[i], 5, from, to); break;
        }
    }
    return to;
}

/* ---- real samples ------------------------------------------------------------------------------------------------ */

MS_SIMD void ms_fft_forward(const ms_fft *restrict f, const float *restrict samples, float *restrict re,
                            float *restrict im) {
    float memory[4][MAX_HALF];
    int32_t half = f->half;
    for (int32_t i = 0; i < half; i++) {
        memory[0][i] = samples[2 * i];
        memory[1][i] = samples[2 * i + 1];
    }
    planes z = transform(f, (planes){memory[0], memory[1]}, (planes){memory[2], memory[3]});
    re[0] = z.re[0] + z.im[0];
    re[half] = z.re[0] - z.im[0];
    im[0] = im[half] = 0;
    for (int32_t k = 1; k < half; k++) {
        float even_re = 0.5f * (z.re[k] + z.re[half - k]), even_im = 0.5f * (z.im[k] - z.im[half - k]);
        float odd_re = 0.5f * (z.im[k] + z.im[half - k]), odd_im = 0.5f * (z.re[half - k] - z.re[k]);
        float c = f->apart_cosine[k], s = f->apart_sine[k];
        re[k] = even_re + c * odd_re + s * odd_im;
        im[k] = even_im + c * odd_im - s * odd_re;
    }
}

/* The inverse is the forward transform with real and imaginary parts exchanged. */
MS_SIMD void ms_fft_inverse(const ms_fft *restrict f, const float *restrict re, const float *restrict im,
                            float *restrict samples) {
    float memory[4][MAX_HALF];
    int32_t half = f->half;
    float scale = 0.5f / (float)half;
    for (int32_t k = 0; k < half; k++) {
        float even_re = re[k] + re[half - k], even_im = im[k] - im[half - k];
        float apart_re = re[k] - re[half - k], apart_im = im[k] + im[half - k];
        float c = f->apart_cosine[k], s = f->apart_sine[k];
        float odd_re = c * apart_re - s * apart_im, odd_im = c * apart_im + s * apart_re;
        memory[0][k] = scale * (even_im + odd_re);
        memory[1][k] = scale * (even_re - odd_im);
    }
    planes z = transform(f, (planes){memory[0], memory[1]}, (planes){memory[2], memory[3]});
    for (int32_t i = 0; i < half; i++) {
        samples[2 * i] = z.im[i];
        samples[2 * i + 1] = z.re[i];
    }
}
