/* The canceller and what stands behind it without Python, for the sanitizers: every size that can be asked for, clocks
 * that jump, full scale, lengths that are none. Correctness against oracles is tested from Python. */
#include "ms_echo_jump.h"
#include "ms_echo_search.h"
#include "ms_fft.h"
#include "ms_kalman.h"
#include "ms_kernels.h"
#include "ms_level.h"
#include "ms_residual.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int32_t rates_hz[] = {8000, 16000, 24000, 48000};
enum { RATES = sizeof rates_hz / sizeof *rates_hz };
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
    fprintf(stderr, "echo_main.c:%d: not so: %s\n", line, what);
    exit(1);
}
#define REQUIRE(what) require_that((what), #what, __LINE__)

static void fill_hostile(int16_t *pcm, size_t n) {
    uint32_t kind = chance(5);
    for (size_t i = 0; i < n; i++)
        pcm[i] = kind == 0 ? 0 : kind == 1 ? INT16_MIN : kind == 2 ? INT16_MAX
                 : kind == 3 ? (i % 2 ? INT16_MIN : INT16_MAX) : (int16_t)chance(65536);
}

static void transform(int32_t n) {
    float samples[MS_FFT_MAX], again[MS_FFT_MAX], re[MS_FFT_MAX_BINS], im[MS_FFT_MAX_BINS];
    const ms_fft *fft = ms_fft_of(n);
    REQUIRE(fft);
    for (int32_t i = 0; i < n; i++) samples[i] = (float)chance(65536) - 32768;
    ms_fft_forward(fft, samples, re, im);
    ms_fft_inverse(fft, re, im, again);
    for (int32_t i = 0; i < n; i++) REQUIRE(fabsf(again[i] - samples[i]) < 0.1f);
    REQUIRE(!ms_fft_of(n + 1) && !ms_fft_of(0) && !ms_fft_of(-n));
}

static void every_size_fits(int32_t rate_hz) {
    for (int tail_ms = 20; tail_ms <= 500; tail_ms += 7) {
        size_t n = ms_echo_size(rate_hz, tail_ms);
        ms_echo *e = malloc(n);
        REQUIRE(e && ms_echo_init(e, rate_hz, rate_hz, tail_ms) == MS_OK);
        int16_t pcm[MS_MAX_FRAME];
        size_t frame = (size_t)rate_hz / 1000 * MS_FRAME_MS;
        fill_hostile(pcm, frame);
        for (int k = 0; k < 3; k++) {
            ms_echo_reference(e, pcm, frame, k * MS_FRAME_NS);
            ms_echo_arrival(e, k * (int64_t)frame, k * MS_FRAME_NS);
            ms_echo_process(e, pcm, pcm, frame, k * (int64_t)frame);
        }
        free(e);
    }
    REQUIRE(ms_echo_size(rate_hz, 19) == 0 && ms_echo_size(rate_hz, 501) == 0);
    REQUIRE(ms_echo_size(11025, 128) == 0 && ms_echo_size(0, 128) == 0 && ms_echo_size(-8000, 128) == 0);
    ms_echo *e = malloc(ms_echo_size(rate_hz, 128));
    REQUIRE(e && ms_echo_init(e, rate_hz, 0, 128) == MS_E_ARGUMENT);
    free(e);
}

/* Long enough in order to converge, jump and search; then nothing is as it should be. */
static void a_call(int32_t rate_hz, int32_t clock_hz, int tail_ms) {
    const size_t frame = (size_t)rate_hz / 1000 * MS_FRAME_MS, late = frame;
    static int16_t said[400 * MS_MAX_FRAME];
    int16_t near[MS_MAX_FRAME];
    ms_echo *e = malloc(ms_echo_size(rate_hz, tail_ms));
    ms_residual *r = malloc(ms_residual_size(rate_hz));
    REQUIRE(e && ms_echo_init(e, rate_hz, clock_hz, tail_ms) == MS_OK);
    REQUIRE(r && ms_residual_init(r, rate_hz) == MS_OK);
    for (size_t i = 0; i < 400 * frame; i++) said[i] = (int16_t)((int)chance(8000) - 4000);
    for (int64_t k = 0; k < 400; k++) {
        bool hostile = k > 250 && chance(3) == 0;
        size_t delay = late + (k > 150 ? frame : 0), at = (size_t)k * frame;
        int64_t now_ns = hostile ? any_int64() : k * MS_FRAME_NS;
        int64_t rtp = hostile ? any_int64() : k * clock_hz / 50;
        for (size_t i = 0; i < frame; i++) near[i] = at + i < delay ? 0 : said[at + i - delay] / 3;
        if (hostile) fill_hostile(near, frame);
        ms_echo_reference(e, said + at, hostile ? chance(MS_MAX_FRAME) % (frame + 1) : frame, now_ns);
        ms_echo_arrival(e, rtp, now_ns);
        ms_echo_process(e, near, near, hostile && chance(9) == 0 ? frame / 2 : frame, rtp);
        ms_residual_process(r, near, ms_echo_estimate(e), frame);
        if (k == 140 && tail_ms >= 64) REQUIRE(ms_echo_erle_db(e) > 10 && ms_echo_seen(e));
        if (hostile && chance(20) == 0) ms_echo_resync(e);
        REQUIRE(isfinite(ms_echo_erle_db(e)) && isfinite(ms_echo_skew_ppm(e)) && isfinite(ms_echo_residual_dbfs(e)));
        REQUIRE(ms_echo_delay_ms(e) >= -1 && ms_echo_delay_ms(e) < 1000);
    }
    free(r);
    free(e);
}

