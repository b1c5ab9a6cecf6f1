/* The tables and block names (SCALEL, UPPOL2, ...) are those of ITU-T G.722 (09/2012), clause 6. */
#include "ms_g722.h"

#include <string.h>

enum { LOW_DET = 32, HIGH_DET = 8, LOW_NB_MAX = 18432, HIGH_NB_MAX = 22528, LOW_LEVELS = 30, HIGH_DECISION = 564 };

/* ---- tables ------------------------------------------------------------------------------------------------------- */

static const int16_t QMF[12] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};
static const int16_t WL[8] = {-60, -30, 58, 172, 334, 538, 1198, 3042};
static const int16_t RL42[16] = {0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0};
static const int16_t ILB[32] = {
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
};
static const int16_t WH[3] = {0, -214, 798};
static const int16_t RH2[4] = {2, 1, 2, 1};
static const int16_t QM2[4] = {-7408, -1616, 7408, 1616};
static const int16_t QM4[16] = {
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
};
static const int16_t QM6[64] = {
    -136,  -136,  -136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
    -7192, -6576, -6000, -5456, -4944,  -4464,  -4008,  -3576,  -3168,  -2776,  -2400,  -2032,  -1688,  -1360, -1040, -728,
    24808, 21904, 19008, 16704, 14984,  13512,  12280,  11192,  10232,  9360,   8576,   7856,   7192,   6576,  6000,  5456,
    4944,  4464,  4008,  3576,  3168,   2776,   2400,   2032,   1688,   1360,   1040,   728,    432,    136,   -432,  -136,
};
static const int16_t Q6[LOW_LEVELS] = {
    0,   35,  72,  110, 150, 190, 233,  276,  323,  370,  422,  473,  530,  587,  650,
    714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
};
static const uint8_t ILN[LOW_LEVELS + 1] = {
    0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4,
};
static const uint8_t ILP[LOW_LEVELS + 1] = {
    0,  61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
    46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32,
};
static const uint8_t IHN[3] = {0, 1, 0}, IHP[3] = {0, 3, 2};

/* ---- one band ------------------------------------------------------------------------------------------------------ */

static inline int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

static inline int32_t saturate(int32_t value) { return clamp(value, INT16_MIN, INT16_MAX); }

static inline bool same_sign(int32_t a, int32_t b) { return (a < 0) == (b < 0); }

/* UPPOL2, UPPOL1 */
static void update_poles(ms_g722_band *band) {
    int32_t *a = band->a, *p = band->p;
    int32_t wd1 = saturate(a[1] * 4);
    int32_t wd2 = same_sign(p[0], p[1]) ? -wd1 : wd1;
    if (wd2 > INT16_MAX) wd2 = INT16_MAX;
    int32_t second = (same_sign(p[0], p[2]) ? 128 : -128) + (wd2 >> 7) + ((a[2] * 32512) >> 15);
    second = clamp(second, -12288, 12288);
    int32_t first = saturate((same_sign(p[0], p[1]) ? 192 : -192) + ((a[1] * 32640) >> 15));
    int32_t bound = saturate(15360 - second);
    a[1] = clamp(first, -bound, bound);
    a[2] = second;
}

/* UPZERO */
static void update_zeros(ms_g722_band *band) {
    int32_t step = band->d[0] == 0 ? 0 : 128;
    for (int i = 1; i < 7; i++)
        band->b[i] = saturate((same_sign(band->d[i], band->d[0]) ? step : -step) + ((band->b[i] * 32640) >> 15));
}

/* RECONS to PREDIC: takes in a quantised difference, and predicts the next sample. */
static void adapt(ms_g722_band *band, int32_t difference) {
    int32_t *r = band->r, *p = band->p, *d = band->d;
    d[0] = difference;
    r[0] = saturate(band->s + difference);
    p[0] = saturate(band->sz + difference);
    update_poles(band);
    update_zeros(band);
    memmove(d + 1, d, 6 * sizeof *d);
    memmove(r + 1, r, 2 * sizeof *r);
    memmove(p + 1, p, 2 * sizeof *p);
    int32_t poles = ((band->a[1] * saturate(2 * r[1])) >> 15) + ((band->a[2] * saturate(2 * r[2])) >> 15);
    int32_t zeros = 0;
    for (int i = 6; i > 0; i--) zeros += (band->b[i] * saturate(2 * d[i])) >> 15;
    band->sz = saturate(zeros);
    band->s = saturate(saturate(poles) + band->sz);
}

