/* Speech is made shorter or longer by leaving out, or saying again, whole periods of its own pitch.
 *
 * The sound from here on is blended, over 8 ms, into the sound from `shift` samples further on (or back). At the shift
 * where both are most alike the blend adds like to like: no period is broken, the pitch stays, and nothing jumps,
 * because the blend begins with exactly what would have come next and ends exactly in what follows. In what has no
 * pitch and little energy any shift will do; that is for the caller to know.
 *
 * The likeness is the normalised cross-correlation of both stretches, looked for first on every few samples, then on
 * all of them around the best. */
#include "ms_stretch.h"

#include <math.h>

static const float TRIFLE = 64.0f;  /* energy per sample below which nothing is like anything */

static int32_t blend_samples(int32_t rate_hz) { return rate_hz / 1000 * MS_STRETCH_BLEND_MS; }

static MS_SIMD float likeness_at(const int16_t *sound, int32_t length, int32_t shift, int32_t stride) {
    float product = 0, here = 0, there = 0;
    for (int32_t i = 0; i < length; i += stride) {
        float a = sound[i], b = sound[i + shift];
        product += a * b;
        here += a * a;
        there += b * b;
    }
    float trifle = TRIFLE * (float)(length / stride);
    return product / sqrtf((here + trifle) * (there + trifle));
}

static int32_t most_like(const int16_t *sound, int32_t length, int32_t from, int32_t to, int32_t stride, float *best) {
    int32_t found = from;
    *best = -1;
    for (int32_t shift = from; shift <= to; shift += stride) {
        float likeness = likeness_at(sound, length, shift, stride);
        if (likeness <= *best) continue;
        *best = likeness;
        found = shift;
    }
    return found;
}

int32_t ms_stretch_find(const int16_t *sound, int32_t rate_hz, int32_t from, int32_t to, float likeness) {
    int32_t length = blend_samples(rate_hz), stride = rate_hz / 4000;
    float best;
    if (from > to) return 0;
    int32_t coarse = most_like(sound, length, from, to, stride, &best);
    int32_t low = coarse - stride < from ? from : coarse - stride, high = coarse + stride > to ? to : coarse + stride;
    int32_t found = most_like(sound, length, low, high, 1, &best);
    return best >= likeness ? found : 0;
}

void ms_stretch_apply(const int16_t *sound, int32_t rate_hz, int32_t shift, int16_t *out, size_t n) {
    int32_t length = blend_samples(rate_hz);
    for (int32_t i = 0; i < (int32_t)n; i++) {
        float there = i < length ? (float)i / (float)length : 1.0f;
        out[i] = (int16_t)lrintf((float)sound[i < length ? i : 0] * (1 - there) + (float)sound[i + shift] * there);
    }
}
