/* The table of codecs, and what is the same for all of them: a head that names the kind, arguments checked, lengths
 * bounded. The codecs themselves (ms_g711.c, ms_g722.c, ms_l16.c, ms_opus.c) see good arguments only. */
#include "ms_codec_kind.h"

#include <string.h>

enum { STATE_ALIGNMENT = 16 };

struct ms_decoder {
    const ms_codec_kind *kind;
    ms_codec_config config;
    _Alignas(STATE_ALIGNMENT) uint8_t state[];
};

struct ms_encoder {
    const ms_codec_kind *kind;
    ms_codec_config config;
    _Alignas(STATE_ALIGNMENT) uint8_t state[];
};

static const ms_codec_kind *const kinds[] = {
    &ms_codec_pcmu, &ms_codec_pcma, &ms_codec_g722, &ms_codec_l16, &ms_codec_opus,
};

static const ms_codec_kind *kind_of(const ms_codec_config *config) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i]->codec == config->codec) return kinds[i];
    return NULL;
}

bool ms_codec_is_valid(const ms_codec_config *config) {
    const ms_codec_kind *kind = kind_of(config);
    return kind && kind->is_valid(config);
}

int32_t ms_codec_clock_hz(const ms_codec_config *config) {
    const ms_codec_kind *kind = kind_of(config);
    return kind ? kind->clock_hz(config) : 0;
}

size_t ms_codec_longest_payload(const ms_codec_config *config) {
    const ms_codec_kind *kind = kind_of(config);
    size_t longest = kind ? kind->longest_payload(config) : 0;
    return longest < MS_MAX_PAYLOAD ? longest : MS_MAX_PAYLOAD;
}

static int longest_samples(int32_t rate_hz) { return rate_hz / 1000 * MS_MAX_PTIME_MS; }

/* ---- decoder ----------------------------------------------------------------------------------------------------- */

size_t ms_decoder_size(const ms_codec_config *config) {
    if (!ms_codec_is_valid(config)) return 0;
    const ms_codec_kind *kind = kind_of(config);
    return sizeof(ms_decoder) + (kind->decoder_size ? kind->decoder_size() : 0);
}

int ms_decoder_init(ms_decoder *d, const ms_codec_config *config) {
    if (!ms_codec_is_valid(config)) return MS_E_ARGUMENT;
    d->kind = kind_of(config);
    d->config = *config;
    return d->kind->decoder_init ? d->kind->decoder_init(d->state, &d->config) : MS_OK;
}

int ms_decoder_samples(const ms_decoder *d, const uint8_t *payload, size_t n) {
    if (n == 0 || n > MS_MAX_PAYLOAD) return MS_E_ARGUMENT;
    int samples = d->kind->samples(&d->config, payload, n);
    return samples > 0 && samples <= longest_samples(d->config.hear_hz) ? samples : MS_E_ARGUMENT;
}

int ms_decoder_decode(ms_decoder *d, const uint8_t *payload, size_t n, int16_t *pcm, int capacity) {
    int samples = ms_decoder_samples(d, payload, n);
    if (samples < 0 || samples > capacity) return MS_E_ARGUMENT;
    return d->kind->decode(d->state, payload, n, pcm, samples);
}

bool ms_decoder_conceals(const ms_decoder *d) { return d->kind->lost != NULL; }

int ms_decoder_lost(ms_decoder *d, int16_t *pcm, int samples, const uint8_t *next, size_t next_n) {
    if (!d->kind->lost) return MS_E_STATE;
    if (samples <= 0 || samples > longest_samples(d->config.hear_hz) || samples % (d->config.hear_hz / 400))
        return MS_E_ARGUMENT;
    if (next && ms_decoder_samples(d, next, next_n) < 0) next = NULL;
    return d->kind->lost(d->state, pcm, samples, next, next ? next_n : 0);
}

/* What succeeded once with the same configuration succeeds again. */
void ms_decoder_reset(ms_decoder *d) {
    if (d->kind->decoder_init) d->kind->decoder_init(d->state, &d->config);
}

/* ---- encoder ----------------------------------------------------------------------------------------------------- */

size_t ms_encoder_size(const ms_codec_config *config) {
    if (!ms_codec_is_valid(config)) return 0;
    const ms_codec_kind *kind = kind_of(config);
    return sizeof(ms_encoder) + (kind->encoder_size ? kind->encoder_size() : 0);
}

int ms_encoder_init(ms_encoder *e, const ms_codec_config *config) {
    if (!ms_codec_is_valid(config)) return MS_E_ARGUMENT;
    e->kind = kind_of(config);
    e->config = *config;
    return e->kind->encoder_init ? e->kind->encoder_init(e->state, &e->config) : MS_OK;
}

int ms_encoder_encode(ms_encoder *e, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    if (n == 0 || n > (size_t)longest_samples(e->config.say_hz)) return MS_E_ARGUMENT;
    return e->kind->encode(e->state, pcm, n, payload, capacity < MS_MAX_PAYLOAD ? capacity : MS_MAX_PAYLOAD);
}

bool ms_encoder_echo(const ms_encoder *e, const uint8_t *payload, size_t n, int16_t *pcm) {
    if (!e->kind->echo) return false;
    e->kind->echo(payload, pcm, n);
    return true;
}

void ms_encoder_expect_loss(ms_encoder *e, int percent) {
    e->config.expected_loss = (uint8_t)(percent < 0 ? 0 : percent > 100 ? 100 : percent);
    if (e->kind->expect_loss) e->kind->expect_loss(e->state, &e->config);
}

void ms_encoder_reset(ms_encoder *e) {
    if (e->kind->encoder_init) e->kind->encoder_init(e->state, &e->config);
}
