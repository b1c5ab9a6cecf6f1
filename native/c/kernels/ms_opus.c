/* Opus (RFC 6716, in RTP: RFC 7587) by libopus, mono both ways, in memory that the caller owns.
 *
 * A packet says itself how many frames of how many milliseconds it holds; ms_decoder_samples reads that from its head
 * before a decoder sees it, so that none longer than MS_MAX_PTIME_MS gets in. A stereo packet decodes to mono inside the
 * library. What libopus will not decode leaves its decoder as it was.
 *
 * Loss. Without a copy the decoder extrapolates; with in-band FEC the packet *after* a gap carries a coarse copy of the
 * frame before it, and only of that one: of a longer gap the last frame is recovered and the rest extrapolated, in one
 * go. The copy exists where the encoder thought it worth its octets, which depends on the loss it was told to expect;
 * where there is none libopus extrapolates.
 *
 * Two encoders. libopus has one for speech (SILK, with CELT for what lies above 8 kHz), which alone can send copies and
 * does with few bits, and one for anything (CELT), which takes a third of the time and three quarters more bits for the
 * same sound. Which one works is its own decision, made from hints: we hint at speech where bits are few or packets are
 * lost, and at nothing else. Loss is mostly a line that is full, so SILK then gets no more bits than it needs. */
#include "ms_codec_kind.h"

#include <opus/opus.h>

enum { CLOCK_HZ = 48000, SILENT_OCTETS = 2 /* RFC 6716, 2.1.9: as short as this, a packet need not be sent */,
       SPEECH_BITS = 32000, /* a second, enough for SILK to speak in full band (RFC 7587, 3.1.1) */
       AMPLE_BITS = 56000 /* with these CELT sounds as good */ };

static bool is_rate(int32_t hz) { return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000; }

static bool is_valid(const ms_codec_config *config) {
    return is_rate(config->say_hz) && is_rate(config->hear_hz) && config->complexity <= 10 &&
           config->expected_loss <= 100 &&
           (config->bit_rate == 0 || (config->bit_rate >= 6000 && config->bit_rate <= 510000));
}

static int32_t clock_hz(const ms_codec_config *config) { return CLOCK_HZ; }

static size_t longest_payload(const ms_codec_config *config) { return MS_MAX_PAYLOAD; }

/* ---- decoder ----------------------------------------------------------------------------------------------------- */

static size_t decoder_size(void) { return (size_t)opus_decoder_get_size(1); }

static int decoder_init(void *state, const ms_codec_config *config) {
    return opus_decoder_init(state, config->hear_hz, 1) == OPUS_OK ? MS_OK : MS_E_ARGUMENT;
}

/* Parsed to the last length field: what passes here is decoded. */
static int samples(const ms_codec_config *config, const uint8_t *payload, size_t n) {
    int16_t sizes[48]; /* frames in a packet, at most */
    int frames = opus_packet_parse(payload, (opus_int32)n, NULL, NULL, sizes, NULL);
    return frames <= 0 ? MS_E_ARGUMENT : frames * opus_packet_get_samples_per_frame(payload, config->hear_hz);
}

static int decode(void *state, const uint8_t *payload, size_t n, int16_t *pcm, int samples) {
    int decoded = opus_decode(state, payload, (opus_int32)n, pcm, samples, 0);
    return decoded == samples ? decoded : MS_E_ARGUMENT;
}

static int lost(void *state, int16_t *pcm, int samples, const uint8_t *next, size_t next_n) {
    int made = next ? opus_decode(state, next, (opus_int32)next_n, pcm, samples, 1) : -1;
    if (made != samples) made = opus_decode(state, NULL, 0, pcm, samples, 0);
    return made == samples ? made : MS_E_ARGUMENT;
}

/* ---- encoder ----------------------------------------------------------------------------------------------------- */

static size_t encoder_size(void) { return (size_t)opus_encoder_get_size(1); }

static int expect_loss(void *state, const ms_codec_config *config) {
    const bool is_lossy = config->expected_loss > 0;
    const opus_int32 bit_rate = is_lossy && config->bit_rate > SPEECH_BITS ? SPEECH_BITS : config->bit_rate;
    const opus_int32 signal = bit_rate < AMPLE_BITS ? OPUS_SIGNAL_VOICE : OPUS_AUTO;
    int status = opus_encoder_ctl(state, OPUS_SET_PACKET_LOSS_PERC(config->expected_loss));
    if (status == OPUS_OK) status = opus_encoder_ctl(state, OPUS_SET_BITRATE(bit_rate ? bit_rate : OPUS_AUTO));
    if (status == OPUS_OK) status = opus_encoder_ctl(state, OPUS_SET_SIGNAL(signal));
    return status;
}

static int encoder_init(void *state, const ms_codec_config *config) {
    int status = opus_encoder_init(state, config->say_hz, 1, OPUS_APPLICATION_AUDIO);
    if (status == OPUS_OK) status = opus_encoder_ctl(state, OPUS_SET_COMPLEXITY(config->complexity));
    if (status == OPUS_OK) status = opus_encoder_ctl(state, OPUS_SET_INBAND_FEC(config->fec != 0));
    if (status == OPUS_OK) status = opus_encoder_ctl(state, OPUS_SET_DTX(config->dtx != 0));
    if (status == OPUS_OK) status = expect_loss(state, config);
    return status == OPUS_OK ? MS_OK : MS_E_ARGUMENT;
}

static int encode(void *state, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    opus_int32 octets = opus_encode(state, pcm, (int)n, payload, (opus_int32)capacity);
    if (octets < 0) return MS_E_ARGUMENT; /* no frame length of Opus, or no room */
    return octets <= SILENT_OCTETS ? 0 : octets;
}

const ms_codec_kind ms_codec_opus = {
    .codec = MS_OPUS,
    .is_valid = is_valid,
    .clock_hz = clock_hz,
    .longest_payload = longest_payload,
    .decoder_size = decoder_size,
    .encoder_size = encoder_size,
    .decoder_init = decoder_init,
    .encoder_init = encoder_init,
    .samples = samples,
    .decode = decode,
    .lost = lost,
    .encode = encode,
    .expect_loss = expect_loss,
};
