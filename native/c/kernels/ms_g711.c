/* G.711 by table.
 *
 * A companded octet has 256 meanings, so decoding is one look-up. Encoding drops the bits the law cannot carry
 * (mu-law sees 14 bits of a sample, A-law 12) and looks the rest up: 16 KiB and 4 KiB, built once at load from
 * the segment arithmetic of ITU-T G.711, tables 1 and 2. */
#include "ms_codec_kind.h"
#include "ms_kernels.h"

enum { U_LOST_BITS = 2, A_LOST_BITS = 4 };
enum { U_CODES = 1 << (16 - U_LOST_BITS), A_CODES = 1 << (16 - A_LOST_BITS) };

static int16_t u_linear[256], a_linear[256];
static uint8_t u_octet[U_CODES], a_octet[A_CODES];

static int16_t expand_u(uint8_t octet) {
    int inverted = ~octet & 0xff;
    int magnitude = (((inverted & 0x0f) << 3) + 0x84) << (inverted >> 4 & 7);
    return (int16_t)(inverted & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
}

static int16_t expand_a(uint8_t octet) {
    int toggled = octet ^ 0x55;  /* G.711: even bits are inverted on the line */
    int segment = toggled >> 4 & 7;
    int magnitude = ((toggled & 0x0f) << 4) + 8;
    if (segment) magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t)(toggled & 0x80 ? magnitude : -magnitude);
}

/* `kept`: the sample's upper 14 bits, signed. */
static uint8_t compress_u(int kept) {
    int biased = (kept < 0 ? ~kept : kept) + 33;
    int segment = 0;
    if (biased > 0x1fff) biased = 0x1fff;
    while (biased >> (segment + 6)) segment++;
    int code = segment << 4 | (biased >> (segment + 1) & 0x0f);
    return (uint8_t)(~code & 0x7f) | (kept < 0 ? 0 : 0x80);
}

/* `kept`: the sample's upper 12 bits, signed. */
static uint8_t compress_a(int kept) {
    int code = kept < 0 ? ~kept : kept;
    int segment = 0;
    while (code >> segment > 31) segment++;
    if (code > 15) code = (segment + 1) << 4 | (code >> segment & 0x0f);
    return (uint8_t)(code ^ 0x55) ^ (kept < 0 ? 0 : 0x80);
}

__attribute__((constructor)) static void build_tables(void) {
    for (int octet = 0; octet < 256; octet++) {
        u_linear[octet] = expand_u((uint8_t)octet);
        a_linear[octet] = expand_a((uint8_t)octet);
    }
    for (int kept = -U_CODES / 2; kept < U_CODES / 2; kept++) u_octet[kept & (U_CODES - 1)] = compress_u(kept);
    for (int kept = -A_CODES / 2; kept < A_CODES / 2; kept++) a_octet[kept & (A_CODES - 1)] = compress_a(kept);
}

void ms_g711_decode_u(const uint8_t *in, int16_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = u_linear[in[i]];
}

void ms_g711_decode_a(const uint8_t *in, int16_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a_linear[in[i]];
}

void ms_g711_encode_u(const int16_t *in, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = u_octet[(uint16_t)in[i] >> U_LOST_BITS];
}

void ms_g711_encode_a(const int16_t *in, uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a_octet[(uint16_t)in[i] >> A_LOST_BITS];
}

/* ---- as codecs of a payload: an octet is a sample, and nothing is remembered ------------------------------------- */

enum { RATE_HZ = 8000 };

static bool is_valid(const ms_codec_config *config) { return config->say_hz == RATE_HZ && config->hear_hz == RATE_HZ; }

static int32_t clock_hz(const ms_codec_config *config) { return RATE_HZ; }

static size_t longest_payload(const ms_codec_config *config) { return RATE_HZ / 1000 * MS_MAX_PTIME_MS; }

static int samples(const ms_codec_config *config, const uint8_t *payload, size_t n) { return (int)n; }

static int decode_u(void *state, const uint8_t *payload, size_t n, int16_t *pcm, int samples) {
    ms_g711_decode_u(payload, pcm, n);
    return samples;
}

static int decode_a(void *state, const uint8_t *payload, size_t n, int16_t *pcm, int samples) {
    ms_g711_decode_a(payload, pcm, n);
    return samples;
}

static int encode_u(void *state, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    if (n > capacity) return MS_E_ARGUMENT;
    ms_g711_encode_u(pcm, payload, n);
    return (int)n;
}

static int encode_a(void *state, const int16_t *pcm, size_t n, uint8_t *payload, size_t capacity) {
    if (n > capacity) return MS_E_ARGUMENT;
    ms_g711_encode_a(pcm, payload, n);
    return (int)n;
}

#define G711 .is_valid = is_valid, .clock_hz = clock_hz, .longest_payload = longest_payload, .samples = samples

const ms_codec_kind ms_codec_pcmu = {
    .codec = MS_PCMU, G711, .decode = decode_u, .encode = encode_u, .echo = ms_g711_decode_u,
};
const ms_codec_kind ms_codec_pcma = {
    .codec = MS_PCMA, G711, .decode = decode_a, .encode = encode_a, .echo = ms_g711_decode_a,
};
