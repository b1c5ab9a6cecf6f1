"""One face over G.711, G.722, L16 and Opus: what native/c/kernels/ms_codec.h tells of a payload."""

from libc.stdint cimport int16_t, int32_t, uint8_t


cdef extern from "ms_codec.h" nogil:
    enum: MS_PCMU, MS_PCMA, MS_G722, MS_L16, MS_OPUS
    enum: MS_MAX_PAYLOAD, MS_MAX_PTIME_MS

    ctypedef struct ms_codec_config:
        uint8_t codec, complexity, fec, dtx, expected_loss
        int32_t say_hz, hear_hz, bit_rate

    int32_t ms_codec_clock_hz(const ms_codec_config *config)
    size_t ms_codec_longest_payload(const ms_codec_config *config)

    ctypedef struct ms_decoder
    size_t ms_decoder_size(const ms_codec_config *config)
    int ms_decoder_init(ms_decoder *d, const ms_codec_config *config)
    int ms_decoder_samples(const ms_decoder *d, const uint8_t *payload, size_t n)
    int ms_decoder_decode(ms_decoder *d, const uint8_t *payload, size_t n, int16_t *pcm, int capacity)
    bint ms_decoder_conceals(const ms_decoder *d)
    int ms_decoder_lost(ms_decoder *d, int16_t *pcm, int samples, const uint8_t *next, size_t next_n)
    void ms_decoder_reset(ms_decoder *d)

    ctypedef struct ms_encoder
    size_t ms_encoder_size(const ms_codec_config *config)
    int ms_encoder_init(ms_encoder *e, const ms_codec_config *config)
    int ms_encoder_encode(ms_encoder *e, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity)
    bint ms_encoder_echo(const ms_encoder *e, const uint8_t *payload, size_t n, int16_t *pcm)
    void ms_encoder_expect_loss(ms_encoder *e, int percent)
    void ms_encoder_reset(ms_encoder *e)
