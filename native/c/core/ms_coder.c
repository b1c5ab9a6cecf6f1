#include "ms_coder.h"

#include <string.h>

#define ALIGNMENT MS_CORE_ALIGNMENT

/* ---- what was agreed -------------------------------------------------------------------------------------------- */

/* G.711 and G.722 have rates of their own; L16 and Opus work at the stream's. */
static ms_codec_config codec_of(const ms_config *config, const ms_coding *coding) {
    ms_codec_config codec = {
        .codec = coding->codec, .complexity = config->opus_complexity, .fec = config->opus_fec,
        .dtx = config->opus_dtx, .expected_loss = config->opus_expected_loss, .bit_rate = config->opus_bit_rate,
        .say_hz = config->say_hz, .hear_hz = config->hear_hz,
    };
    if (coding->codec == MS_PCMU || coding->codec == MS_PCMA) codec.say_hz = codec.hear_hz = 8000;
    if (coding->codec == MS_G722) codec.say_hz = codec.hear_hz = 16000;
    return codec;
}

static bool is_rate(int32_t hz) { return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000; }

static bool is_ptime(uint8_t ms) { return ms == 10 || ms == 20 || ms == 30 || ms == 40 || ms == 60; }

/* Opus has no frames of 30 ms, and a packet must go into a datagram. */
static bool fits_packet(const ms_config *config, const ms_coding *coding) {
    if (coding->codec == MS_OPUS) return config->ptime_ms != 30;
    return coding->codec != MS_L16 || config->say_hz / 1000 * config->ptime_ms * 2 <= MS_MAX_PAYLOAD;
}

/* Nothing is thrown away on the way in or out: the stream's rates are at least its codecs'. */
static bool coding_is_valid(const ms_config *config, const ms_coding *coding, int32_t clock_hz) {
    ms_codec_config codec = codec_of(config, coding);
    return coding->payload_type < 128 && ms_codec_is_valid(&codec) && ms_codec_clock_hz(&codec) == clock_hz &&
           codec.say_hz <= config->say_hz && codec.hear_hz <= config->hear_hz && fits_packet(config, coding);
}

int32_t ms_coders_clock_hz(const ms_config *config) {
    ms_codec_config first = codec_of(config, &config->codings[0]);
    return ms_codec_clock_hz(&first);
}

bool ms_coders_are_valid(const ms_config *config) {
    if (config->coding_count < 1 || config->coding_count > MS_CODINGS || !is_rate(config->say_hz) ||
        !is_rate(config->hear_hz) || !is_ptime(config->ptime_ms))
        return false;
    for (int i = 0; i < config->coding_count; i++) {
        if (!coding_is_valid(config, &config->codings[i], ms_coders_clock_hz(config))) return false;
        for (int k = 0; k < i; k++)
            if (config->codings[k].payload_type == config->codings[i].payload_type) return false;
    }
    return true;
}

