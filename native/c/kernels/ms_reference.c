#include "ms_reference.h"

#include <math.h>
#include <string.h>

enum { PHASES = 32, TAPS = 16, BLOCK = 16 };
enum { RING_MS = 1000, INAUDIBLE = 16 };  /* peak that counts as nothing sent; A-law's zero is 8 */

static float interpolator[PHASES + 1][TAPS];

__attribute__((constructor)) static void build_interpolator(void) {
    for (int phase = 0; phase <= PHASES; phase++) {
        double sum = 0, row[TAPS];
        for (int k = 0; k < TAPS; k++) {
            double at = k - (TAPS / 2 - 1) - (double)phase / PHASES;
            double edge = at / (TAPS / 2.0);
            double window = fabs(edge) < 1 ? 0.42 + 0.5 * cos(M_PI * edge) + 0.08 * cos(2 * M_PI * edge) : 0;
            row[k] = (fabs(at) < 1e-9 ? 1 : sin(M_PI * at) / (M_PI * at)) * window;
            sum += row[k];
        }
        for (int k = 0; k < TAPS; k++) interpolator[phase][k] = (float)(row[k] / sum);
    }
}

size_t ms_reference_ring_samples(int32_t rate_hz) {
    size_t size = 1024;
    while (size < (size_t)rate_hz / 1000 * RING_MS) size *= 2;
    return size;
}

void ms_reference_init(ms_reference *r, int32_t rate_hz, int16_t *ring) {
    *r = (ms_reference){.rate_hz = rate_hz, .ring = ring, .loud_end = INT32_MIN};
    r->size = (int32_t)ms_reference_ring_samples(rate_hz);
    memset(ring, 0, (size_t)r->size * sizeof *ring);
}

static int peak_of(const int16_t *pcm, size_t n) {
    int peak = 0;
    for (size_t i = 0; i < n; i++) {
        int level = pcm[i] < 0 ? -pcm[i] : pcm[i];
        peak = level > peak ? level : peak;
    }
    return peak;
}

static void clear_ring(ms_reference *r, int64_t from, int64_t to) {
    if (to - from >= r->size) {
        memset(r->ring, 0, (size_t)r->size * sizeof *r->ring);
        return;
    }
    for (int64_t i = from; i < to; i++) r->ring[i & (r->size - 1)] = 0;
}

double ms_reference_position(const ms_reference *r, int64_t ns) {
    return (double)(int64_t)((uint64_t)ns - (uint64_t)r->zero_ns) * r->rate_hz / 1e9;
}

void ms_reference_write(ms_reference *r, const int16_t *sent, size_t n, int64_t due_ns) {
    if (n == 0 || n > (size_t)r->size) return;
    if (!r->begun) {
        r->begun = true;
        r->zero_ns = due_ns;
    }
    int64_t start = llround(ms_reference_position(r, due_ns)), end = start + (int64_t)n;
    if (end <= r->end - r->size) return;  /* older than anything the ring still holds */
    if (start > r->end) clear_ring(r, r->end, start);
    for (size_t i = 0; i < n; i++) r->ring[(start + (int64_t)i) & (r->size - 1)] = sent[i];
    if (end > r->end) r->end = end;
    if (peak_of(sent, n) > INAUDIBLE && end > r->loud_end) r->loud_end = end;
}

static void copy_from_ring(const ms_reference *r, int64_t from, int32_t n, float *out) {
    int64_t oldest = r->end - r->size;
    for (int32_t i = 0; i < n; i++) {
        int64_t index = from + i;
        out[i] = index >= oldest && index < r->end ? r->ring[index & (r->size - 1)] : 0;
    }
}

static void interpolate(const float *window, float fraction, int32_t n, int16_t *out) {
    float taps[TAPS], at = fraction * PHASES;
    int32_t phase = (int32_t)at < PHASES ? (int32_t)at : PHASES - 1;
    float rest = at - (float)phase, sums[BLOCK] = {0};
    for (int32_t k = 0; k < TAPS; k++)
        taps[k] = interpolator[phase][k] * (1 - rest) + interpolator[phase + 1][k] * rest;
    for (int32_t k = 0; k < TAPS; k++)
        for (int32_t i = 0; i < BLOCK; i++) sums[i] += taps[k] * window[i + k];
    for (int32_t i = 0; i < n; i++) {
        float value = sums[i];
        out[i] = (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
    }
}

/* Within a block the fraction stays that of its middle, which at 300 ppm is wrong by a four-hundredth of a sample. */
void ms_reference_read(const ms_reference *r, double position, double step, int16_t *out, int32_t n) {
    float window[BLOCK + TAPS];
    for (int32_t done = 0; done < n; done += BLOCK) {
        double middle = position + step * (done + BLOCK / 2);
        int64_t whole = (int64_t)floor(middle);
        copy_from_ring(r, whole - BLOCK / 2 - (TAPS / 2 - 1), BLOCK + TAPS, window);
        interpolate(window, (float)(middle - (double)whole), n - done < BLOCK ? n - done : BLOCK, out + done);
    }
}
