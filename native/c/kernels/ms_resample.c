/* Resampling by a rational factor: one polyphase FIR, a windowed sinc cut at the lower of the two rates.
 *
 * The prototype spans TAPS_AT_LOWER_RATE samples of the lower rate whatever the pair, so the lag is the same 2.7 ms
 * at worst (8 kHz on one side) and far less between high rates. Each output is a dot product of one phase of the
 * table with the newest inputs; which inputs those are depends only on how many came before, never on how they
 * were cut into calls, and the order of the additions is fixed: any chunking gives the same bits.
 *
 * Whole-numbered ratios upwards (8 to 16 kHz, which every stream's ears run) have a quicker loop: all outputs of one
 * phase stand side by side over consecutive inputs, so a block of them is summed at once, tap by tap, and no sum
 * needs to be put together from lanes at the end.
 *
 * Tables are shared by all streams of a ratio, built at the first init that needs them and kept for good. */
#include "ms_kernels.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TAPS_AT_LOWER_RATE = 44, LANES = 4, WIDE = 8, BLOCK = 80, MAX_RATIOS = 64 };
static const double CUTOFF = 0.47;      /* of the lower rate: -6 dB; flat to 0.42, 69 dB down from 0.53 */
static const double KAISER_BETA = 6.5;

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));
typedef float wide __attribute__((vector_size(WIDE * sizeof(float)), aligned(sizeof(float))));

typedef struct ratio_table {
    int32_t up, down, taps;
    float *coefficients;
} ratio_table;

static ratio_table tables[MAX_RATIOS];
static int table_count;
static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;  /* taken at set-up only */

