/* Keys and tones without Python, for the sanitizers: every key made, found and sent; then any samples and arguments. */
#include "ms_goertzel.h"
#include "ms_kernels.h"
#include "ms_tones.h"

#include <stdio.h>
#include <stdlib.h>

static void require_that(bool holds, const char *what, int line) {
    if (holds) return;
    fprintf(stderr, "tones_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

static void made_and_found(int32_t rate_hz, uint8_t code) {
    static int16_t pcm[MS_MAX_FRAME];
    size_t n = (size_t)rate_hz / 50;
    int found = 0;
    ms_goertzel detector;
    ms_goertzel_key key;
    ms_tones tones;
    REQUIRE(ms_goertzel_init(&detector, rate_hz) == MS_OK && ms_tones_init_key(&tones, rate_hz, code, 80) == MS_OK);
    for (int k = 0; k < 10; k++) {
        ms_tones_process(&tones, pcm, n);
        if (ms_goertzel_process(&detector, pcm, n, &key) == 1) found += key.code == code ? 1 : 100;
    }
    REQUIRE(found == 1);
}

static void hostile(int32_t rate_hz) {
    static int16_t pcm[MS_MAX_FRAME];
    unsigned seed = 7;
    ms_goertzel detector;
    ms_goertzel_key key;
    REQUIRE(ms_goertzel_init(&detector, rate_hz) == MS_OK);
    for (int k = 0; k < 2000; k++) {
        size_t n = (size_t)rand_r(&seed) % ((size_t)rate_hz / 50 + 1);
        for (size_t i = 0; i < n; i++) pcm[i] = k % 2 ? (int16_t)rand_r(&seed) : INT16_MIN;
        if (ms_goertzel_process(&detector, pcm, n, &key) == 1) REQUIRE(key.code < 16);
    }
    REQUIRE(ms_goertzel_process(&detector, pcm, (size_t)rate_hz / 50 + 3, &key) == MS_E_ARGUMENT);
}

static void sender(void) {
    unsigned seed = 9;
    ms_dtmf_sender s;
    ms_dtmf_packet packet;
    REQUIRE(ms_dtmf_sender_init(&s, 44100 + 1) == MS_E_ARGUMENT && ms_dtmf_sender_init(&s, 48000) == MS_OK);
    for (int k = 0; k < 100000; k++) {
        if (rand_r(&seed) % 20 == 0)
            ms_dtmf_sender_push(&s, (uint8_t)rand_r(&seed), (uint32_t)rand_r(&seed) % 11000, (uint16_t)rand_r(&seed));
        REQUIRE(s.count <= MS_DTMF_QUEUE);
        if (ms_dtmf_sender_tick(&s, (uint32_t)k * 960u * 5000u, &packet)) REQUIRE(packet.payload[0] < 16);
    }
}

int main(void) {
    const int32_t rates_hz[] = {8000, 16000, 24000, 48000};
    for (int r = 0; r < 4; r++) {
        for (uint8_t code = 0; code < 16; code++) made_and_found(rates_hz[r], code);
        hostile(rates_hz[r]);
    }
    sender();
    return 0;
}
