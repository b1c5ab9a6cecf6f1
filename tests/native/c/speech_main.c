/* What tells speech from everything else, without Python, for the sanitizers: weights from files that mean harm, sound
 * in every size of piece. Correctness against oracles is tested from Python. */
#include "ms_confirm.h"

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
    fprintf(stderr, "speech_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

#define WEIGHTS_FILE "native/mediasrv_native/weights/silero_vad_16k.safetensors"

/* In memory of its own size, so that a read behind it is found. */
static uint8_t *read_file(size_t *n) {
    FILE *file = fopen(WEIGHTS_FILE, "rb");
    REQUIRE(file && fseek(file, 0, SEEK_END) == 0);
    *n = (size_t)ftell(file);
    rewind(file);
    uint8_t *octets = malloc(*n);
    REQUIRE(octets && fread(octets, 1, *n, file) == *n);
    fclose(file);
    return octets;
}

static uint8_t *copied(const uint8_t *octets, size_t n) {
    uint8_t *copy = malloc(n ? n : 1);
    REQUIRE(copy);
    memcpy(copy, octets, n);
    return copy;
}

static void damaged_files(ms_silero_weights *weights, const uint8_t *file, size_t n) {
    for (int round = 0; round < 200; round++) {
        size_t keep = round % 4 == 0 ? chance(4000) : round % 4 == 1 ? chance((uint32_t)n) : n;
        uint8_t *copy = copied(file, keep);
        for (uint32_t harm = chance(6); harm > 0 && keep > 0; harm--)
            copy[chance(keep < 1300 ? (uint32_t)keep : 1300)] = (uint8_t)chance(256);
        int status = ms_silero_weights_load(weights, copy, keep);
        REQUIRE(status == MS_OK || status == MS_E_ARGUMENT);
        free(copy);
    }
    REQUIRE(ms_silero_weights_load(weights, NULL, 0) == MS_E_ARGUMENT);
    REQUIRE(ms_silero_weights_load(weights, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10) == MS_E_ARGUMENT);
}

static void any_sound(const ms_silero_weights *weights) {
    static int16_t pcm[3000];
    ms_silero silero;
    ms_silero_init(&silero, weights);
    for (int round = 0; round < 2000; round++) {
        size_t n = chance(round % 8 ? MS_SILERO_CHUNK + 1 : 3000);
        uint32_t kind = chance(4);
        for (size_t i = 0; i < n; i++) pcm[i] = kind == 0 ? 0 : kind == 1 ? INT16_MIN : (int16_t)chance(65536);
        float probability = 0;
        if (chance(10) == 0) ms_silero_remember(&silero, pcm, chance(3000));
        if (chance(100) == 0) ms_silero_reset(&silero);
        if (ms_silero_process(&silero, pcm, n, &probability)) REQUIRE(probability >= 0 && probability <= 1);
    }
}

/* Each opening of the gate is told of once at most as a voice, and once at most as none. */
static void any_opinion(const ms_silero_weights *weights) {
    static int16_t block[160];
    ms_confirm confirm;
    int told[3] = {0};
    bool open = false;
    ms_confirm_init(&confirm, weights);
    for (int round = 0; round < 20000; round++) {
        if (chance(30) == 0) open = !open;
        enum ms_confirm_sound sound = chance(10) ? MS_CONFIRM_HEARD : chance(2) ? MS_CONFIRM_UNSENT : MS_CONFIRM_LOST;
        if (!open) memset(told, 0, sizeof told);
        for (int i = 0; i < 160; i++) block[i] = (int16_t)(chance(65536) >> (round / 500 % 16));
        enum ms_confirm_verdict verdict = ms_confirm_hear(&confirm, block, open, sound);
        REQUIRE((open && sound == MS_CONFIRM_HEARD) || verdict == MS_CONFIRM_NOTHING);
        REQUIRE(verdict == MS_CONFIRM_NOTHING || told[verdict]++ == 0);
        if (chance(1000) == 0) {
            ms_confirm_restart(&confirm, chance(2));
            memset(told, 0, sizeof told);
        }
    }
}

int main(void) {
    size_t n;
    uint8_t *file = read_file(&n);
    ms_silero_weights *weights = aligned_alloc(64, (ms_silero_weights_size() + 63) / 64 * 64);
    REQUIRE(weights && ms_silero_weights_load(weights, file, n) == MS_OK);
    any_sound(weights);
    any_opinion(weights);
    damaged_files(weights, file, n);
    free(weights);
    free(file);
    return 0;
}