static void filter(int32_t rate_hz) {
    float left[MS_FFT_MAX / 2], echo[MS_FFT_MAX / 2];
    int16_t far[MS_FFT_MAX / 2], near[MS_FFT_MAX / 2];
    size_t block = (size_t)rate_hz / 100;
    ms_kalman *k = malloc(ms_kalman_size(rate_hz, 64));
    REQUIRE(k && ms_kalman_init(k, rate_hz, 64) == MS_OK);
    for (int call = 0; call < 300; call++) {
        fill_hostile(far, block);
        fill_hostile(near, block);
        ms_kalman_process(k, far, near, left, chance(2) ? echo : NULL);
        switch (chance(9)) {
        case 0: ms_kalman_shift(k, (int32_t)chance(20) - 10); break;
        case 1: ms_kalman_shift(k, chance(2) ? 100000 : -100000); break;
        case 2: ms_kalman_keep(k); break;
        case 3: ms_kalman_recall(k); break;
        case 4: ms_kalman_kept_echo(k, echo); break;
        case 5: ms_kalman_pass(k, far); break;
        case 6: ms_kalman_resume(k, far[0], near[0]); break;
        case 7: REQUIRE(isfinite(ms_kalman_share(k, (int32_t)chance(7)))); break;
        default: break;
        }
        for (size_t i = 0; i < block; i++) REQUIRE(isfinite(left[i]));
    }
    free(k);
}

static void searches(int32_t rate_hz) {
    int16_t far[MS_SEARCH_MAX_BLOCK], near[MS_SEARCH_MAX_BLOCK];
    float came[MS_SEARCH_MAX_BLOCK], expected[MS_SEARCH_MAX_BLOCK];
    size_t block = (size_t)rate_hz / 100;
    int32_t reach = rate_hz / 1000 * MS_JUMP_REACH_MS;
    ms_echo_search s;
    ms_echo_jump *j = malloc(ms_echo_jump_size(rate_hz));
    REQUIRE(j && ms_echo_search_init(&s, rate_hz) == MS_OK);
    ms_echo_jump_init(j, rate_hz);
    for (int call = 0; call < 300; call++) {
        fill_hostile(far, block);
        fill_hostile(near, block);
        int32_t lag = ms_echo_search_process(&s, far, near);
        REQUIRE(lag >= -1 && lag < MS_SEARCH_LAGS);
        for (size_t i = 0; i < block; i++) {
            came[i] = 1.9f * near[i];
            expected[i] = 1.9f * far[i];
        }
        int32_t later = ms_echo_jump_process(j, came, expected);
        REQUIRE(later >= -reach && later <= reach);
        if (ms_echo_jump_is_over(j)) ms_echo_jump_begin(j);
    }
    free(j);
    REQUIRE(ms_echo_search_init(&s, 11025) == MS_E_ARGUMENT);
}

static void levels(int32_t rate_hz) {
    int16_t pcm[MS_MAX_RATE_HZ / 1000 * MS_MAX_PTIME_MS];
    ms_high_pass h;
    ms_agc a;
    REQUIRE(ms_high_pass_init(&h, rate_hz) == MS_OK && ms_agc_init(&a, rate_hz, -20) == MS_OK);
    for (int call = 0; call < 300; call++) {
        size_t n = chance((uint32_t)rate_hz / 1000 * MS_MAX_PTIME_MS + 1);
        fill_hostile(pcm, n);
        ms_high_pass_process(&h, pcm, n);
        ms_agc_process(&a, pcm, n, chance(2));
        REQUIRE(ms_agc_gain_db(&a) >= MS_AGC_LEAST_DB && ms_agc_gain_db(&a) <= MS_AGC_MOST_DB);
    }
    REQUIRE(ms_agc_init(&a, rate_hz, NAN) == MS_E_ARGUMENT && ms_agc_init(&a, rate_hz, 0) == MS_E_ARGUMENT);
    REQUIRE(ms_high_pass_init(&h, 0) == MS_E_ARGUMENT && ms_agc_init(&a, -1, -20) == MS_E_ARGUMENT);
}

int main(void) {
    for (int i = 0; i < RATES; i++) {
        transform(rates_hz[i] / 50);
        every_size_fits(rates_hz[i]);
        filter(rates_hz[i]);
        searches(rates_hz[i]);
        levels(rates_hz[i]);
    }
    a_call(8000, 8000, 128);
    a_call(16000, 8000, 64);
    a_call(16000, 48000, 256);
    a_call(48000, 48000, 20);
    return 0;
}
