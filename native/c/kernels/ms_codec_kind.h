/* One row in the table of codecs: what ms_codec.c asks of each. `state` is what stands behind the head of an ms_decoder
 * or ms_encoder; sizes, rates and lengths have been checked against the kind's own answers before it is called. */
#ifndef MS_CODEC_KIND_H
#define MS_CODEC_KIND_H

#include "ms_codec.h"

typedef struct ms_codec_kind {
    uint8_t codec;                                                    /* enum ms_codec */
    bool (*is_valid)(const ms_codec_config *config);
    int32_t (*clock_hz)(const ms_codec_config *config);
    size_t (*longest_payload)(const ms_codec_config *config);
    size_t (*decoder_size)(void), (*encoder_size)(void);              /* NULL: no state */
    int (*decoder_init)(void *state, const ms_codec_config *config);
    int (*encoder_init)(void *state, const ms_codec_config *config);
    /* samples at hear_hz in a payload of at least one octet, or MS_E_ARGUMENT */
    int (*samples)(const ms_codec_config *config, const uint8_t *payload, size_t n);
    int (*decode)(void *state, const uint8_t *payload, size_t n, int16_t *pcm, int samples);
    int (*lost)(void *state, int16_t *pcm, int samples, const uint8_t *next, size_t next_n); /* NULL: does not conceal */
    /* octets of `n` samples, or MS_E_ARGUMENT when n is no frame of this codec */
    int (*encode)(void *state, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity);
    /* what encode's payload will be heard as; NULL: not exactly known */
    void (*echo)(const uint8_t *payload, int16_t *pcm, size_t n);
    int (*expect_loss)(void *state, const ms_codec_config *config);   /* that was changed; NULL: makes no difference */
} ms_codec_kind;

extern const ms_codec_kind ms_codec_pcmu, ms_codec_pcma, ms_codec_g722, ms_codec_l16, ms_codec_opus;

#endif
