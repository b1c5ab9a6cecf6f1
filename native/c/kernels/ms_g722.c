/* G.722 at 64 kbit/s (ITU-T G.722, mode 1): 16 kHz in, an octet for two samples.
 *
 * Two half-band signals of 8 kHz are made by a quadrature mirror filter; the lower is coded with 6 bits a sample, the
 * upper with 2, each as the difference from what its own past predicts (ADPCM). Quantiser step and predictor adapt from
 * what was sent only, so the receiver follows without being told; and it follows on nothing but exact arithmetic, which
 * is why every shift and every saturation below is the recommendation's. tests/reference/g722.py is the same codec
 * block by block under the recommendation's names (given here in capitals).
 *
 * What is done differently from the text, to the same bits:
 *   - The six zeros of a predictor (UPZERO, FILTEZ) live in the lanes of two vectors, moved by shuffles. Their
 *     differences are kept doubled and saturated, as FILTEZ wants them; sign and zero, which is all that UPZERO looks
 *     at, stay. A coefficient cannot leave 16 bits: 255/256 of it and 128 more is at most 32767.
 *   - FILTEZ saturates after each of six additions. That makes no difference unless the magnitudes add up to more than
 *     16 bits, which is looked at first.
 *   - QUANTL looks for the last level L with (L * DETL) >> 12 <= magnitude. That is the same as
 *     L <= ((magnitude + 1) * 4096 - 1) / DETL in whole numbers: one product, and a look-up instead of a search. In
 *     doubles a half is added above the line, so that no quotient comes so near a whole number that rounding matters.
 * The filters have no feedback and run over whole frames before (after) the bands do. */
#include "ms_codec_kind.h"

#include <math.h>
#include <string.h>

enum { RATE_HZ = 16000, MAX_OCTETS = RATE_HZ / 1000 * MS_MAX_PTIME_MS / 2, TAPS = 24, KEPT = TAPS / 2 - 1 };
enum { LOW_STEP = 32, HIGH_STEP = 8, LOW_NB_MAX = 18432, HIGH_NB_MAX = 22528 };

#define INLINE static inline __attribute__((always_inline))
typedef int32_t lanes __attribute__((vector_size(16)));

typedef struct band {
    lanes near_zeros, far_zeros; /* B1-B4; B5, B6 and two lanes that stay zero */
    lanes near, far;             /* DLT1-DLT6 for them, doubled */
    int32_t s, sz;               /* the prediction, and the zeros' part in it */
    int32_t a1, a2, r1, p1, p2;  /* poles; the last reconstructed sample; the last two partial ones */
    int32_t nb, step;            /* logarithmic scale factor (NBL), and what it stands for (DETL) */
} band;

typedef struct side { /* an encoder or a decoder */
    band low, high;
    int32_t even[KEPT], odd[KEPT]; /* of the filter's past */
} side;

/* ---- the recommendation's tables --------------------------------------------------------------------------------- */

static const int32_t mirror[TAPS / 2] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};
/* Q6: decision levels */
enum { LEVELS = 29, TOP_LEVEL = 2919 };
static const int16_t levels[LEVELS] = {
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, TOP_LEVEL,
};
/* ILN, ILP: what is sent for a magnitude of so many steps, below the prediction and above it */
static uint8_t codes_below[TOP_LEVEL + 1], codes_above[TOP_LEVEL + 1];

__attribute__((constructor)) static void build_codes(void) {
    for (int whole = 0, passed = 0; whole <= TOP_LEVEL; whole++) {
        while (passed < LEVELS && levels[passed] <= whole) passed++;
        codes_below[whole] = (uint8_t)(passed < 2 ? 63 - passed : 33 - passed);
        codes_above[whole] = (uint8_t)(61 - passed);
    }
}
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

INLINE int32_t sum_of(lanes x) {
    x += __builtin_shuffle(x, (lanes){2, 3, 0, 1});
    return x[0] + x[1];
}

/* The sum as the recommendation forms it: oldest first, held to 16 bits after each step. */
static int32_t saturated_sum(lanes near, lanes far) {
    int32_t sum = saturated(far[1]);
    sum = saturated(sum + saturated(far[0]));
    for (int i = 3; i >= 0; i--) sum = saturated(sum + saturated(near[i]));
    return sum;
}

INLINE lanes magnitude(lanes x) { return (x ^ (x >> 31)) - (x >> 31); }

/* UPZERO: `step` towards where sample and difference agree in sign, 1/256 towards zero. */
INLINE lanes moved(lanes zeros, lanes apart, lanes step) { return ((zeros * 32640) >> 15) + ((step ^ apart) - apart); }

/* UPZERO, DELAYA, FILTEZ */
INLINE void adapt_zeros(band *b, int32_t difference) {
    const int32_t step = difference ? 128 : 0;
    b->near_zeros = moved(b->near_zeros, (b->near ^ difference) >> 31, (lanes){step, step, step, step});
    b->far_zeros = moved(b->far_zeros, (b->far ^ difference) >> 31, (lanes){step, step, 0, 0});
    b->far = __builtin_shuffle(b->far, b->near, (lanes){7, 0, 2, 3});
    b->near = __builtin_shuffle(b->near, (lanes){saturated(2 * difference)}, (lanes){4, 0, 1, 2});
    const lanes near = (b->near_zeros * b->near) >> 15, far = (b->far_zeros * b->far) >> 15;
    b->sz = sum_of(near + far);
    if (__builtin_expect(sum_of(magnitude(near) + magnitude(far)) > INT16_MAX, 0)) b->sz = saturated_sum(near, far);
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

/* SUBTRA, QUANTL. The magnitude of a negative error is one less: |error + 1/2| - 1/2 either way. */
INLINE int low_encoded(const band *b, int32_t sample) {
    const int32_t error = saturated(sample - b->s);
    const double steps = (fabs(error + 0.5) + 0.5 - 0.5 / 4096) * (4096.0 / b->step);
    const int whole = steps < TOP_LEVEL ? (int)steps : TOP_LEVEL;
    return error < 0 ? codes_below[whole] : codes_above[whole];
}

/* SUBTRA, QUANTH */
INLINE int high_encoded(const band *b, int32_t sample) {
    const int32_t error = saturated(sample - b->s), level = (564 * b->step) >> 12;
    const int outer = (error >= level) | (error < -level);
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
