/* Mixing and limiting.
 *
 * The sum of a few voices is now and then louder than 16 bits hold. Cut off, it clicks; so it is turned down before
 * it gets there. A frame is looked at in pieces of 5 ms. Each piece has a gain at which its loudest sample just
 * reaches the ceiling; at the border of two pieces the lower of their gains holds, and between borders the gain walks
 * in a straight line: so within a piece it is never above what that piece bears, and never jumps. Downwards it goes as
 * fast as the next piece demands, upwards at most RELEASE a piece, or it would be heard pumping.
 *
 * Only the first piece of a frame may be louder than foreseen, because no frame knows the next. What then stands
 * above the ceiling is bent by a curve that has the slope 1 at the ceiling and never passes 16 bits. */
#include "ms_mixer.h"

#define FULL_SCALE 32767.0f
#define RELEASE 0.05f /* a piece: back from silence in 100 ms */

void ms_gain_init(ms_gain *g, float value) {
    *g = (ms_gain){.now = value, .target = value};
}

void ms_gain_set(ms_gain *g, float target, uint32_t ramp) {
    if (!(target > 0)) target = 0;
    if (target > MS_GAIN_MAX) target = MS_GAIN_MAX;
    g->target = target;
    g->left = ramp;
    g->step = ramp ? (target - g->now) / (float)ramp : 0;
    if (!ramp) g->now = target;
}

bool ms_gain_is_silent(const ms_gain *g) { return g->left == 0 && g->target == 0; }

/* The end of the walk is where it was to end, whatever was lost in adding up its steps. */
static void arrive(ms_gain *g, uint32_t walked) {
    g->left -= walked;
    g->now = g->left ? g->now + g->step * (float)walked : g->target;
}

MS_SIMD void ms_mixer_add(float *sum, const int16_t *pcm, uint32_t n, ms_gain *gain) {
    uint32_t walk = gain->left < n ? gain->left : n;
    float from = gain->now, step = gain->step;
    for (uint32_t i = 0; i < walk; i++) sum[i] += (from + step * (float)(i + 1)) * (float)pcm[i];
    if (walk) arrive(gain, walk);
    float steady = gain->now;
    for (uint32_t i = walk; i < n; i++) sum[i] += steady * (float)pcm[i];
}

void ms_limiter_init(ms_limiter *l) { l->gain = 1; }

MS_SIMD static float loudest(const float *sum, uint32_t n) {
    float peak = 0;
    for (uint32_t i = 0; i < n; i++) {
        float level = sum[i] < 0 ? -sum[i] : sum[i];
        peak = level > peak ? level : peak;
    }
    return peak;
}

static float bend(float x) {
    float level = x < 0 ? -x : x, room = FULL_SCALE - MS_LIMITER_CEILING;
    float over = (level - MS_LIMITER_CEILING) / room;
    float bent = MS_LIMITER_CEILING + room * (over / (1 + over));
    return x < 0 ? -bent : bent;
}

static int16_t round_to_nearest(float x) { return (int16_t)(x < 0 ? x - 0.5f : x + 0.5f); }

static void apply(const float *sum, int16_t *out, uint32_t n, float from, float to) {
    float step = (to - from) / (float)n;
    for (uint32_t i = 0; i < n; i++) {
        float x = sum[i] * (from + step * (float)(i + 1));
        out[i] = round_to_nearest(x > MS_LIMITER_CEILING || x < -MS_LIMITER_CEILING ? bend(x) : x);
    }
}

void ms_limiter_process(ms_limiter *l, const float *sum, int16_t *out, uint32_t n) {
    uint32_t piece = n / MS_LIMITER_PIECES;
    float bearable[MS_LIMITER_PIECES + 1];
    for (int k = 0; k < MS_LIMITER_PIECES; k++) {
        float peak = loudest(sum + (uint32_t)k * piece, piece);
        bearable[k] = peak > MS_LIMITER_CEILING ? MS_LIMITER_CEILING / peak : 1;
    }
    bearable[MS_LIMITER_PIECES] = bearable[MS_LIMITER_PIECES - 1]; /* the next frame, as far as we know */
    for (int k = 0; k < MS_LIMITER_PIECES; k++) {
        float to = bearable[k] < bearable[k + 1] ? bearable[k] : bearable[k + 1];
        if (to > l->gain + RELEASE) to = l->gain + RELEASE;
        apply(sum + (uint32_t)k * piece, out + (uint32_t)k * piece, piece, l->gain, to);
        l->gain = to;
    }
}
