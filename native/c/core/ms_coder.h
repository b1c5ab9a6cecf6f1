/* The codecs that a stream agreed on: which payload type is which, what we send, and PCM at the stream's own rates.
 *
 * All codings of a stream count time stamps by the same clock; a change to another clock is another stream (RFC 7160
 * shows what becomes of those who try). The stream plays at `say_hz` and hears at `hear_hz` whatever the packet in
 * hand is coded in; a coding of another rate is resampled. */
#ifndef MS_CODER_H
#define MS_CODER_H

#include "ms_codec.h"
#include "ms_comfort.h"
#include "ms_core.h"
#include "ms_kernels.h"

#define MS_CODER_MAX_SAMPLES (MS_MAX_RATE_HZ / 1000 * MS_MAX_PTIME_MS)

typedef struct ms_coder {
    ms_codec_config codec;
    uint8_t payload_type;
    int32_t say_hz, hear_hz;                /* the stream's */
    ms_decoder *decoder;
    ms_encoder *encoder;
    ms_resampler *to_hear, *from_say;       /* NULL: the codec's rate is the stream's */
} ms_coder;

typedef struct ms_coders {
    ms_coder all[MS_CODINGS];
    uint8_t count;
    ms_coder *saying;                       /* what we send */
    int32_t clock_hz;
} ms_coders;

bool ms_coders_are_valid(const ms_config *config);
int32_t ms_coders_clock_hz(const ms_config *config);
size_t ms_coders_longest_payload(const ms_config *config);
size_t ms_coders_size(const ms_config *config);               /* of `memory` */
int ms_coders_init(ms_coders *coders, const ms_config *config, void *memory);
ms_coder *ms_coders_find(ms_coders *coders, uint8_t payload_type); /* NULL: not agreed */
/* The other side reports so much loss, percent; never less is prepared for than was configured. */
void ms_coders_expect_loss(ms_coders *coders, int percent);

/* Samples at hear_hz that the payload stands for; MS_E_ARGUMENT when it is none of this codec. */
int ms_coder_samples(const ms_coder *coder, const uint8_t *payload, size_t n);
/* To MS_CODER_MAX_SAMPLES at most; returns samples at hear_hz or MS_E_ARGUMENT. */
int ms_coder_decode(ms_coder *coder, const uint8_t *payload, size_t n, int16_t *pcm);
bool ms_coder_conceals(const ms_coder *coder);
int ms_coder_lost(ms_coder *coder, int16_t *pcm, int samples, const uint8_t *next, size_t next_n);
void ms_coder_reset(ms_coder *coder);
/* `n` samples at say_hz, 10 to 60 ms; returns octets, 0: nothing need be sent. */
int ms_coder_encode(ms_coder *coder, const int16_t *pcm, uint32_t n, uint8_t *payload, size_t capacity);

#endif