/* LOGSCL, SCALEL and their like of the upper band: `octaves` is where the linear scale has its unit. */
static void rescale(ms_g722_band *band, int32_t weight, int32_t nb_max, int32_t octaves) {
    band->nb = clamp(((band->nb * 127) >> 7) + weight, 0, nb_max);
    int32_t mantissa = ILB[(band->nb >> 6) & 31], shift = octaves - (band->nb >> 11);
    band->det = (shift < 0 ? mantissa << -shift : mantissa >> shift) * 4;
}

static void adapt_low(ms_g722_band *low, int32_t code4) {
    int32_t difference = (low->det * QM4[code4]) >> 15;
    rescale(low, WL[RL42[code4]], LOW_NB_MAX, 8);
    adapt(low, difference);
}

static void adapt_high(ms_g722_band *high, int32_t code2) {
    int32_t difference = (high->det * QM2[code2]) >> 15;
    rescale(high, WH[RH2[code2]], HIGH_NB_MAX, 10);
    adapt(high, difference);
}

/* ---- quantisers ---------------------------------------------------------------------------------------------------- */

/* QUANTL */
static int32_t quantise_low(const ms_g722_band *low, int32_t value) {
    int32_t error = saturate(value - low->s), magnitude = error >= 0 ? error : -(error + 1);
    int level = 1;
    while (level < LOW_LEVELS && magnitude >= (Q6[level] * low->det) >> 12) level++;
    return error < 0 ? ILN[level] : ILP[level];
}

/* QUANTH */
static int32_t quantise_high(const ms_g722_band *high, int32_t value) {
    int32_t error = saturate(value - high->s), magnitude = error >= 0 ? error : -(error + 1);
    int level = magnitude >= (HIGH_DECISION * high->det) >> 12 ? 2 : 1;
    return error < 0 ? IHN[level] : IHP[level];
}

/* ---- both ---------------------------------------------------------------------------------------------------------- */

void ms_g722_init(ms_g722 *g) {
    memset(g, 0, sizeof *g);
    g->low.det = LOW_DET;
    g->high.det = HIGH_DET;
}

static void shift_in(ms_g722 *g, int32_t even, int32_t odd) {
    memmove(g->qmf, g->qmf + 2, (MS_G722_QMF_TAPS - 2) * sizeof *g->qmf);
    g->qmf[MS_G722_QMF_TAPS - 2] = even;
    g->qmf[MS_G722_QMF_TAPS - 1] = odd;
}

static void filter(const ms_g722 *g, int32_t *even, int32_t *odd) {
    *even = *odd = 0;
    for (int i = 0; i < 12; i++) {
        *even += g->qmf[2 * i] * QMF[i];
        *odd += g->qmf[2 * i + 1] * QMF[11 - i];
    }
}

void ms_g722_decode(ms_g722 *g, const uint8_t *octets, size_t n, int16_t *pcm) {
    for (size_t k = 0; k < n; k++) {
        int32_t code6 = octets[k] & 0x3f, code2 = octets[k] >> 6, even, odd;
        int32_t low = clamp(g->low.s + ((g->low.det * QM6[code6]) >> 15), -16384, 16383);
        int32_t high = clamp(g->high.s + ((g->high.det * QM2[code2]) >> 15), -16384, 16383);
        adapt_low(&g->low, code6 >> 2);
        adapt_high(&g->high, code2);
        shift_in(g, low + high, low - high);
        filter(g, &even, &odd);
        pcm[2 * k] = (int16_t)saturate(odd >> 11);
        pcm[2 * k + 1] = (int16_t)saturate(even >> 11);
    }
}

void ms_g722_encode(ms_g722 *g, const int16_t *pcm, size_t n, uint8_t *octets) {
    for (size_t k = 0; k < n; k++) {
        int32_t even, odd;
        shift_in(g, pcm[2 * k], pcm[2 * k + 1]);
        filter(g, &even, &odd);
        int32_t code6 = quantise_low(&g->low, (odd + even) >> 14);
        int32_t code2 = quantise_high(&g->high, (odd - even) >> 14);
        adapt_low(&g->low, code6 >> 2);
        adapt_high(&g->high, code2);
        octets[k] = (uint8_t)(code2 << 6 | code6);
    }
}
