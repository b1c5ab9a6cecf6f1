#include "ms_ogg.h"

#include <string.h>

#define FIRST_PAGE 0x02
#define LAST_PAGE 0x04
#define CHECKSUM_AT 22

void ms_ogg_init(ms_ogg *o, uint32_t serial) {
    memset(o, 0, sizeof *o);
    o->serial = serial;
}

static uint8_t *put_little(uint8_t *out, uint64_t value, int octets) {
    for (int i = 0; i < octets; i++) *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

static uint8_t *put_text(uint8_t *out, const char *text) {
    size_t n = strlen(text);
    memcpy(out, text, n);
    return out + n;
}

/* RFC 3533 section 6: polynomial 0x04c11db7, not reflected, no inversion; four bits at a time, from a table that can be
 * read. A page a second is no place to hurry. */
static uint32_t checksum(const uint8_t *data, size_t n) {
    static const uint32_t by_nibble[16] = {
        0x00000000, 0x04c11db7, 0x09823b6e, 0x0d4326d9, 0x130476dc, 0x17c56b6b, 0x1a864db2, 0x1e475005,
        0x2608edb8, 0x22c9f00f, 0x2f8ad6d6, 0x2b4bcb61, 0x350c9b64, 0x31cd86d3, 0x3c8ea00a, 0x384fbdbd,
    };
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum ^= (uint32_t)data[i] << 24;
        sum = sum << 4 ^ by_nibble[sum >> 28];
        sum = sum << 4 ^ by_nibble[sum >> 28];
    }
    return sum;
}

/* A packet is as many segments of 255 as it fills, and one shorter, which may be empty, that ends it. */
static uint32_t segments_of(size_t packet_bytes) { return (uint32_t)(packet_bytes / 255 + 1); }

bool ms_ogg_has_room(const ms_ogg *o, size_t packet_bytes) {
    return o->segments + segments_of(packet_bytes) <= MS_OGG_SEGMENTS;
}

void ms_ogg_add(ms_ogg *o, const uint8_t *packet, size_t n) {
    memcpy(o->body + o->body_bytes, packet, n);
    o->body_bytes += (uint32_t)n;
    for (; n >= 255; n -= 255) o->lacing[o->segments++] = 255;
    o->lacing[o->segments++] = (uint8_t)n;
}

size_t ms_ogg_page(ms_ogg *o, uint8_t *out, int64_t granule, bool is_last) {
    uint8_t *at = put_text(out, "OggS");
    *at++ = 0; /* version */
    *at++ = (uint8_t)((o->pages == 0 ? FIRST_PAGE : 0) | (is_last ? LAST_PAGE : 0));
    at = put_little(at, (uint64_t)granule, 8);
    at = put_little(at, o->serial, 4);
    at = put_little(at, o->pages++, 4);
    at = put_little(at, 0, 4); /* the checksum is of a page without one */
    *at++ = (uint8_t)o->segments;
    memcpy(at, o->lacing, o->segments);
    memcpy(at + o->segments, o->body, o->body_bytes);
    size_t n = (size_t)(at - out) + o->segments + o->body_bytes;
    put_little(out + CHECKSUM_AT, checksum(out, n), 4);
    o->segments = o->body_bytes = 0;
    return n;
}

/* RFC 7845 section 5.1 */
size_t ms_ogg_opus_head(ms_ogg *o, uint8_t *out, uint8_t channels, uint16_t pre_skip, int32_t rate_hz) {
    uint8_t packet[19], *at = put_text(packet, "OpusHead");
    *at++ = 1; /* version */
    *at++ = channels;
    at = put_little(at, pre_skip, 2);
    at = put_little(at, (uint32_t)rate_hz, 4); /* of the original: told, not used */
    at = put_little(at, 0, 2); /* gain */
    *at++ = 0; /* mapping family: mono or stereo */
    ms_ogg_add(o, packet, (size_t)(at - packet));
    return ms_ogg_page(o, out, 0, false);
}

/* RFC 7845 section 5.2 */
size_t ms_ogg_opus_tags(ms_ogg *o, uint8_t *out) {
    static const char vendor[] = "mediasrv";
    uint8_t packet[32], *at = put_text(packet, "OpusTags");
    at = put_little(at, sizeof vendor - 1, 4);
    at = put_text(at, vendor);
    at = put_little(at, 0, 4); /* comments */
    ms_ogg_add(o, packet, (size_t)(at - packet));
    return ms_ogg_page(o, out, 0, false);
}
