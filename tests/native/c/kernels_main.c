/* The kernels without Python, for the sanitizers: literal vectors, then everything hostile that a wire can bring.
 * Correctness against oracles is tested from Python; here each path must run, and within its memory. */
#include "ms_kernels.h"

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

static int64_t any_int64(void) {
    return (int64_t)((uint64_t)chance(UINT32_MAX) << 32 | chance(UINT32_MAX));
}

static void require_that(bool holds, const char *what, int line) {
    if (holds) return;
    fprintf(stderr, "kernels_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

static void fill_hostile(int16_t *pcm, size_t n) {
    uint32_t kind = chance(4);
    for (size_t i = 0; i < n; i++)
        pcm[i] = kind == 0 ? 0 : kind == 1 ? INT16_MIN : kind == 2 ? INT16_MAX : (int16_t)chance(65536);
}

static void g711(void) {
    const uint8_t octets[] = {0x00, 0x7f, 0x80, 0xff, 0xd5, 0x2a};
    const int16_t u[] = {-32124, 0, 32124, 0, 716, -5372};
    const int16_t a[] = {-5504, -848, 5504, 848, 8, -32256};
    int16_t pcm[6];
    uint8_t again[6];
    ms_g711_decode_u(octets, pcm, 6);
    REQUIRE(memcmp(pcm, u, sizeof u) == 0);
    ms_g711_decode_a(octets, pcm, 6);
    REQUIRE(memcmp(pcm, a, sizeof a) == 0);
    ms_g711_encode_a(pcm, again, 6);
    REQUIRE(memcmp(again, octets, sizeof octets) == 0);
    const int16_t edges[] = {INT16_MIN, -1, 0, INT16_MAX};
    const uint8_t edges_u[] = {0x00, 0x7f, 0xff, 0x80}, edges_a[] = {0x2a, 0x55, 0xd5, 0xaa};
    ms_g711_encode_u(edges, again, 4);
    REQUIRE(memcmp(again, edges_u, 4) == 0);
    ms_g711_encode_a(edges, again, 4);
    REQUIRE(memcmp(again, edges_a, 4) == 0);
}

static void resample_pair(int32_t in_hz, int32_t out_hz) {
    static int16_t in[2000], out[13000];
    ms_resampler r;
    REQUIRE(ms_resampler_init(&r, in_hz, out_hz) == MS_OK);
    REQUIRE(ms_resampler_lag_ms(&r) < 3);
    for (int call = 0; call < 40; call++) {
        size_t n = chance(2001);
        fill_hostile(in, n);
        REQUIRE(ms_resampler_process(&r, in, n, out) <= ms_resampler_output(&r, n));
    }
}

static void resampler(void) {
    const int32_t rates_hz[] = {8000, 16000, 22050, 24000, 32000, 44100, 48000};
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) resample_pair(rates_hz[i], rates_hz[j]);
    ms_resampler r;
    REQUIRE(ms_resampler_init(&r, 8000, 0) == MS_E_ARGUMENT);
    REQUIRE(ms_resampler_init(&r, -1, 8000) == MS_E_ARGUMENT);
}

/* A well-behaved minute would teach nothing here: clocks jump, frames are random, references go back in time. */
static void echo_and_noise(int32_t rate_hz, int32_t clock_hz, int tail_ms) {
    const size_t frame = (size_t)rate_hz / 1000 * MS_FRAME_MS;
    int16_t sent[MS_MAX_FRAME], near[MS_MAX_FRAME];
    ms_echo *e = malloc(ms_echo_size(rate_hz, tail_ms));
    ms_noise *s = malloc(ms_noise_size(rate_hz));
    REQUIRE(e && ms_echo_init(e, rate_hz, clock_hz, tail_ms) == MS_OK);
    REQUIRE(s && ms_noise_init(s, rate_hz, 1) == MS_OK);
    int64_t now_ns = 0, rtp = 0;
    for (int k = 0; k < 600; k++) {
        bool hostile = k > 200 && chance(4) == 0;
        now_ns = hostile ? any_int64() : k * MS_FRAME_NS;
        rtp = hostile ? any_int64() : k * (int64_t)frame;
        fill_hostile(sent, frame);
        fill_hostile(near, frame);
        ms_echo_reference(e, sent, chance(3) ? frame : chance(MS_MAX_FRAME), now_ns);
        ms_echo_arrival(e, rtp, now_ns);
        ms_echo_process(e, near, near, chance(20) ? frame : frame / 2, rtp);
        ms_noise_process(s, near, frame);
        if (chance(100) == 0) ms_echo_resync(e);
        REQUIRE(isfinite(ms_echo_erle_db(e)) && isfinite(ms_echo_skew_ppm(e)) && isfinite(ms_echo_residual_dbfs(e)));
    }
    free(s);
    free(e);
}

/* speexdsp takes what it is given without looking: every filter that can be asked for must find room. */
static void every_filter_fits_its_memory(void) {
    static const int32_t rates[] = {8000, 16000, 24000, 48000};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        for (int tail_ms = 20; tail_ms <= 500; tail_ms += 3) {
            ms_echo *e = malloc(ms_echo_size(rates[k], tail_ms));
            REQUIRE(e && ms_echo_init(e, rates[k], rates[k], tail_ms) == MS_OK);
            free(e);
        }
        ms_noise *s = malloc(ms_noise_size(rates[k]));
        REQUIRE(s && ms_noise_init(s, rates[k], 0.5f) == MS_OK);
        free(s);
    }
}

static void gate(int32_t rate_hz) {
    const float residuals[] = {-120, 0, NAN, INFINITY, -INFINITY};
    int16_t pcm[160];
    ms_gate g;
    REQUIRE(ms_gate_init(&g, rate_hz) == MS_OK);
    for (int k = 0; k < 2000; k++) {
        fill_hostile(pcm, 160);
        int verdict = ms_gate_process(&g, pcm, residuals[chance(5)]);
        REQUIRE(verdict >= MS_GATE_QUIET && verdict <= MS_GATE_OFFSET);
    }
    REQUIRE(isfinite(ms_gate_noise_dbfs(&g)) && isfinite(ms_gate_speech_dbfs(&g)));
    REQUIRE(ms_gate_init(&g, 44100) == MS_E_ARGUMENT);
}

static void dtmf(void) {
    const uint8_t first[] = {5, 10, 0, 160}, last[] = {5, 0x80 | 10, 3, 32};
    uint8_t key = 99, random[8];
    ms_dtmf_receiver d;
    ms_dtmf_init(&d, 8000);
    REQUIRE(ms_dtmf_receive(&d, first, 4, 1000, &key) == 1 && key == 5);
    REQUIRE(ms_dtmf_receive(&d, last, 4, 1000, &key) == 0);
    REQUIRE(ms_dtmf_receive(&d, first, 3, 9000, &key) == MS_E_ARGUMENT);
    for (int k = 0; k < 5000; k++) {
        for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)chance(256);
        if (ms_dtmf_receive(&d, random, chance(9), any_int64(), &key) == 1) REQUIRE(key < 16);
    }
}

int main(void) {
    g711();
    resampler();
    every_filter_fits_its_memory();
    echo_and_noise(8000, 8000, 128);
    echo_and_noise(16000, 8000, 64);
    echo_and_noise(48000, 48000, 20);
    gate(8000);
    gate(16000);
    dtmf();
    return 0;
}
