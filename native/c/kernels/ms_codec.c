/* The table of codecs: G.711 so far. */
#include "ms_codec.h"
#include "ms_kernels.h"
struct ms_decoder { ms_codec_config c; };
struct ms_encoder { ms_codec_config c; };
static bool g711(const ms_codec_config *c) { return c->codec == MS_PCMU || c->codec == MS_PCMA; }
bool ms_codec_is_valid(const ms_codec_config *c) { return g711(c) && c->say_hz == 8000 && c->hear_hz == 8000; }
int32_t ms_codec_clock_hz(const ms_codec_config *c) { return c->codec == MS_OPUS ? 48000 : 8000; }
size_t ms_codec_longest_payload(const ms_codec_config *c) { return 480; }
size_t ms_decoder_size(const ms_codec_config *c) { return sizeof(ms_decoder); }
int ms_decoder_init(ms_decoder *d, const ms_codec_config *c) { d->c = *c; return MS_OK; }
int ms_decoder_samples(const ms_decoder *d, const uint8_t *p, size_t n) { return n > 0 && n <= 480 ? (int)n : MS_E_ARGUMENT; }
int ms_decoder_decode(ms_decoder *d, const uint8_t *p, size_t n, int16_t *pcm, int capacity) {
    if (n == 0 || n > 480) return MS_E_ARGUMENT;
    (d->c.codec == MS_PCMA ? ms_g711_decode_a : ms_g711_decode_u)(p, pcm, n); return (int)n; }
bool ms_decoder_conceals(const ms_decoder *d) { return false; }
int ms_decoder_lost(ms_decoder *d, int16_t *pcm, int samples, const uint8_t *next, size_t next_n) { return MS_E_STATE; }
void ms_decoder_reset(ms_decoder *d) {}
size_t ms_encoder_size(const ms_codec_config *c) { return sizeof(ms_encoder); }
int ms_encoder_init(ms_encoder *e, const ms_codec_config *c) { e->c = *c; return MS_OK; }
int ms_encoder_encode(ms_encoder *e, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    (e->c.codec == MS_PCMA ? ms_g711_encode_a : ms_g711_encode_u)(pcm, payload, n); return (int)n; }
bool ms_encoder_echo(const ms_encoder *e, const uint8_t *payload, size_t n, int16_t *pcm) {
    (e->c.codec == MS_PCMA ? ms_g711_decode_a : ms_g711_decode_u)(payload, pcm, n); return true; }
void ms_encoder_expect_loss(ms_encoder *e, int percent) {}
