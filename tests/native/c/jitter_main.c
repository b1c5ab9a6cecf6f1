/* The jitter buffer without Python, for the sanitizers: a well-behaved minute, then everything a network can do to it,
 * then stamps and times that no network has. Every path must run within its memory, and the account must hold. */
#include "ms_jitter.h"
#include "ms_stretch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 0x2545f4914f6cdd1d;

static uint32_t chance(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

static int64_t any_int64(void) { return (int64_t)((uint64_t)chance(UINT32_MAX) << 32 | chance(UINT32_MAX)); }

static void require_that(bool holds, const char *what, int line) {
    if (holds) return;
    fprintf(stderr, "jitter_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

enum { HOSTILE_FRAMES = 6000, LONGEST = MS_MAX_RATE_HZ / 1000 * (MS_MAX_PTIME_MS + 10) };

static void fill_hostile(int16_t *pcm, size_t n) {
    uint32_t kind = chance(5);
    for (size_t i = 0; i < n; i++)
        pcm[i] = kind == 0 ? 0 : kind == 1 ? INT16_MIN : kind == 2 ? INT16_MAX
               : kind == 3 ? (int16_t)(i % 80 * 200) : (int16_t)chance(65536);
}

static void check_account(const ms_jitter *j) {
    ms_jitter_statistics s;
    ms_jitter_get_statistics(j, &s);
    REQUIRE(s.out_samples == s.played + s.concealed_voice + s.concealed_silence + s.noise);
    REQUIRE(s.in_samples + s.stretched == s.refused_samples + s.held_samples + s.flushed + s.played + s.shrunk);
    REQUIRE(isfinite(s.current_ms) && isfinite(s.target_ms) && isfinite(s.jitter_ms) && isfinite(s.loss));
    REQUIRE(s.target_ms >= MS_JITTER_MIN_MS && s.target_ms <= MS_JITTER_MAX_MS + MS_MAX_PTIME_MS);
}

static ms_jitter *new_buffer(const ms_jitter_config *config) {
    size_t size = ms_jitter_size(config);
    ms_jitter *j = malloc(size);
    REQUIRE(size > 0 && j && ms_jitter_init(j, config) == MS_OK);
    return j;
}

static void punctual(int32_t rate_hz) {
    int16_t pcm[MS_MAX_FRAME], out[MS_MAX_FRAME];
    size_t n = (size_t)rate_hz / 50;
    ms_jitter_config config = {.rate_hz = rate_hz};
    ms_jitter *j = new_buffer(&config);
    ms_jitter_made made = {0};
    for (int64_t k = 0; k < 3000; k++) {
        fill_hostile(pcm, n);
        REQUIRE(ms_jitter_put(j, pcm, n, k * (int64_t)n, k * MS_FRAME_NS, 0) == MS_JITTER_TAKEN);
        REQUIRE(ms_jitter_take(j, out, n, k * MS_FRAME_NS + 1, &made) == MS_OK);
        REQUIRE(k < 50 || made.played == n);
    }
    check_account(j);
    free(j);
}

static void hostile(const ms_jitter_config *config) {
    static int16_t pcm[LONGEST], out[MS_MAX_FRAME];
    size_t n = (size_t)config->rate_hz / 50;
    ms_jitter *j = new_buffer(config);
    int64_t now_ns = any_int64() >> 8, rtp = any_int64() >> 8;
    for (int k = 0; k < HOSTILE_FRAMES; k++) {
        now_ns += chance(200) ? (int64_t)chance(60) * MS_NS_PER_MS : (int64_t)chance(6000) * MS_NS_PER_MS;
        for (uint32_t burst = chance(50) ? chance(4) : chance(120); burst > 0; burst--) {
            size_t packet = chance(10) ? n : chance(LONGEST);
            rtp = chance(500) ? rtp + (int64_t)packet : any_int64() >> chance(32);
            int64_t stray = chance(10) ? 0 : (int64_t)chance(20000) - 10000;
            fill_hostile(pcm, packet);
            int verdict = ms_jitter_put(j, pcm, packet, rtp + stray, chance(1000) ? now_ns : any_int64(), chance(4));
            REQUIRE(verdict == MS_E_ARGUMENT || (verdict >= MS_JITTER_TAKEN && verdict <= MS_JITTER_DUPLICATE));
        }
        if (chance(10)) ms_jitter_take(j, out, n, chance(1000) ? now_ns : any_int64(), NULL);
        if (chance(1000) == 0) ms_jitter_reset(j);
    }
    check_account(j);
    REQUIRE(ms_jitter_take(j, out, n + 1, now_ns, NULL) == MS_E_ARGUMENT);
    REQUIRE(ms_jitter_take(j, out, n, INT64_MIN, NULL) == MS_E_ARGUMENT);
    REQUIRE(ms_jitter_put(j, pcm, 0, 0, 0, 0) == MS_E_ARGUMENT);
    REQUIRE(ms_jitter_put(j, pcm, LONGEST, 0, 0, 0) == MS_E_ARGUMENT);
    free(j);
}

static void out_of_range(void) {
    const ms_jitter_config wrong[] = {
        {.rate_hz = 0}, {.rate_hz = 44100}, {.rate_hz = -8000}, {.rate_hz = 8000, .min_ms = 10},
        {.rate_hz = 8000, .min_ms = 300, .max_ms = 200}, {.rate_hz = 8000, .max_ms = 1001},
        {.rate_hz = 8000, .quantile = NAN}, {.rate_hz = 8000, .quantile = 1.5f},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) REQUIRE(ms_jitter_size(&wrong[k]) == 0);
}

static void stretch(void) {
    static int16_t sound[3 * MS_MAX_FRAME], out[MS_MAX_FRAME];
    for (int k = 0; k < 200; k++) {
        fill_hostile(sound, 3 * MS_MAX_FRAME);
        int32_t shift = ms_stretch_find(sound + MS_MAX_FRAME, 48000, -720, -120, (float)chance(20) / 10 - 1);
        REQUIRE(shift == 0 || (shift >= -720 && shift <= -120));
        ms_stretch_apply(sound + MS_MAX_FRAME, 48000, shift, out, MS_MAX_FRAME);
    }
    REQUIRE(ms_stretch_find(sound, 48000, 10, 9, -1) == 0);
}

int main(void) {
    punctual(8000);
    punctual(48000);
    hostile(&(ms_jitter_config){.rate_hz = 8000});
    hostile(&(ms_jitter_config){.rate_hz = 16000, .min_ms = 20, .max_ms = 20});
    hostile(&(ms_jitter_config){.rate_hz = 48000, .min_ms = 60, .max_ms = 1000, .quantile = 0.9999f});
    out_of_range();
    stretch();
    return 0;
}
