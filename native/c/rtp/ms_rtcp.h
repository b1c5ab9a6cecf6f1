/* RTCP (RFC 3550 6): what the two ends tell each other about a stream. Pure: text in, text out.
 *
 * A compound packet is believed whole or not at all: every part must keep to its length, or the whole is malformed.
 * Parts that are none of our business (APP, feedback, extended reports) are only stepped over. A compound that does
 * not begin with a report is in order (reduced size, RFC 5506).
 *
 * NTP stamps count 2^-32 s since 1900; the middle 32 bits of one, "compact", are what reports send back. */
#ifndef MS_RTCP_H
#define MS_RTCP_H

#include "ms_types.h"

#define MS_RTCP_CNAME 24          /* octets of the name we give ourselves */
#define MS_RTCP_MAX_OURS 128      /* octets of the longest compound that we write */

typedef struct ms_rtcp_block {    /* a receiver's view of one source, RFC 3550 6.4.1 */
    uint32_t ssrc;
    uint8_t fraction_lost;        /* since the last report, in 256ths */
    int32_t cumulative_lost;      /* 24 bits; duplicates can make it negative */
    uint32_t highest;             /* sequence number with its cycles */
    uint32_t jitter;              /* in ticks of the RTP clock */
    uint32_t last_report;         /* compact NTP of the last sender report that came, 0: none */
    uint32_t since_last_report;   /* in 2^-16 s */
} ms_rtcp_block;

typedef struct ms_rtcp_sender {
    uint64_t ntp;
    uint32_t rtp;                 /* the same instant on the stream's own clock */
    uint32_t packets, octets;     /* of payload */
} ms_rtcp_sender;

typedef struct ms_rtcp_compound { /* to write, or what was found */
    uint32_t ssrc;                /* whose report it is */
    bool has_report, has_sender, has_block, bye;
    ms_rtcp_sender sender;
    ms_rtcp_block block;          /* when parsed: the one about the source that was asked for */
} ms_rtcp_compound;

/* RFC 5761 4: which of the two a packet on a shared port is. */
bool ms_rtcp_is_rtcp(const uint8_t *packet, size_t n);
/* MS_OK or MS_E_ARGUMENT: malformed. `about`: the source whose report block is wanted. */
int ms_rtcp_parse(const uint8_t *packet, size_t n, uint32_t about, ms_rtcp_compound *out);
/* A report, CNAME and, if asked, BYE; returns octets, or MS_E_FULL: no room for MS_RTCP_MAX_OURS. */
int ms_rtcp_write(const ms_rtcp_compound *compound, const char cname[MS_RTCP_CNAME], uint8_t *out, size_t capacity);

/* Nanoseconds since 1970 as an NTP stamp; only its fractions count when our clock is not set. */
uint64_t ms_rtcp_ntp(int64_t unix_ns);
static inline uint32_t ms_rtcp_compact(uint64_t ntp) { return (uint32_t)(ntp >> 16); }

#endif
