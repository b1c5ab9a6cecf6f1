/* What stands in an RTP payload: one face over G.711, G.722, L16 and Opus.
 *
 * Three rates. `clock_hz` is what RTP time stamps count: G.722 counts 8 kHz though it samples at 16 (RFC 3551,
 * 4.5.2), Opus counts 48 whatever it carries (RFC 7587, 4.1). `say_hz` is the rate of the PCM that is encoded, and
 * `hear_hz` that of what is decoded; only Opus lets these two be chosen freely, of 8, 16, 24 and 48 kHz.
 *
 * Encoder and decoder are the caller's memory; nothing is allocated. A decoder is given what a stranger sent: every
 * byte string is decoded, or refused with MS_E_ARGUMENT, and the decoder is fit for the next packet. */
#ifndef MS_CODEC_H
#define MS_CODEC_H

#include "ms_types.h"

enum ms_codec { MS_PCMU = 0, MS_PCMA = 8, MS_G722 = 9, MS_L16 = 11, MS_OPUS = 111 }; /* ours; static types where there are */

typedef struct ms_codec_config {
    uint8_t codec;             /* enum ms_codec */
    uint8_t complexity;        /* Opus: 0-10 */
    uint8_t fec;               /* Opus: 1 sends in-band error correction for `expected_loss` */
    uint8_t dtx;               /* Opus: 1 sends nothing while nothing is said */
    uint8_t expected_loss;     /* Opus: percent */
    uint8_t reserved[3];
    int32_t say_hz, hear_hz;
    int32_t bit_rate;          /* Opus: bits a second, fewer while loss is expected; 0: its own choice */
} ms_codec_config;

bool ms_codec_is_valid(const ms_codec_config *config);
int32_t ms_codec_clock_hz(const ms_codec_config *config);
/* octets of the longest payload that MS_MAX_PTIME_MS can be, theirs or ours; MS_MAX_PAYLOAD where that is less */
size_t ms_codec_longest_payload(const ms_codec_config *config);

typedef struct ms_decoder ms_decoder;
size_t ms_decoder_size(const ms_codec_config *config);
int ms_decoder_init(ms_decoder *d, const ms_codec_config *config);
/* Samples at hear_hz that a payload will decode to, without decoding it; MS_E_ARGUMENT: malformed, empty, or longer
 * than MS_MAX_PTIME_MS. */
int ms_decoder_samples(const ms_decoder *d, const uint8_t *payload, size_t n);
/* Returns samples written, or MS_E_ARGUMENT; `capacity` is at least what ms_decoder_samples said. */
int ms_decoder_decode(ms_decoder *d, const uint8_t *payload, size_t n, int16_t *pcm, int capacity);
/* True for codecs that make up for loss themselves, out of their own state (Opus). */
bool ms_decoder_conceals(const ms_decoder *d);
/* `samples` of lost audio (a multiple of 2.5 ms, up to 60 ms) out of the decoder's state; `next`, the packet after the
 * gap when it is there already, may hold a copy of what was lost (Opus in-band FEC). Returns samples or an error. */
int ms_decoder_lost(ms_decoder *d, int16_t *pcm, int samples, const uint8_t *next, size_t next_n);
/* The sender began anew. */
void ms_decoder_reset(ms_decoder *d);

typedef struct ms_encoder ms_encoder;
size_t ms_encoder_size(const ms_codec_config *config);
int ms_encoder_init(ms_encoder *e, const ms_codec_config *config);
/* 10 to 60 ms at say_hz, of Opus 10, 20, 40 or 60; returns octets (0: nothing needs to be sent, DTX), or MS_E_ARGUMENT. */
int ms_encoder_encode(ms_encoder *e, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity);
/* What the other side will decode a payload to, where that is exact and cheap (G.711, L16); false elsewhere. */
bool ms_encoder_echo(const ms_encoder *e, const uint8_t *payload, size_t n, int16_t *pcm);
/* Loss the other side reports, percent: what Opus sets its error correction by. */
void ms_encoder_expect_loss(ms_encoder *e, int percent);
/* What comes next has nothing to do with what came before. */
void ms_encoder_reset(ms_encoder *e);

#endif
