#include "ms_goertzel.h"

#include <math.h>
#include <string.h>

enum { GROUP = 4, TONES = 2 * GROUP, HITS = 4, MISSES = 5 };

#define BLOCK_US 12750
#define MIN_MEAN_SQUARE (32768.0f * 32768.0f * 6.3e-5f) /* -42 dBFS: weaker ones are crosstalk */
#define MIN_SHARE 0.65f      /* of the block's energy in the two tones: 1.5 % + 2 Hz off and 15 dB of noise leave 0.8 */
#define MIN_ABOVE_GROUP 4.0f /* 6 dB */
#define MAX_HIGH_ABOVE 2.82f /* 4 dB, and what the tones add to each other in so short a block */
#define MAX_LOW_ABOVE 8.9f   /* 8 dB, likewise */
#define MAX_HARMONIC 0.1f    /* -10 dB */
#define CLEAR_HZ 150         /* a filter closer to a tone than this hears it, too */

static const float tones_hz[TONES] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};
static const int8_t keys[GROUP][GROUP] = {{1, 2, 3, 12}, {4, 5, 6, 13}, {7, 8, 9, 14}, {10, 0, 11, 15}};

int ms_goertzel_key_hz(uint8_t key, float hz[2]) {
    for (int low = 0; low < GROUP; low++)
        for (int high = 0; high < GROUP; high++)
            if (keys[low][high] == key) {
                hz[0] = tones_hz[low];
                hz[1] = tones_hz[GROUP + high];
                return MS_OK;
            }
    return MS_E_ARGUMENT;
}

int ms_goertzel_init(ms_goertzel *g, int32_t rate_hz) {
    if (rate_hz != 8000 && rate_hz != 16000 && rate_hz != 24000 && rate_hz != 48000) return MS_E_ARGUMENT;
    memset(g, 0, sizeof *g);
    g->thinning = rate_hz > 16000 ? 3 : 1;
    g->rate_hz = rate_hz / g->thinning;
    g->length = (int32_t)((int64_t)g->rate_hz * BLOCK_US / 1000000);
    g->candidate = -1;
    for (int i = 0; i < TONES; i++) {
        g->coefficient[i] = (float)(2 * cos(2 * M_PI * tones_hz[i] / g->rate_hz));
        g->coefficient[TONES + i] = (float)(2 * cos(4 * M_PI * tones_hz[i] / g->rate_hz));
    }
    return MS_OK;
}

/* ---- one block -------------------------------------------------------------------------------------------------- */

/* Energy at each filter's frequency, in the measure of the sum of squares: a block that is one sine gives its own.
 * All filters step together, so that they lie side by side in one register. */
MS_SIMD static float measure(const ms_goertzel *g, float *energy) {
    float before[MS_GOERTZEL_FILTERS] = {0}, last[MS_GOERTZEL_FILTERS] = {0}, total = 0;
    for (int32_t k = 0; k < g->length; k++) {
        float sample = g->block[k];
        total += sample * sample;
        for (int i = 0; i < MS_GOERTZEL_FILTERS; i++) {
            float now = sample + g->coefficient[i] * last[i] - before[i];
            before[i] = last[i];
            last[i] = now;
        }
    }
    for (int i = 0; i < MS_GOERTZEL_FILTERS; i++) {
        float power = last[i] * last[i] + before[i] * before[i] - g->coefficient[i] * last[i] * before[i];
        energy[i] = 2 * power / (float)g->length;
    }
    return total;
}

/* The strongest of a group, -1: none stands out. */
static int strongest(const float *group) {
    int best = 0;
    for (int i = 1; i < GROUP; i++)
        if (group[i] > group[best]) best = i;
    for (int i = 0; i < GROUP; i++)
        if (i != best && group[i] * MIN_ABOVE_GROUP > group[best]) return -1;
    return best;
}

/* The low tone's harmonic may lie where the high tone is; there nothing can be said. */
static bool has_harmonic(const float *energy, int low, int high) {
    bool apart = fabsf(2 * tones_hz[low] - tones_hz[high]) > CLEAR_HZ;
    return (apart && energy[TONES + low] > MAX_HARMONIC * energy[low]) ||
           energy[TONES + high] > MAX_HARMONIC * energy[high];
}

static int key_of_block(const ms_goertzel *g) {
    float energy[MS_GOERTZEL_FILTERS], total = measure(g, energy);
    if (total < MIN_MEAN_SQUARE * (float)g->length) return -1;
    int low = strongest(energy), high = strongest(energy + GROUP);
    if (low < 0 || high < 0) return -1;
    float of_low = energy[low], of_high = energy[GROUP + high];
    bool twisted = of_high > MAX_HIGH_ABOVE * of_low || of_low > MAX_LOW_ABOVE * of_high;
    if (twisted || of_low + of_high < MIN_SHARE * total || has_harmonic(energy, low, GROUP + high)) return -1;
    return keys[low][high];
}

/* ---- blocks into keys ------------------------------------------------------------------------------------------- */

static uint32_t duration_ms(const ms_goertzel *g) {
    uint32_t samples = (g->span - 1) * (uint32_t)(g->length / 2) + (uint32_t)g->length;
    return samples * 1000 / (uint32_t)g->rate_hz;
}

static void begin(ms_goertzel *g, int key) {
    g->candidate = (int8_t)key;
    g->hits = g->span = key >= 0;
    g->misses = 0;
}

/* The key in progress is over; 1 when it was one. */
static int end(ms_goertzel *g, int next, ms_goertzel_key *key) {
    bool is_key = g->hits >= HITS;
    if (is_key) *key = (ms_goertzel_key){.code = (uint8_t)g->candidate, .duration_ms = duration_ms(g)};
    begin(g, next);
    return is_key;
}

static int take_block(ms_goertzel *g, ms_goertzel_key *key) {
    int heard = key_of_block(g);
    if (g->candidate < 0) {
        begin(g, heard);
        return 0;
    }
    if (heard == g->candidate) {
        g->span += 1u + g->misses;
        g->hits++;
        g->misses = 0;
        return 0;
    }
    bool proven = g->hits >= HITS;
    g->misses++;
    /* what is not yet a key must come without a break; a key may be broken for a moment */
    if (proven && heard < 0 && g->misses < MISSES) return 0;
    return end(g, heard, key);
}

static bool thin(ms_goertzel *g, int16_t sample) {
    g->thin_sum += sample;
    if (++g->thin_n < g->thinning) return false;
    g->block[g->filled++] = (float)g->thin_sum / (float)g->thinning;
    g->thin_sum = g->thin_n = 0;
    return true;
}

int ms_goertzel_process(ms_goertzel *g, const int16_t *pcm, size_t n, ms_goertzel_key *key) {
    int told = 0, half = g->length / 2;
    if (n > (size_t)(g->rate_hz * g->thinning / 1000 * MS_FRAME_MS)) return MS_E_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        if (!thin(g, pcm[i]) || g->filled < g->length) continue;
        told |= take_block(g, key); /* four blocks make a key, and no more than four end within 20 ms */
        g->filled -= half;
        memmove(g->block, g->block + half, (size_t)g->filled * sizeof *g->block);
    }
    return told;
}

bool ms_goertzel_sounds(const ms_goertzel *g) { return g->candidate >= 0 && g->misses == 0; }
