/* G.722 at 64 kbit/s (ITU-T G.722, mode 1): 16 kHz in, an octet for two samples.
 *
 * Two half-band signals of 8 kHz are made by a quadrature mirror filter; the lower is coded with 6 bits a sample, the
 * upper with 2, each as the difference from what its own past predicts (ADPCM). Quantiser step and predictor adapt from
 * what was sent only, so the receiver follows without being told; and it follows on nothing but exact arithmetic, which
 * is why every shift and every saturation below is the recommendation's. tests/reference/g722.py is the same codec
 * block by block under the recommendation's names (given here in capitals).
 *
 * What is done differently from the text, to the same bits:
 *   - The six zeros of a predictor (UPZERO, FILTEZ) live in the lanes of one vector, moved by a shuffle. Their
 *     differences are kept doubled and saturated, as FILTEZ wants them; sign and zero, which is all that UPZERO looks
 *     at, stay. A coefficient cannot leave 16 bits: 255/256 of it and 128 more is at most 32767.
 *   - FILTEZ saturates after each of six additions. That makes no difference unless the magnitudes add up to more than
 *     16 bits, which is looked at first.
 *   - QUANTL's decision level is found by counting the levels below, all at once: they depend on the step alone, so
 *     they are ready before the sample is.
 * The filters have no feedback and run over whole frames before (after) the bands do. */
#include "ms_codec_kind.h"

#include <string.h>

enum { RATE_HZ = 16000, MAX_OCTETS = RATE_HZ / 1000 * MS_MAX_PTIME_MS / 2, TAPS = 24, KEPT = TAPS / 2 - 1 };
enum { LOW_STEP = 32, HIGH_STEP = 8, LOW_NB_MAX = 18432, HIGH_NB_MAX = 22528 };

#define INLINE static inline __attribute__((always_inline))
typedef int32_t lanes __attribute__((vector_size(32), aligned(16)));

typedef struct band {
    lanes zeros, differences;   /* B1-B6 and DLT1-DLT6, doubled; two lanes stay zero */
    int32_t s, sz;              /* the prediction, and the zeros' part in it */
    int32_t a1, a2, r1, p1, p2; /* poles; the last reconstructed sample; the last two partial ones */
    int32_t nb, step;           /* logarithmic scale factor (NBL), and what it stands for (DETL) */
} band;

typedef struct side { /* an encoder or a decoder */
    band low, high;
    int32_t even[KEPT], odd[KEPT]; /* of the filter's past */
} side;

/* ---- the recommendation's tables --------------------------------------------------------------------------------- */

static const int32_t mirror[TAPS / 2] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};
/* Q6: decision levels; the last three only fill the vectors */
static const int32_t levels[32] = {
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919, 2919, 2919, 2919,
};
/* ILN, ILP: what is sent for a difference that has so many levels below it, negative ones first */
static const uint8_t low_code[2][33] = {
    {61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34,
     33, 32, 32, 32, 32},
    {63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4,
     4, 4, 4},
};
static const int16_t quantised_6[64] = { /* QM6 */
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
    -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
    24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
};
static const int16_t quantised_4[16] = { /* QM4 */
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
};
static const int16_t quantised_2[4] = {-7408, -1616, 7408, 1616}; /* QM2 */
static const int16_t low_growth[16] = { /* WL by RL42 */
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
};
static const int16_t high_growth[4] = {798, -214, 798, -214}; /* WH by RH2 */
static const int16_t antilog[32] = { /* ILB */
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
};

/* ---- one band ---------------------------------------------------------------------------------------------------- */

INLINE int32_t limited(int32_t x, int32_t least, int32_t most) { return x < least ? least : x > most ? most : x; }

INLINE int32_t saturated(int32_t x) { return limited(x, INT16_MIN, INT16_MAX); }

INLINE int32_t sum_of(const lanes *terms) {
    lanes x = *terms + __builtin_shuffle(*terms, (lanes){4, 5, 6, 7, 0, 1, 2, 3});
    x += __builtin_shuffle(x, (lanes){2, 3, 0, 1, 6, 7, 4, 5});
    return x[0] + x[1];
}

/* The sum as the recommendation forms it: oldest first, held to 16 bits after each step. */
static int32_t saturated_sum(const int32_t products[6]) {
    int32_t sum = 0;
    for (int i = 5; i >= 0; i--) sum = saturated(sum + saturated(products[i]));
    return sum;
}

