/* Every layer is the same thing, a matrix times a few vectors: with its inputs laid out frame after frame, what a
 * convolution of three taps sees of them is one run of memory. What the padding would multiply by zero is mostly left
 * out: of the third layer one tap, of the fourth two.
 *
 * The 1.1 MB of weights do not fit the nearest caches, and reading them is half of what this costs: so each is read
 * once a chunk, in order, for all the frames it is for. */
#include "ms_silero_weights.h"

#include <math.h>
#include <string.h>

enum { FRAMES = 4, HALVED = FRAMES / 2, CHAINS = 4 };  /* CHAINS: sums side by side, to hide an addition's latency */
enum { SEEN = MS_SILERO_CONTEXT + MS_SILERO_CHUNK, PADDING = 64, HOP = SILERO_WINDOW / 2 };
enum { REMEMBERED = MS_SILERO_REMEMBERED * MS_SILERO_CHUNK, WINDOW = MS_SILERO_CONTEXT + REMEMBERED };

#define EIGHT 8
typedef float eight __attribute__((vector_size(EIGHT * sizeof(float)), aligned(sizeof(float)), may_alias));

_Static_assert(SILERO_BLOCK == 2 * EIGHT, "a block is two registers");

/* out[frame][output] = sum of weights[output][input] * in[frame][input]; `in_step`, `out_step`: from frame to frame. */
typedef struct layer {
    const float *weights;
    uint32_t row;         /* inputs that a block of the weights has, of which these are used: */
    uint32_t inputs, outputs, in_step, out_step;
} layer;

#define INLINE static inline __attribute__((always_inline))

INLINE void for_frames(const layer *l, const float *in, float *out, const uint32_t frames) {
    for (uint32_t first = 0; first < l->outputs; first += SILERO_BLOCK) {
        const float *w = l->weights + (size_t)first * l->row;
        eight low[FRAMES] = {0}, high[FRAMES] = {0};
        for (uint32_t i = 0; i < l->inputs; i++, w += SILERO_BLOCK) {
            eight wl = *(const eight *)w, wh = *(const eight *)(w + EIGHT);
            for (uint32_t t = 0; t < frames; t++) {
                low[t] += wl * in[t * l->in_step + i];
                high[t] += wh * in[t * l->in_step + i];
            }
        }
        for (uint32_t t = 0; t < frames; t++) {
            *(eight *)(out + t * l->out_step + first) = low[t];
            *(eight *)(out + t * l->out_step + first + EIGHT) = high[t];
        }
    }
}

MS_SIMD static void four(const layer *l, const float *in, float *out) { for_frames(l, in, out, FRAMES); }
MS_SIMD static void two(const layer *l, const float *in, float *out) { for_frames(l, in, out, HALVED); }

/* The inputs, a multiple of CHAINS, are summed in as many parts. */
MS_SIMD static void one(const layer *l, const float *in, float *out) {
    for (uint32_t first = 0; first < l->outputs; first += SILERO_BLOCK) {
        const float *w = l->weights + (size_t)first * l->row;
        eight low[CHAINS] = {0}, high[CHAINS] = {0};
        for (uint32_t i = 0; i < l->inputs; i += CHAINS)
            for (uint32_t k = 0; k < CHAINS; k++, w += SILERO_BLOCK) {
                low[k] += *(const eight *)w * in[i + k];
                high[k] += *(const eight *)(w + EIGHT) * in[i + k];
            }
        *(eight *)(out + first) = low[0] + low[1] + (low[2] + low[3]);
        *(eight *)(out + first + EIGHT) = high[0] + high[1] + (high[2] + high[3]);
    }
}

MS_SIMD static void rectify(float *x, const float *bias, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) x[i] = x[i] + bias[i] > 0 ? x[i] + bias[i] : 0;
}

/* ---- layers ---------------------------------------------------------------------------------------------------- */

/* Magnitudes of four transforms; the last samples are mirrored to fill the fourth. */
static void transform(const ms_silero_weights *w, const int16_t *pcm, float magnitudes[FRAMES][SILERO_BINS]) {
    float samples[SEEN + PADDING], parts[FRAMES][SILERO_TRANSFORM];
    for (int i = 0; i < SEEN; i++) samples[i] = (float)pcm[i] / 32768;
    for (int i = 0; i < PADDING; i++) samples[SEEN + i] = samples[SEEN - 2 - i];
    const layer l = {w->transform, SILERO_WINDOW, SILERO_WINDOW, SILERO_TRANSFORM, HOP, SILERO_TRANSFORM};
    four(&l, samples, parts[0]);
    for (int t = 0; t < FRAMES; t++)
        for (int k = 0; k < SILERO_BINS; k++) {
            float re = parts[t][k], im = parts[t][SILERO_BINS + k];
            magnitudes[t][k] = sqrtf(re * re + im * im);
        }
}

