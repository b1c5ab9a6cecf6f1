/* xorshift32: noise that is the same for the same seed, which is not 0. */
#ifndef MS_CHANCE_H
#define MS_CHANCE_H

#include <stdint.h>

static inline uint32_t ms_chance(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* even between -1 and 1, of power 1/3 */
static inline float ms_chance_even(uint32_t *state) { return (float)(int32_t)ms_chance(state) / 2147483648.0f; }

#endif
