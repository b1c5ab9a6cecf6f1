#include "ms_comfort.h"

#include <math.h>
#include <string.h>

#include "ms_chance.h"

enum { LEVEL_MASK = 0x7f, LEVEL_MOST = 127, ZERO_COEFFICIENT = 127, LARGEST_COEFFICIENT = 254, STEP_MS = 10 };
static const float FULL_POWER = 32767.0f * 32767.0f;
static const float COEFFICIENT = 258.0f / 32768;     /* RFC 3389 section 3.2 */
static const float SHARPEST = 0.98f;                 /* coefficients nearer to 1 would make a tone of the noise */
static const float GLIDE = 0.2f;                     /* each 10 ms */

static float bounded(float value, float most) { return value > most ? most : value < -most ? -most : value; }

/* ---- payload --------------------------------------------------------------------------------------------------------- */

int ms_comfort_parse(const uint8_t *payload, size_t n, ms_comfort_noise *out) {
    if (n == 0) return MS_E_ARGUMENT;
    memset(out, 0, sizeof *out);
    float dbov = -(float)(payload[0] & LEVEL_MASK);
    if (dbov > MS_COMFORT_LOUDEST_DBOV) dbov = MS_COMFORT_LOUDEST_DBOV;
    out->power = FULL_POWER * powf(10, dbov / 10);
    for (size_t i = 1; i < n && i <= MS_COMFORT_ORDER; i++)
        out->reflections[i - 1] = bounded(COEFFICIENT * (float)(payload[i] - ZERO_COEFFICIENT), SHARPEST);
    return MS_OK;
}

static uint8_t level_of(float power) {
    float dbov = power > 0 ? 10 * log10f(power / FULL_POWER) : -LEVEL_MOST;
    return (uint8_t)(dbov > 0 ? 0 : dbov < -LEVEL_MOST ? LEVEL_MOST : lrintf(-dbov));
}

static uint8_t octet_of(float reflection) {
    long octet = lrintf(reflection / COEFFICIENT) + ZERO_COEFFICIENT;
    return (uint8_t)(octet < 0 ? 0 : octet > LARGEST_COEFFICIENT ? LARGEST_COEFFICIENT : octet);
}

/* What cannot be heard has no colour, and zeros at the end need not be said. */
size_t ms_comfort_write(const ms_comfort_noise *noise, uint8_t *payload) {
    size_t n = 1;
    payload[0] = level_of(noise->power);
    for (size_t i = 1; i <= MS_COMFORT_ORDER && payload[0] < LEVEL_MOST; i++) {
        payload[i] = octet_of(noise->reflections[i - 1]);
        if (payload[i] != ZERO_COEFFICIENT) n = i + 1;
    }
    return n;
}

/* ---- generator ------------------------------------------------------------------------------------------------------- */

void ms_comfort_generator_init(ms_comfort_generator *g, int32_t rate_hz, uint32_t seed) {
    memset(g, 0, sizeof *g);
    g->step = g->left = rate_hz / 1000 * STEP_MS;
    g->chance = seed ? seed : 1;
}

/* An all-pole filter makes its input louder by the product of 1 / (1 - k^2). */
static void set_gain(ms_comfort_generator *g) {
    float power = 3 * g->now.power;
    for (int i = 0; i < MS_COMFORT_ORDER; i++) power *= 1 - g->now.reflections[i] * g->now.reflections[i];
    g->gain = sqrtf(power);
}

void ms_comfort_aim(ms_comfort_generator *g, const ms_comfort_noise *noise) {
    g->target = *noise;
    if (g->begun) return;
    g->begun = true;
    g->now = *noise;
    set_gain(g);
}

static void glide(ms_comfort_generator *g) {
    g->left = g->step;
    g->now.power += GLIDE * (g->target.power - g->now.power);
    for (int i = 0; i < MS_COMFORT_ORDER; i++)
        g->now.reflections[i] += GLIDE * (g->target.reflections[i] - g->now.reflections[i]);
    set_gain(g);
}

float ms_comfort_next(ms_comfort_generator *g) {
    float forth = g->gain * ms_chance_even(&g->chance);
    for (int i = MS_COMFORT_ORDER - 1; i >= 0; i--) {
        float reflection = g->now.reflections[i];
        forth -= reflection * g->back[i];
        g->back[i + 1] = g->back[i] + reflection * forth;
    }
    g->back[0] = forth;
    if (--g->left == 0) glide(g);
    return forth;
}

void ms_comfort_fill(ms_comfort_generator *g, int16_t *pcm, size_t n) {
    for (size_t i = 0; i < n; i++) pcm[i] = (int16_t)lrintf(bounded(ms_comfort_next(g), 32767));
}