static int32_t greatest_common_divisor(int32_t a, int32_t b) {
    while (b) {
        int32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static double bessel_i0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; k < 40; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* The prototype `at` steps of the common rate (in x up) from its centre. */
static double prototype(double at, double half_length, double cutoff) {
    double edge = at / half_length;
    double angle = 2 * M_PI * cutoff * at;
    double sinc = fabs(angle) < 1e-9 ? 1 : sin(angle) / angle;
    return sinc * bessel_i0(KAISER_BETA * sqrt(fmax(0, 1 - edge * edge))) / bessel_i0(KAISER_BETA);
}

/* One row a phase, newest input last, each row summing to one so that a constant stays that constant. */
static void build_table(ratio_table *t) {
    double length = (double)t->taps * t->up;
    double cutoff = CUTOFF / (t->up > t->down ? t->up : t->down);
    for (int32_t phase = 0; phase < t->up; phase++) {
        float *row = t->coefficients + (size_t)phase * t->taps;
        double sum = 0;
        for (int32_t k = 0; k < t->taps; k++) {
            double at = phase + (double)(t->taps - 1 - k) * t->up - (length - 1) / 2;
            double value = prototype(at, length / 2, cutoff);
            row[k] = (float)value;
            sum += value;
        }
        for (int32_t k = 0; k < t->taps; k++) row[k] = (float)(row[k] / sum);
    }
}

static int32_t taps_for(int32_t up, int32_t down) {
    int32_t taps = down > up ? (TAPS_AT_LOWER_RATE * down + up - 1) / up : TAPS_AT_LOWER_RATE;
    return (taps + LANES - 1) / LANES * LANES;
}

static const ratio_table *new_table(int32_t up, int32_t down) {
    if (table_count == MAX_RATIOS) return NULL;
    ratio_table *t = &tables[table_count];
    *t = (ratio_table){.up = up, .down = down, .taps = taps_for(up, down)};
    t->coefficients = malloc((size_t)up * (size_t)t->taps * sizeof(float));
    if (!t->coefficients) return NULL;
    build_table(t);
    table_count++;
    return t;
}

static const ratio_table *table_for(int32_t up, int32_t down) {
    const ratio_table *found = NULL;
    pthread_mutex_lock(&tables_lock);
    for (int i = 0; i < table_count && !found; i++)
        if (tables[i].up == up && tables[i].down == down) found = &tables[i];
    if (!found) found = new_table(up, down);
    pthread_mutex_unlock(&tables_lock);
    return found;
}

static bool supported(int32_t rate_hz) {
    static const int32_t rates_hz[] = {8000, 16000, 22050, 24000, 32000, 44100, 48000};
    for (size_t i = 0; i < sizeof rates_hz / sizeof *rates_hz; i++)
        if (rates_hz[i] == rate_hz) return true;
    return false;
}

int ms_resampler_init(ms_resampler *r, int32_t in_hz, int32_t out_hz) {
    memset(r, 0, sizeof *r);
    if (!supported(in_hz) || !supported(out_hz)) return MS_E_ARGUMENT;
    int32_t common = greatest_common_divisor(in_hz, out_hz);
    r->in_hz = in_hz;
    r->out_hz = out_hz;
    r->up = out_hz / common;
    r->down = in_hz / common;
    r->skip = 1;
    if (r->up == r->down) return MS_OK;
    const ratio_table *t = table_for(r->up, r->down);
    if (!t) return MS_E_MEMORY;
    r->taps = t->taps;
    r->table = t->coefficients;
    r->filled = r->taps - 1;
    return MS_OK;
}

size_t ms_resampler_output(const ms_resampler *r, size_t n_in) {
    return (n_in * (size_t)r->up + (size_t)r->down - 1) / (size_t)r->down + 1;
}

static int16_t to_int16(float value) {
    return (int16_t)lrintf(value > 32767.0f ? 32767.0f : value < -32768.0f ? -32768.0f : value);
}

static int16_t dot(const float *row, const float *window, int32_t taps) {
    lanes sum = {0};
    for (int32_t k = 0; k < taps; k += LANES) sum += *(const lanes *)(row + k) * *(const lanes *)(window + k);
    return to_int16((sum[0] + sum[2]) + (sum[1] + sum[3]));
}

/* BLOCK dot products of one row, each a sample further than the one before. */
static inline void dots(const float *row, const float *window, int32_t taps, float *sums) {
    wide sum[BLOCK / WIDE];
    for (int32_t i = 0; i < BLOCK / WIDE; i++) sum[i] = row[0] * *(const wide *)(window + i * WIDE);
    for (int32_t k = 1; k < taps; k++)
        for (int32_t i = 0; i < BLOCK / WIDE; i++) sum[i] += row[k] * *(const wide *)(window + k + i * WIDE);
    memcpy(sums, sum, sizeof sum);
}

/* Rounds to the nearest by cutting off what is above zero: unlike lrintf, that is done in lanes. */
static inline void round_block(const float *sums, int16_t *rounded) {
    for (int32_t i = 0; i < BLOCK; i++) {
        float lifted = sums[i] + 32768.5f;
        lifted = lifted > 65535.0f ? 65535.0f : lifted;
        lifted = lifted < 0.0f ? 0.0f : lifted;
        rounded[i] = (int16_t)((int32_t)lifted - 32768);
    }
}

/* As drain, for down == 1: each fresh input gives one output of every phase. What a block computes beyond the fresh
 * inputs is thrown away; the history has room for the reading. */
MS_SIMD static size_t drain_upwards(const ms_resampler *r, int32_t fresh, int16_t *out) {
    const float *first = r->history + r->filled - fresh - r->taps + 1;
    for (int32_t done = 0; done < fresh; done += BLOCK) {
        int32_t n = fresh - done < BLOCK ? fresh - done : BLOCK;
        for (int32_t phase = 0; phase < r->up; phase++) {
            float sums[BLOCK];
            int16_t rounded[BLOCK];
            dots(r->table + (size_t)phase * r->taps, first + done, r->taps, sums);
            round_block(sums, rounded);
            for (int32_t i = 0; i < n; i++) out[(done + i) * r->up + phase] = rounded[i];
        }
    }
    return (size_t)fresh * (size_t)r->up;
}

/* Every output whose newest input is among the `r->filled` in the history, of which the last `fresh` are new. */
static size_t drain(ms_resampler *r, int32_t fresh, int16_t *out) {
    int32_t newest = r->filled - fresh - 1 + r->skip;
    size_t written = 0;
    while (newest < r->filled) {
        out[written++] = dot(r->table + (size_t)r->phase * r->taps, r->history + newest - r->taps + 1, r->taps);
        r->phase += r->down;
        while (r->phase >= r->up) {
            r->phase -= r->up;
            newest++;
        }
    }
    r->skip = newest - (r->filled - 1);
    return written;
}

size_t ms_resampler_process(ms_resampler *r, const int16_t *in, size_t n_in, int16_t *out) {
    const int32_t capacity = (int32_t)(sizeof r->history / sizeof *r->history) - BLOCK;
    size_t written = 0;
    if (r->up == r->down) {
        memmove(out, in, n_in * sizeof *in);
        return n_in;
    }
    while (n_in > 0) {
        int32_t fresh = capacity - r->filled;
        if ((size_t)fresh > n_in) fresh = (int32_t)n_in;
        for (int32_t i = 0; i < fresh; i++) r->history[r->filled + i] = in[i];
        r->filled += fresh;
        in += fresh;
        n_in -= (size_t)fresh;
        written += r->down == 1 ? drain_upwards(r, fresh, out + written) : drain(r, fresh, out + written);
        int32_t kept = r->taps - 1;
        memmove(r->history, r->history + r->filled - kept, (size_t)kept * sizeof(float));
        r->filled = kept;
    }
    return written;
}

double ms_resampler_lag_ms(const ms_resampler *r) {
    if (r->up == r->down) return 0;
    return ((double)r->taps * r->up - 1) / 2 / ((double)r->in_hz * r->up) * 1000;
}