size_t ms_coders_longest_payload(const ms_config *config) {
    size_t longest = MS_COMFORT_PAYLOAD;
    for (int i = 0; i < config->coding_count; i++) {
        ms_codec_config codec = codec_of(config, &config->codings[i]);
        size_t n = ms_codec_longest_payload(&codec);
        if (n > longest) longest = n;
    }
    return longest < MS_MAX_PAYLOAD ? longest : MS_MAX_PAYLOAD;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *take(uint8_t **memory, size_t n) {
    uint8_t *at = *memory;
    *memory += (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

/* Hands out the coder's parts from `memory` on; returns where the next one's begin. */
static uint8_t *place(ms_coder *coder, const ms_config *config, const ms_coding *coding, uint8_t *memory) {
    *coder = (ms_coder){
        .codec = codec_of(config, coding), .payload_type = coding->payload_type,
        .say_hz = config->say_hz, .hear_hz = config->hear_hz,
    };
    coder->decoder = take(&memory, ms_decoder_size(&coder->codec));
    coder->encoder = take(&memory, ms_encoder_size(&coder->codec));
    if (coder->codec.hear_hz != config->hear_hz) coder->to_hear = take(&memory, sizeof *coder->to_hear);
    if (coder->codec.say_hz != config->say_hz) coder->from_say = take(&memory, sizeof *coder->from_say);
    return memory;
}

size_t ms_coders_size(const ms_config *config) {
    ms_coder coder;
    uint8_t *const start = (uint8_t *)(uintptr_t)ALIGNMENT; /* only distances matter */
    uint8_t *end = start;
    for (int i = 0; i < config->coding_count; i++) end = place(&coder, config, &config->codings[i], end);
    return (size_t)(end - start);
}

static int init(ms_coder *coder) {
    int status = ms_decoder_init(coder->decoder, &coder->codec);
    if (status == MS_OK) status = ms_encoder_init(coder->encoder, &coder->codec);
    if (status == MS_OK && coder->to_hear)
        status = ms_resampler_init(coder->to_hear, coder->codec.hear_hz, coder->hear_hz);
    if (status == MS_OK && coder->from_say)
        status = ms_resampler_init(coder->from_say, coder->say_hz, coder->codec.say_hz);
    return status;
}

int ms_coders_init(ms_coders *coders, const ms_config *config, void *memory) {
    uint8_t *at = memory;
    int status = MS_OK;
    coders->count = config->coding_count;
    coders->clock_hz = ms_coders_clock_hz(config);
    coders->saying = &coders->all[0];
    for (int i = 0; i < config->coding_count && status == MS_OK; i++) {
        at = place(&coders->all[i], config, &config->codings[i], at);
        status = init(&coders->all[i]);
    }
    return status;
}

ms_coder *ms_coders_find(ms_coders *coders, uint8_t payload_type) {
    for (int i = 0; i < coders->count; i++)
        if (coders->all[i].payload_type == payload_type) return &coders->all[i];
    return NULL;
}

void ms_coders_expect_loss(ms_coders *coders, int percent) {
    for (int i = 0; i < coders->count; i++) {
        const int least = coders->all[i].codec.expected_loss;
        ms_encoder_expect_loss(coders->all[i].encoder, percent > least ? percent : least);
    }
}

/* ---- one packet -------------------------------------------------------------------------------------------------- */

static int at_hear_rate(const ms_coder *coder, int samples) {
    return samples <= 0 ? samples : (int)((int64_t)samples * coder->hear_hz / coder->codec.hear_hz);
}

int ms_coder_samples(const ms_coder *coder, const uint8_t *payload, size_t n) {
    return at_hear_rate(coder, ms_decoder_samples(coder->decoder, payload, n));
}

static int to_hear(ms_coder *coder, const int16_t *decoded, int n, int16_t *pcm) {
    return n <= 0 ? n : (int)ms_resampler_process(coder->to_hear, decoded, (size_t)n, pcm);
}

int ms_coder_decode(ms_coder *coder, const uint8_t *payload, size_t n, int16_t *pcm) {
    int16_t decoded[MS_CODER_MAX_SAMPLES];
    if (!coder->to_hear) return ms_decoder_decode(coder->decoder, payload, n, pcm, MS_CODER_MAX_SAMPLES);
    return to_hear(coder, decoded, ms_decoder_decode(coder->decoder, payload, n, decoded, MS_CODER_MAX_SAMPLES), pcm);
}

bool ms_coder_conceals(const ms_coder *coder) { return ms_decoder_conceals(coder->decoder); }

/* Only codecs that work at the stream's own rate conceal. */
int ms_coder_lost(ms_coder *coder, int16_t *pcm, int samples, const uint8_t *next, size_t next_n) {
    return ms_decoder_lost(coder->decoder, pcm, samples, next, next_n);
}

void ms_coder_reset(ms_coder *coder) { ms_decoder_reset(coder->decoder); }

int ms_coder_encode(ms_coder *coder, const int16_t *pcm, uint32_t n, uint8_t *payload, size_t capacity) {
    int16_t down[MS_CODER_MAX_SAMPLES];
    if (!coder->from_say) return ms_encoder_encode(coder->encoder, pcm, n, payload, capacity);
    size_t m = ms_resampler_process(coder->from_say, pcm, n, down);
    return ms_encoder_encode(coder->encoder, down, m, payload, capacity);
}
