/* Concealment and comfort noise without Python, for the sanitizers: literal vectors, then everything hostile that a wire
 * can bring. What they sound like is tested from Python. */
#include "ms_comfort.h"
#include "ms_conceal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t chance(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

static void require_that(bool holds, const char *what, int line) {
    if (holds) return;
    fprintf(stderr, "repair_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

static void fill_hostile(int16_t *pcm, size_t n) {
    uint32_t kind = chance(5);
    int16_t level = (int16_t)chance(32768);
    for (size_t i = 0; i < n; i++)
        pcm[i] = kind == 0 ? 0 : kind == 1 ? INT16_MIN : kind == 2 ? INT16_MAX : kind == 3 ? level : (int16_t)chance(65536);
}

static ms_comfort_noise any_noise(void) {
    uint8_t payload[64];
    ms_comfort_noise noise;
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)chance(256);
    REQUIRE(ms_comfort_parse(payload, 1 + chance(sizeof payload), &noise) == MS_OK);
    return noise;
}

static void require_sane(const ms_comfort_noise *noise) {
    REQUIRE(isfinite(noise->power) && noise->power >= 0);
    for (int i = 0; i < MS_COMFORT_ORDER; i++) REQUIRE(fabsf(noise->reflections[i]) <= 1);
}

static void payloads(void) {
    const uint8_t white[] = {50}, shaped[] = {50, 0, 127, 255};
    uint8_t again[MS_COMFORT_PAYLOAD];
    ms_comfort_noise noise;
    REQUIRE(ms_comfort_parse(white, 0, &noise) == MS_E_ARGUMENT);
    REQUIRE(ms_comfort_parse(white, 1, &noise) == MS_OK && fabsf(noise.power - 10736.76f) < 1 && noise.reflections[0] == 0);
    REQUIRE(ms_comfort_write(&noise, again) == 1 && again[0] == 50);
    REQUIRE(ms_comfort_parse(shaped, 4, &noise) == MS_OK);
    REQUIRE(noise.reflections[0] < -0.97f && noise.reflections[1] == 0 && noise.reflections[2] > 0.97f);
    for (int k = 0; k < 2000; k++) {
        noise = any_noise();
        require_sane(&noise);
        REQUIRE(ms_comfort_write(&noise, again) <= MS_COMFORT_PAYLOAD && again[0] < 128);
    }
}

static void rates(void) {
    static const int32_t hz[] = {8000, 16000, 24000, 48000};
    for (int k = 0; k < 400; k++) {
        ms_comfort_noise noise = any_noise();
        ms_comfort_at_rate(&noise, hz[chance(4)], hz[chance(4)]);
        require_sane(&noise);
    }
}

static void comfort(int32_t rate_hz) {
    int16_t pcm[MS_MAX_FRAME];
    uint8_t payload[MS_COMFORT_PAYLOAD];
    ms_comfort_generator g;
    ms_comfort_listener l;
    ms_comfort_sender s = {.begun = false};
    ms_comfort_generator_init(&g, rate_hz, 0);
    ms_comfort_listener_init(&l, rate_hz);
    for (int k = 0; k < 1000; k++) {
        ms_comfort_noise noise = any_noise();
        if (chance(4) == 0) ms_comfort_aim(&g, &noise);
        if (chance(40) == 0) ms_comfort_told(&l, &noise);
        if (chance(10) == 0) ms_comfort_sender_interrupt(&s);
        ms_comfort_fill(&g, pcm, chance(MS_MAX_FRAME + 1));
        fill_hostile(pcm, MS_MAX_FRAME);
        ms_comfort_listen(&l, pcm, chance(MS_MAX_FRAME + 1));
        ms_comfort_learnt(&l, &noise);
        require_sane(&noise);
        REQUIRE(ms_comfort_sender_describe(&s, pcm, (size_t)rate_hz / 50, rate_hz, 8000, payload) <= sizeof payload);
    }
}

#define LOUDEST_LEARNT 100 /* root mean square */

static void concealer(int32_t rate_hz, int method) {
    int16_t pcm[MS_MAX_FRAME];
    double energy = 0;
    ms_concealer *c = malloc(ms_concealer_size(rate_hz, method));
    REQUIRE(c && ms_concealer_init(c, rate_hz, method) == MS_OK);
    for (int call = 0; call < 400; call++) {
        size_t n = chance(MS_MAX_FRAME + 1);
        fill_hostile(pcm, n);
        if (chance(2)) ms_concealer_good(c, pcm, n);
        else ms_concealer_lost(c, pcm, n);
    }
    for (int call = 0; call < 20; call++) ms_concealer_lost(c, pcm, MS_MAX_FRAME);
    for (int i = 0; i < MS_MAX_FRAME; i++) energy += (double)pcm[i] * pcm[i];
    REQUIRE(energy / MS_MAX_FRAME < 10.0 * LOUDEST_LEARNT * LOUDEST_LEARNT); /* sharp ones swell and ebb */
    ms_comfort_noise noise = any_noise();
    ms_concealer_told(c, &noise);
    for (int call = 0; call < 20; call++) ms_concealer_lost(c, pcm, chance(MS_MAX_FRAME + 1));
    free(c);
    REQUIRE(ms_concealer_size(7999, 0) == 0 && ms_concealer_size(8000, 5) == 0);
}

int main(void) {
    payloads();
    rates();
    comfort(8000);
    comfort(48000);
    for (int method = 0; method <= MS_CONCEAL_AUTO; method++) {
        concealer(8000, method);
        concealer(48000, method);
    }
    return 0;
}
