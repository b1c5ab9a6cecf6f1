/* The codecs without Python, for the sanitizers: every codec at every rate, in memory of exactly the size it asked for,
 * through good payloads, damaged ones, losses and resets. What they sound like is tested from Python. */
#include "ms_codec.h"

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

static void require_that(bool holds, const char *what, int line) {
    if (holds) return;
    fprintf(stderr, "codecs_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

static void *exactly(size_t n) {
    void *memory = malloc(n);
    REQUIRE(memory != NULL);
    memset(memory, 0xa5, n);
    return memory;
}

static void fill(int16_t *pcm, int n) {
    uint32_t kind = chance(5);
    for (int i = 0; i < n; i++)
        pcm[i] = kind == 0   ? 0
                 : kind == 1 ? INT16_MIN
                 : kind == 2 ? (int16_t)(i % 37 < 18 ? INT16_MAX : INT16_MIN)
                             : (int16_t)(chance(65536) >> (kind == 3 ? 0 : 6));
}

/* Decodes a copy that ends where its memory ends. */
static int decode(ms_decoder *d, const uint8_t *payload, size_t n, int rate_hz) {
    uint8_t *copy = exactly(n ? n : 1);
    memcpy(copy, payload, n);
    int samples = ms_decoder_samples(d, copy, n), got;
    REQUIRE(samples == MS_E_ARGUMENT || (samples > 0 && samples <= rate_hz / 1000 * MS_MAX_PTIME_MS));
    int16_t *pcm = exactly(sizeof *pcm * (size_t)(samples > 0 ? samples : 1));
    got = ms_decoder_decode(d, copy, n, pcm, samples > 0 ? samples : 1);
    REQUIRE(got == samples || got == MS_E_ARGUMENT);
    if (samples > 1) REQUIRE(ms_decoder_decode(d, copy, n, pcm, samples - 1) == MS_E_ARGUMENT);
    free(pcm);
    free(copy);
    return got;
}

static void conceal(ms_decoder *d, int rate_hz, const uint8_t *next, size_t n) {
    int samples = rate_hz / 400 * (int)(1 + chance(24));
    int16_t *pcm = exactly(sizeof *pcm * (size_t)samples);
    int status = ms_decoder_lost(d, pcm, samples, chance(2) ? next : NULL, n);
    REQUIRE(status == (ms_decoder_conceals(d) ? samples : MS_E_STATE));
    if (ms_decoder_conceals(d)) REQUIRE(ms_decoder_lost(d, pcm, samples + 1, NULL, 0) == MS_E_ARGUMENT);
    free(pcm);
}

static size_t damage(uint8_t *payload, size_t n) {
    switch (chance(4)) {
    case 0: return n ? chance((uint32_t)n) : 0;
    case 1:
        for (size_t i = 0; i < MS_MAX_PAYLOAD; i++) payload[i] = (uint8_t)chance(256);
        return chance(MS_MAX_PAYLOAD) + 1;
    case 2: payload[0] = (uint8_t)chance(256); return n;
    default: payload[chance((uint32_t)n + 1)] ^= (uint8_t)(1 << chance(8)); return n;
    }
}

static void one_agreement(const ms_codec_config *config) {
    ms_encoder *e = exactly(ms_encoder_size(config));
    ms_decoder *d = exactly(ms_decoder_size(config));
    REQUIRE(ms_encoder_init(e, config) == MS_OK && ms_decoder_init(d, config) == MS_OK);
    const int ptimes_ms[] = {10, 20, 40, 60}, rate_hz = config->say_hz;
    uint8_t payload[MS_MAX_PAYLOAD + 1];
    for (int turn = 0; turn < 150; turn++) {
        int samples = rate_hz / 1000 * ptimes_ms[chance(4)];
        int16_t *pcm = exactly(sizeof *pcm * (size_t)samples);
        fill(pcm, samples);
        int octets = ms_encoder_encode(e, pcm, (size_t)samples, payload, MS_MAX_PAYLOAD);
        REQUIRE(octets >= 0 || config->codec == MS_L16); /* 60 ms of it fill no datagram */
        if (octets > 0) {
            REQUIRE((size_t)octets <= ms_codec_longest_payload(config));
            REQUIRE(ms_encoder_encode(e, pcm, (size_t)samples, payload, 0) == MS_E_ARGUMENT);
            REQUIRE(decode(d, payload, (size_t)octets, rate_hz) == samples);
            ms_encoder_echo(e, payload, (size_t)octets, pcm);
        }
        free(pcm);
        size_t n = damage(payload, octets > 0 ? (size_t)octets : 0);
        if (chance(2)) conceal(d, rate_hz, payload, n);
        decode(d, payload, n, rate_hz);
        if (chance(20) == 0) ms_decoder_reset(d);
        if (chance(20) == 0) ms_encoder_reset(e);
        ms_encoder_expect_loss(e, (int)chance(300) - 100);
    }
    free(d);
    free(e);
}

static void every_agreement(void) {
    const uint8_t codecs[] = {MS_PCMU, MS_PCMA, MS_G722, MS_L16, MS_OPUS, 3, 255};
    const int32_t rates_hz[] = {8000, 16000, 24000, 48000, 0, -8000, 44100, INT32_MAX};
    int agreed = 0;
    for (size_t i = 0; i < sizeof codecs; i++)
        for (size_t k = 0; k < sizeof rates_hz / sizeof *rates_hz; k++) {
            ms_codec_config config = {
                .codec = codecs[i], .say_hz = rates_hz[k], .hear_hz = rates_hz[k], .complexity = (uint8_t)chance(11),
                .fec = (uint8_t)chance(2), .dtx = (uint8_t)chance(2), .expected_loss = (uint8_t)chance(101),
            };
            if (!ms_codec_is_valid(&config)) {
                REQUIRE(ms_decoder_size(&config) == 0 && ms_encoder_size(&config) == 0);
                continue;
            }
            one_agreement(&config);
            agreed++;
        }
    REQUIRE(agreed == 2 + 1 + 4 + 4);
}

int main(void) {
    every_agreement();
    puts("codecs_main: clean");
    return 0;
}
