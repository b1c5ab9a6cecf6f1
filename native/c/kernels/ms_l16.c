/* L16: samples as they are, in network order (RFC 3551, 4.5.11). Its clock is its rate, and both ways have the same. */
#include "ms_codec_kind.h"

static bool is_rate(int32_t hz) { return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000; }

static bool is_valid(const ms_codec_config *config) {
    return is_rate(config->say_hz) && config->say_hz == config->hear_hz;
}

static int32_t clock_hz(const ms_codec_config *config) { return config->say_hz; }

static size_t longest_payload(const ms_codec_config *config) {
    return (size_t)config->hear_hz / 1000 * MS_MAX_PTIME_MS * 2;
}

static int samples(const ms_codec_config *config, const uint8_t *payload, size_t n) {
    return n % 2 ? MS_E_ARGUMENT : (int)(n / 2);
}

static void hear(const uint8_t *payload, int16_t *pcm, size_t n) {
    for (size_t i = 0; i < n / 2; i++) pcm[i] = (int16_t)(payload[2 * i] << 8 | payload[2 * i + 1]);
}

static int decode(void *state, const uint8_t *payload, size_t n, int16_t *pcm, int samples) {
    hear(payload, pcm, n);
    return samples;
}

static int encode(void *state, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    if (2 * n > capacity) return MS_E_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        payload[2 * i] = (uint8_t)((uint16_t)pcm[i] >> 8);
        payload[2 * i + 1] = (uint8_t)pcm[i];
    }
    return (int)(2 * n);
}

const ms_codec_kind ms_codec_l16 = {
    .codec = MS_L16,
    .is_valid = is_valid,
    .clock_hz = clock_hz,
    .longest_payload = longest_payload,
    .samples = samples,
    .decode = decode,
    .encode = encode,
    .echo = hear,
};
