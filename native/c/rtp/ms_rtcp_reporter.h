/* One stream's part in RTCP: when to report, what to say, and what the other side's reports mean.
 *
 * Time is an argument. Reports go out every 5 s on average, spread over half to one and a half of that so that many
 * streams do not fall into step (RFC 3550 6.3.1; a call of two never needs longer), the first after half the time.
 *
 * Round trip (6.4.1): when their report about us comes, now less the time of our report that it answers (LSR), less
 * what it lay there (DLSR). All in compact NTP, so it is exact to 15 us and has 18 hours before it repeats. An answer
 * to a report we never sent, or one that would be older than MS_RTCP_MAX_ROUND_TRIP, is a lie or an error: no figure.
 *
 * What the others report is taken for what it is, a claim: used for figures, never for decisions of safety. */
#ifndef MS_RTCP_REPORTER_H
#define MS_RTCP_REPORTER_H

#include "ms_rtcp.h"
#include "ms_rtp.h"

#define MS_RTCP_INTERVAL_NS (5 * MS_NS_PER_S)
#define MS_RTCP_MAX_ROUND_TRIP_NS (10 * MS_NS_PER_S)

typedef struct ms_rtcp_reporter {
    uint32_t ssrc;
    int32_t clock_hz;
    int64_t unix_offset_ns;       /* from our clock to 1970 */
    uint64_t dice;
    char cname[MS_RTCP_CNAME];
    int64_t next_ns;              /* of our next report; -1: not begun */
    /* their stream, as of our last report */
    uint32_t expected_before, received_before;
    /* their last sender report */
    uint32_t their_report;        /* compact; 0: none */
    int64_t their_report_ns;      /* when it came */
    uint32_t their_packets;       /* that they had sent by then */
    uint32_t first_report;        /* compact, of our first sender report; 0: none yet */
    /* what they told us */
    int64_t round_trip_ns;        /* -1: not known */
    ms_rtcp_block theirs;         /* about our stream */
    bool has_theirs, bye;
    bool is_silent;               /* their last report says that they have sent nothing since the one before */
    uint64_t sent, received, malformed;
} ms_rtcp_reporter;

typedef struct ms_rtcp_saying {   /* our own stream, now */
    uint32_t timestamp;           /* what its clock shows */
    uint32_t packets, octets;     /* of payload; no packets since the last report: no sender */
    bool talks;
} ms_rtcp_saying;

void ms_rtcp_reporter_init(ms_rtcp_reporter *r, uint32_t ssrc, int32_t clock_hz, int64_t unix_offset_ns, uint64_t seed);
/* Their stream is another from now on: what was counted of it is forgotten. */
void ms_rtcp_reporter_restart(ms_rtcp_reporter *r);
/* Whether a report is due; the first call starts the clock. */
bool ms_rtcp_reporter_is_due(ms_rtcp_reporter *r, int64_t now_ns);
/* Writes a report and plans the next; returns octets or MS_E_FULL. `heard` may be unknown. */
int ms_rtcp_reporter_write(ms_rtcp_reporter *r, int64_t now_ns, const ms_rtcp_saying *saying,
                           const ms_rtp_source *heard, bool bye, uint8_t *out, size_t capacity);
/* MS_OK, or MS_E_ARGUMENT: malformed, dropped and counted. `heard`: whose BYE is meant. */
int ms_rtcp_reporter_receive(ms_rtcp_reporter *r, const uint8_t *packet, size_t n, int64_t now_ns,
                             const ms_rtp_source *heard);

#endif