/* UPZERO, DELAYA, FILTEZ */
INLINE void adapt_zeros(band *b, int32_t difference) {
    const int32_t gain = difference ? 128 : 0;
    const lanes apart = (b->differences ^ difference) >> 31;
    const lanes gains = {gain, gain, gain, gain, gain, gain, 0, 0};
    b->zeros = ((b->zeros * 32640) >> 15) + ((gains ^ apart) - apart);
    const lanes newest = {saturated(2 * difference)};
    b->differences = __builtin_shuffle(b->differences, newest, (lanes){8, 0, 1, 2, 3, 4, 5, 15});
    const lanes products = (b->zeros * b->differences) >> 15, signs = products >> 31;
    const lanes magnitudes = (products ^ signs) - signs;
    b->sz = sum_of(&products);
    if (__builtin_expect(sum_of(&magnitudes) > INT16_MAX, 0)) {
        int32_t each[8];
        memcpy(each, &products, sizeof each);
        b->sz = saturated_sum(each);
    }
}

/* UPPOL2, UPPOL1; `p0` is the newest partial reconstruction (PARREC) */
INLINE void adapt_poles(band *b, int32_t p0) {
    const int32_t towards = (p0 ^ b->p1) < 0 ? 1 : -1; /* opposite signs: 1 */
    const int32_t steep = limited(4 * b->a1, INT16_MIN, INT16_MAX) * towards;
    const int32_t second = (saturated(steep) >> 7) + ((p0 ^ b->p2) < 0 ? -128 : 128);
    b->a2 = limited(second + ((b->a2 * 32512) >> 15), -12288, 12288);
    const int32_t most = 15360 - b->a2;
    b->a1 = limited(-192 * towards + ((b->a1 * 32640) >> 15), -most, most);
    b->p2 = b->p1;
    b->p1 = p0;
}

/* RECONS, FILTEP, PREDIC: what follows from a difference that both sides know */
INLINE void predict(band *b, int32_t difference) {
    const int32_t r2 = b->r1;
    b->r1 = saturated(2 * saturated(b->s + difference));
    adapt_poles(b, saturated(b->sz + difference));
    adapt_zeros(b, difference);
    b->s = saturated(saturated(((b->a1 * b->r1) >> 15) + ((b->a2 * r2) >> 15)) + b->sz);
}

/* LOGSCL, SCALEL: `top` is the exponent at which the antilogarithm is not shifted */
INLINE void rescale(band *b, int32_t growth, int32_t nb_max, int32_t top) {
    b->nb = limited(((b->nb * 32512) >> 15) + growth, 0, nb_max);
    b->step = (antilog[b->nb >> 6 & 31] << 1 >> (top + 1 - (b->nb >> 11))) << 2;
}

INLINE void low_follows(band *b, int code) {
    const int32_t difference = (b->step * quantised_4[code >> 2]) >> 15;
    rescale(b, low_growth[code >> 2], LOW_NB_MAX, 8);
    predict(b, difference);
}

INLINE void high_follows(band *b, int code) {
    const int32_t difference = (b->step * quantised_2[code]) >> 15;
    rescale(b, high_growth[code], HIGH_NB_MAX, 10);
    predict(b, difference);
}

/* ---- coding ------------------------------------------------------------------------------------------------------ */

/* SUBTRA, QUANTL */
INLINE int low_encoded(const band *b, int32_t sample) {
    const int32_t error = saturated(sample - b->s), magnitude = error < 0 ? ~error : error;
    int below = 0;
    for (int i = 0; i < 32; i++) below += (levels[i] * b->step) >> 12 <= magnitude;
    return low_code[error < 0][below];
}

/* SUBTRA, QUANTH */
INLINE int high_encoded(const band *b, int32_t sample) {
    const int32_t error = saturated(sample - b->s), magnitude = error < 0 ? ~error : error;
    const int outer = magnitude >= (564 * b->step) >> 12;
    return (error < 0 ? 1 : 3) - outer;
}

/* The transmit filter: low and high from two samples at a time. */
MS_SIMD static void split(side *side, const int16_t *pcm, int n, int32_t *restrict low, int32_t *restrict high) {
    int32_t even[KEPT + MAX_OCTETS], odd[KEPT + MAX_OCTETS];
    memcpy(even, side->even, sizeof side->even);
    memcpy(odd, side->odd, sizeof side->odd);
    for (int k = 0; k < n; k++) {
        even[KEPT + k] = pcm[2 * k];
        odd[KEPT + k] = pcm[2 * k + 1];
    }
    for (int k = 0; k < n; k++) {
        int32_t a = 0, b = 0;
        for (int i = 0; i < TAPS / 2; i++) {
            a += odd[k + i] * mirror[TAPS / 2 - 1 - i];
            b += even[k + i] * mirror[i];
        }
        low[k] = limited((a + b) >> 14, -16384, 16383);
        high[k] = limited((a - b) >> 14, -16384, 16383);
    }
    memcpy(side->even, even + n, sizeof side->even);
    memcpy(side->odd, odd + n, sizeof side->odd);
}

