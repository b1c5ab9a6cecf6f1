/* RTP (RFC 3550): what a packet says, which packets belong to a source, and how regularly they come. */
#ifndef MS_RTP_H
#define MS_RTP_H

#include "ms_types.h"

#define MS_RTP_HEADER 12
#define MS_RTP_SEQUENTIAL 2     /* packets in order before a changed source or a far jump is believed (A.1) */
#define MS_RTP_MAX_DROPOUT 3000 /* sequence numbers a source may leap ahead (A.1) */
#define MS_RTP_MAX_MISORDER 100 /* and how far a packet may be behind (A.1) */

typedef struct ms_rtp_packet {
    const uint8_t *payload;
    uint32_t timestamp, ssrc;
    uint16_t n; /* octets of payload, padding taken off */
    uint16_t sequence;
    uint8_t payload_type;
    bool marker;
} ms_rtp_packet;

/* MS_OK, or MS_E_ARGUMENT when it is no RTP packet; RTCP that strayed here is none (RFC 5761, 4). */
int ms_rtp_parse(const uint8_t *data, size_t n, ms_rtp_packet *out);
/* Octets before the payload, CSRCs and extension among them; 0: it is no RTP header, or does not fit into `n`. */
size_t ms_rtp_header_octets(const uint8_t *data, size_t n);
/* Writes MS_RTP_HEADER octets. */
void ms_rtp_write_header(uint8_t *out, const ms_rtp_packet *packet);

enum ms_rtp_verdict {
    MS_RTP_ACCEPTED = 0,
    MS_RTP_RESTARTED = 1,  /* accepted, and it begins anew: other SSRC, or a jump that a second packet confirmed */
    MS_RTP_STRANGER = 2,   /* another SSRC that no second packet has confirmed yet: drop */
    MS_RTP_STRAY = 3       /* far outside the sequence, unconfirmed: drop */
};

typedef struct ms_rtp_source {
    int64_t highest;          /* extended sequence number */
    int64_t first;            /* and that of the first packet */
    uint32_t received;        /* packets accepted, duplicates among them (RFC 3550 6.4.1) */
    uint32_t ssrc;
    uint32_t candidate_ssrc;  /* of a change or a jump that waits for its confirmation */
    uint16_t candidate_sequence;
    bool known, candidate;
    bool timed;               /* transit and last_timestamp are set */
    uint32_t last_timestamp;
    uint32_t transit;         /* RFC 3550 6.4.1: arrival less time stamp, in its clock, modulo 2^32 */
    uint32_t jitter_q4;       /* in sixteenths of a clock tick */
} ms_rtp_source;

void ms_rtp_source_init(ms_rtp_source *source);
/* Places a packet: its extended sequence number comes back when it is accepted. */
enum ms_rtp_verdict ms_rtp_source_accept(ms_rtp_source *source, const ms_rtp_packet *packet, int64_t *extended);
/* Interarrival jitter, RFC 3550 A.8; packets that repeat a time stamp say nothing about it. */
void ms_rtp_source_timing(ms_rtp_source *source, uint32_t timestamp, int64_t received_ns, int32_t rate_hz);
/* Whether the packet is what the source would have sent next or soon after: its SSRC, ahead in its sequence, and a time
 * stamp within a second of its clock. Who has never seen the stream cannot guess these. */
bool ms_rtp_source_goes_on(const ms_rtp_source *source, const ms_rtp_packet *packet, int64_t received_ns,
                           int32_t rate_hz);
uint32_t ms_rtp_source_jitter_us(const ms_rtp_source *source, int32_t rate_hz);

#endif