/* From four frames of 129 magnitudes to one of 128 features. Zeros stand around the frames where the taps reach out. */
static void encode(const ms_silero_weights *w, const int16_t *pcm, float *features) {
    float magnitudes[1 + FRAMES + 1][SILERO_BINS] = {0}, wide[1 + FRAMES][SILERO_WIDE] = {0};
    float narrow[HALVED][SILERO_NARROW], narrowest[SILERO_NARROW];
    transform(w, pcm, magnitudes + 1);

    const uint32_t row1 = SILERO_TAPS * SILERO_BINS, row2 = SILERO_TAPS * SILERO_WIDE, row3 = SILERO_TAPS * SILERO_NARROW;
    const layer first = {w->encoder1, row1, row1, SILERO_WIDE, SILERO_BINS, SILERO_WIDE};
    four(&first, magnitudes[0], wide[1]);
    for (int t = 0; t < FRAMES; t++) rectify(wide[1 + t], w->encoder1_bias, SILERO_WIDE);

    const layer second = {w->encoder2, row2, row2, SILERO_NARROW, 2 * SILERO_WIDE, SILERO_NARROW};
    two(&second, wide[0], narrow[0]);
    for (int t = 0; t < HALVED; t++) rectify(narrow[t], w->encoder2_bias, SILERO_NARROW);

    const layer third = {w->encoder3 + SILERO_NARROW * SILERO_BLOCK, row3, 2 * SILERO_NARROW, SILERO_NARROW, 0, 0};
    one(&third, narrow[0], narrowest);
    rectify(narrowest, w->encoder3_bias, SILERO_NARROW);

    const layer fourth = {w->encoder4 + SILERO_NARROW * SILERO_BLOCK, row3, SILERO_NARROW, SILERO_WIDE, 0, 0};
    one(&fourth, narrowest, features);
    rectify(features, w->encoder4_bias, SILERO_WIDE);
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }
static float hyperbolic_tangent(float x) { return 2 * sigmoid(2 * x) - 1; }

/* `in`: the features, and behind them what the cells said last. */
static void step_cells(ms_silero *s, const float in[SILERO_WIDE + MS_SILERO_CELLS]) {
    const ms_silero_weights *w = s->weights;
    const layer l = {w->cells, 2 * MS_SILERO_CELLS, 2 * MS_SILERO_CELLS, SILERO_GATES, 0, 0};
    float gates[SILERO_GATES];
    one(&l, in, gates);
    for (int i = 0; i < SILERO_GATES; i++) gates[i] += w->cells_bias[i];
    for (int i = 0; i < MS_SILERO_CELLS; i++) {
        float let_in = sigmoid(gates[i]), keep = sigmoid(gates[MS_SILERO_CELLS + i]);
        float candidate = hyperbolic_tangent(gates[2 * MS_SILERO_CELLS + i]), let_out = sigmoid(gates[3 * MS_SILERO_CELLS + i]);
        s->cell[i] = keep * s->cell[i] + let_in * candidate;
        s->hidden[i] = let_out * hyperbolic_tangent(s->cell[i]);
    }
}

/* The oldest chunk that has not been. */
static float judge(ms_silero *s) {
    float in[SILERO_WIDE + MS_SILERO_CELLS], sum = s->weights->decoder_bias;
    encode(s->weights, s->window + WINDOW - s->fresh - MS_SILERO_CONTEXT, in);
    memcpy(in + SILERO_WIDE, s->hidden, sizeof s->hidden);
    step_cells(s, in);
    for (int i = 0; i < MS_SILERO_CELLS; i++) sum += s->weights->decoder[i] * (s->hidden[i] > 0 ? s->hidden[i] : 0);
    s->fresh -= MS_SILERO_CHUNK;
    return sigmoid(sum);
}

/* ---- sound ----------------------------------------------------------------------------------------------------- */

/* The newest samples stand last. */
static void shift_in(ms_silero *s, const int16_t *pcm, size_t n) {
    if (n > WINDOW) {
        pcm += n - WINDOW;
        n = WINDOW;
    }
    memmove(s->window, s->window + n, (WINDOW - n) * sizeof *s->window);
    memcpy(s->window + WINDOW - n, pcm, n * sizeof *pcm);
    s->fresh = s->fresh + n < REMEMBERED ? s->fresh + (uint32_t)n : REMEMBERED;
}

void ms_silero_init(ms_silero *s, const ms_silero_weights *weights) {
    s->weights = weights;
    ms_silero_reset(s);
}

static void forget(ms_silero *s) {
    memset(s->hidden, 0, sizeof s->hidden);
    memset(s->cell, 0, sizeof s->cell);
}

void ms_silero_reset(ms_silero *s) {
    s->fresh = 0;
    memset(s->window, 0, sizeof s->window);
    forget(s);
}

void ms_silero_remember(ms_silero *s, const int16_t *pcm, size_t n) {
    shift_in(s, pcm, n);
    forget(s);
}

bool ms_silero_process(ms_silero *s, const int16_t *pcm, size_t n, float *probability) {
    bool judged = false;
    for (;;) {
        for (; s->fresh >= MS_SILERO_CHUNK; judged = true) {
            float found = judge(s);
            if (!judged || found > *probability) *probability = found;
        }
        if (n == 0) return judged;
        size_t missing = MS_SILERO_CHUNK - s->fresh, piece = n < missing ? n : missing;
        shift_in(s, pcm, piece);
        pcm += piece;
        n -= piece;
    }
}
