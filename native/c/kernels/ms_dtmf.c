/* RFC 4733 telephone events, the receiving side.
 *
 * A key is a run of packets that all bear the time stamp of its beginning, the last one three times. Any of them
 * may be lost, repeated or late, so the time stamp alone tells keys apart, and the first packet of a key that
 * arrives reports it: neither the marker nor the end bit is relied on. */
#include "ms_kernels.h"

enum { PAYLOAD_BYTES = 4, KEYS = 16, LONGEST_SEGMENT = 0xffff };
enum { REORDER_WINDOW = 5 * 8000 };  /* ticks; a time stamp that fell back further is a clock that jumped */

void ms_dtmf_init(ms_dtmf_receiver *d) {
    *d = (ms_dtmf_receiver){.last_rtp = -1};
}

/* RFC 4733 2.5.1.3: a key longer than the duration field can say goes on in a new segment, stamped where the
 * full one ended. */
static bool continues_segment(const ms_dtmf_receiver *d, uint8_t code, int64_t rtp_extended) {
    return code == d->last_code && d->duration == LONGEST_SEGMENT && rtp_extended - d->last_rtp == LONGEST_SEGMENT;
}

int ms_dtmf_receive(ms_dtmf_receiver *d, const uint8_t *payload, size_t n, int64_t rtp_extended, uint8_t *key) {
    if (n < PAYLOAD_BYTES || rtp_extended < 0) return MS_E_ARGUMENT;
    uint8_t code = payload[0];
    uint16_t duration = (uint16_t)(payload[2] << 8 | payload[3]);
    if (code >= KEYS) return 0;  /* flash, fax and line events: not keys */
    if (d->last_rtp >= 0) {
        if (rtp_extended == d->last_rtp) {
            if (duration > d->duration) d->duration = duration;
            return 0;
        }
        if (rtp_extended < d->last_rtp && d->last_rtp - rtp_extended <= REORDER_WINDOW) return 0;
    }
    bool same_key = d->last_rtp >= 0 && continues_segment(d, code, rtp_extended);
    *d = (ms_dtmf_receiver){.last_rtp = rtp_extended, .last_code = code, .reported = 1, .duration = duration};
    if (same_key) return 0;
    *key = code;
    return 1;
}