MS_SIMD static void encode_bands(side *side, const int32_t *low, const int32_t *high, int n, uint8_t *octets) {
    band below = side->low, above = side->high;
    for (int k = 0; k < n; k++) {
        const int low_bits = low_encoded(&below, low[k]), high_bits = high_encoded(&above, high[k]);
        octets[k] = (uint8_t)(high_bits << 6 | low_bits);
        low_follows(&below, low_bits);
        high_follows(&above, high_bits);
    }
    side->low = below;
    side->high = above;
}

/* The receive filter: two samples from low and high, given as their sums and differences. */
MS_SIMD static void join(side *side, const int32_t *low, const int32_t *high, int n, int16_t *restrict pcm) {
    int32_t even[KEPT + MAX_OCTETS], odd[KEPT + MAX_OCTETS];
    memcpy(even, side->even, sizeof side->even);
    memcpy(odd, side->odd, sizeof side->odd);
    for (int k = 0; k < n; k++) {
        even[KEPT + k] = low[k] + high[k];
        odd[KEPT + k] = low[k] - high[k];
    }
    for (int k = 0; k < n; k++) {
        int32_t first = 0, second = 0;
        for (int i = 0; i < TAPS / 2; i++) {
            first += odd[k + i] * mirror[TAPS / 2 - 1 - i];
            second += even[k + i] * mirror[i];
        }
        pcm[2 * k] = (int16_t)saturated(first >> 11);
        pcm[2 * k + 1] = (int16_t)saturated(second >> 11);
    }
    memcpy(side->even, even + n, sizeof side->even);
    memcpy(side->odd, odd + n, sizeof side->odd);
}

/* INVQBL, RECONS, LIMIT. All six bits of the low band make the sound; four of them make the prediction. */
MS_SIMD static void decode_bands(side *side, const uint8_t *octets, int n, int32_t *low, int32_t *high) {
    band below = side->low, above = side->high;
    for (int k = 0; k < n; k++) {
        const int low_bits = octets[k] & 63, high_bits = octets[k] >> 6;
        low[k] = limited(below.s + ((below.step * quantised_6[low_bits]) >> 15), -16384, 16383);
        high[k] = limited(above.s + ((above.step * quantised_2[high_bits]) >> 15), -16384, 16383);
        low_follows(&below, low_bits);
        high_follows(&above, high_bits);
    }
    side->low = below;
    side->high = above;
}

/* ---- as a codec -------------------------------------------------------------------------------------------------- */

static bool is_valid(const ms_codec_config *config) { return config->say_hz == RATE_HZ && config->hear_hz == RATE_HZ; }

static int32_t clock_hz(const ms_codec_config *config) { return 8000; }

static size_t longest_payload(const ms_codec_config *config) { return MAX_OCTETS; }

static size_t size(void) { return sizeof(side); }

static int init(void *state, const ms_codec_config *config) {
    memset(state, 0, sizeof(side));
    ((side *)state)->low.step = LOW_STEP;
    ((side *)state)->high.step = HIGH_STEP;
    return MS_OK;
}

static int samples(const ms_codec_config *config, const uint8_t *payload, size_t n) { return (int)(2 * n); }

static int decode(void *state, const uint8_t *payload, size_t n, int16_t *pcm, int samples) {
    int32_t low[MAX_OCTETS], high[MAX_OCTETS];
    decode_bands(state, payload, (int)n, low, high);
    join(state, low, high, (int)n, pcm);
    return samples;
}

static int encode(void *state, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    int32_t low[MAX_OCTETS], high[MAX_OCTETS];
    const int octets = (int)(n / 2);
    if (n % 2 || (size_t)octets > capacity) return MS_E_ARGUMENT;
    split(state, pcm, octets, low, high);
    encode_bands(state, low, high, octets, payload);
    return octets;
}

const ms_codec_kind ms_codec_g722 = {
    .codec = MS_G722,
    .is_valid = is_valid,
    .clock_hz = clock_hz,
    .longest_payload = longest_payload,
    .decoder_size = size,
    .encoder_size = size,
    .decoder_init = init,
    .encoder_init = init,
    .samples = samples,
    .decode = decode,
    .encode = encode,
};
