#include "ms_echo_jump.h"

#include <math.h>
#include <string.h>

enum { BLOCK_MS = 10, ENOUGH_BLOCKS = 10, NO_JUMP_SAMPLES = 1 };
static const float CERTAIN = 0.5f;         /* correlation, of 1 */
static const float AUDIBLE_POWER = 100;    /* of a pre-emphasised sample */

struct ms_echo_jump {
    int32_t block, reach, span;    /* samples; span: block and reach on both sides of it */
    int32_t looks, audible;        /* blocks since begun, and those in which there was something to see */
    float near_power, echo_power;
    float *near, *echo;            /* the last `span` samples */
    float *match;                  /* of every lag from -reach on */
    float memory[];
};

static int32_t samples_in(int32_t rate_hz, int32_t ms) { return rate_hz / 1000 * ms; }

size_t ms_echo_jump_size(int32_t rate_hz) {
    size_t reach = (size_t)samples_in(rate_hz, MS_JUMP_REACH_MS);
    size_t span = 2 * reach + (size_t)samples_in(rate_hz, BLOCK_MS);
    return sizeof(ms_echo_jump) + (2 * span + 2 * reach + 1) * sizeof(float);
}

void ms_echo_jump_init(ms_echo_jump *j, int32_t rate_hz) {
    memset(j, 0, sizeof *j);
    j->block = samples_in(rate_hz, BLOCK_MS);
    j->reach = samples_in(rate_hz, MS_JUMP_REACH_MS);
    j->span = 2 * j->reach + j->block;
    j->near = j->memory;
    j->echo = j->near + j->span;
    j->match = j->echo + j->span;
    ms_echo_jump_begin(j);
}

void ms_echo_jump_begin(ms_echo_jump *j) {
    j->looks = j->audible = 0;
    j->near_power = j->echo_power = 0;
    memset(j->near, 0, (size_t)(2 * j->span + 2 * j->reach + 1) * sizeof(float));
}

bool ms_echo_jump_is_over(const ms_echo_jump *j) { return j->looks >= MS_JUMP_LOOKS; }

static float power_of(const float *samples, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += samples[i] * samples[i];
    return sum;
}

static void append(float *all, int32_t span, const float *block, int32_t n) {
    memmove(all, all + n, (size_t)(span - n) * sizeof *all);
    memcpy(all + span - n, block, (size_t)n * sizeof *all);
}

/* What came in `reach` ago, against the echo from `reach` before that to now. */
MS_SIMD static void correlate(ms_echo_jump *j) {
    const float *restrict near = j->near + j->reach, *restrict echo = j->echo;
    float *restrict match = j->match;
    int32_t lags = 2 * j->reach + 1;
    for (int32_t i = 0; i < j->block; i++) {
        float sample = near[i];
        const float *restrict from = echo + i;
        for (int32_t lag = 0; lag < lags; lag++) match[lag] += sample * from[lag];
    }
}

static int32_t best_lag(const ms_echo_jump *j) {
    int32_t best = 0;
    for (int32_t lag = 1; lag <= 2 * j->reach; lag++)
        if (j->match[lag] > j->match[best]) best = lag;
    return best;
}

int32_t ms_echo_jump_process(ms_echo_jump *j, const float *near, const float *echo) {
    append(j->near, j->span, near, j->block);
    append(j->echo, j->span, echo, j->block);
    j->looks++;
    float echo_power = power_of(j->echo + j->reach, j->block);
    if (echo_power < AUDIBLE_POWER * (float)j->block) return 0;
    j->audible++;
    j->near_power += power_of(j->near + j->reach, j->block);
    j->echo_power += echo_power;
    correlate(j);
    if (j->audible < ENOUGH_BLOCKS) return 0;
    int32_t best = best_lag(j), later = j->reach - best;
    if (j->match[best] < CERTAIN * sqrtf(j->near_power * j->echo_power)) return 0;
    return later > NO_JUMP_SAMPLES || later < -NO_JUMP_SAMPLES ? later : 0;
}
