/* Ogg pages (RFC 3533) around the packets of one Opus stream (RFC 7845). Owns no file: pages are handed out as bytes. */
#ifndef MS_OGG_H
#define MS_OGG_H

#include "ms_types.h"

#define MS_OGG_SEGMENTS 255
#define MS_OGG_PACKET_MAX 1275          /* of Opus, at 20 ms */
#define MS_OGG_HEADER_MAX (27 + MS_OGG_SEGMENTS)
#define MS_OGG_PAGE_MAX (MS_OGG_HEADER_MAX + MS_OGG_SEGMENTS * 255)
#define MS_OGG_RATE_HZ 48000            /* in which granules count, whatever was encoded */

typedef struct ms_ogg {
    uint32_t serial, pages, segments, body_bytes;
    uint8_t lacing[MS_OGG_SEGMENTS];
    uint8_t body[MS_OGG_SEGMENTS * 255];
} ms_ogg;

void ms_ogg_init(ms_ogg *o, uint32_t serial);
bool ms_ogg_has_room(const ms_ogg *o, size_t packet_bytes);
void ms_ogg_add(ms_ogg *o, const uint8_t *packet, size_t n); /* a packet for which there is room */
/* The page of what was added, MS_OGG_PAGE_MAX bytes at most; the granule is that of its last packet. */
size_t ms_ogg_page(ms_ogg *o, uint8_t *out, int64_t granule, bool is_last);

/* The two pages that every Opus file begins with. */
size_t ms_ogg_opus_head(ms_ogg *o, uint8_t *out, uint8_t channels, uint16_t pre_skip, int32_t rate_hz);
size_t ms_ogg_opus_tags(ms_ogg *o, uint8_t *out);

#endif
