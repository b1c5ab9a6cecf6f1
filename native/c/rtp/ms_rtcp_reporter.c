#include "ms_rtcp_reporter.h"

#include <string.h>

static uint32_t roll(ms_rtcp_reporter *r) {
    r->dice = r->dice * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(r->dice >> 32);
}

/* RFC 7022 4.2: short-term persistent, and says nothing about who we are. */
static void name(ms_rtcp_reporter *r) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < MS_RTCP_CNAME; i++) r->cname[i] = letters[roll(r) >> 26];
}

void ms_rtcp_reporter_init(ms_rtcp_reporter *r, uint32_t ssrc, int32_t clock_hz, int64_t unix_offset_ns,
                           uint64_t seed) {
    memset(r, 0, sizeof *r);
    r->ssrc = ssrc;
    r->clock_hz = clock_hz;
    r->unix_offset_ns = unix_offset_ns;
    r->dice = seed;
    r->next_ns = r->round_trip_ns = -1;
    name(r);
}

void ms_rtcp_reporter_restart(ms_rtcp_reporter *r) {
    r->expected_before = r->received_before = 0;
    r->their_report = r->their_packets = 0;
    r->bye = r->is_silent = false;
}

/* ---- when -------------------------------------------------------------------------------------------------------- */

static int64_t interval_ns(ms_rtcp_reporter *r) {
    return MS_RTCP_INTERVAL_NS / 2 + (int64_t)((MS_RTCP_INTERVAL_NS >> 8) * (int64_t)(roll(r) >> 8) >> 16);
}

bool ms_rtcp_reporter_is_due(ms_rtcp_reporter *r, int64_t now_ns) {
    if (r->next_ns < 0) r->next_ns = now_ns + interval_ns(r) / 2; /* 6.2: half of it for the first */
    return now_ns >= r->next_ns;
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

static uint32_t compact_now(const ms_rtcp_reporter *r, int64_t now_ns) {
    return ms_rtcp_compact(ms_rtcp_ntp(now_ns + r->unix_offset_ns));
}

static int32_t clipped24(int64_t value) {
    return (int32_t)(value > 0x7FFFFF ? 0x7FFFFF : value < -0x800000 ? -0x800000 : value);
}

/* In 256ths; all of it is 255, for there is no 256. Duplicates may make more arrive than was expected: nothing lost. */
static uint8_t fraction(int64_t lost, int64_t expected) {
    if (expected <= 0 || lost <= 0) return 0;
    int64_t share = lost * 256 / expected;
    return (uint8_t)(share > 255 ? 255 : share);
}

/* Of a second. 2^16 / 10^9 is 2^7 / 5^9: so it does not overflow for two years. */
static uint32_t in_65536ths(int64_t ns) { return (uint32_t)(ns * 128 / 1953125); }

/* RFC 3550 A.3; the cycles of `highest` count from the source's own first. */
static ms_rtcp_block block_of(ms_rtcp_reporter *r, const ms_rtp_source *heard, int64_t now_ns) {
    uint32_t expected = (uint32_t)(heard->highest - heard->first + 1);
    int64_t expected_now = (int64_t)expected - r->expected_before;
    int64_t lost_now = expected_now - ((int64_t)heard->received - r->received_before);
    r->expected_before = expected;
    r->received_before = heard->received;
    ms_rtcp_block block = {
        .ssrc = heard->ssrc,
        .fraction_lost = fraction(lost_now, expected_now),
        .cumulative_lost = clipped24((int64_t)expected - heard->received),
        .highest = (uint32_t)(heard->highest - (heard->first & ~0xFFFFLL)),
        .jitter = heard->jitter_q4 >> 4,
        .last_report = r->their_report,
    };
    if (r->their_report) block.since_last_report = in_65536ths(now_ns - r->their_report_ns);
    return block;
}

int ms_rtcp_reporter_write(ms_rtcp_reporter *r, int64_t now_ns, const ms_rtcp_saying *saying,
                           const ms_rtp_source *heard, bool bye, uint8_t *out, size_t capacity) {
    if (capacity < MS_RTCP_MAX_OURS) return MS_E_FULL;
    ms_rtcp_compound compound = {.ssrc = r->ssrc, .has_sender = saying->talks, .has_block = heard->known, .bye = bye};
    compound.sender = (ms_rtcp_sender){
        .ntp = ms_rtcp_ntp(now_ns + r->unix_offset_ns), .rtp = saying->timestamp,
        .packets = saying->packets, .octets = saying->octets,
    };
    if (heard->known) compound.block = block_of(r, heard, now_ns);
    if (saying->talks && r->first_report == 0) r->first_report = compact_now(r, now_ns) | 1;
    r->next_ns = now_ns + interval_ns(r);
    r->sent++;
    return ms_rtcp_write(&compound, r->cname, out, capacity);
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static void learn_round_trip(ms_rtcp_reporter *r, int64_t now_ns) {
    const ms_rtcp_block *b = &r->theirs;
    if (b->last_report == 0 || r->first_report == 0) return;
    if ((int32_t)(b->last_report - r->first_report) < -1) return; /* older than anything we sent */
    int32_t compact = (int32_t)(compact_now(r, now_ns) - b->last_report - b->since_last_report);
    int64_t ns = (int64_t)compact * MS_NS_PER_S / 65536;
    if (ns > MS_RTCP_MAX_ROUND_TRIP_NS || ns < -MS_NS_PER_MS) return;
    r->round_trip_ns = ns < 0 ? 0 : ns; /* their clock's grain can make a short one negative */
}

int ms_rtcp_reporter_receive(ms_rtcp_reporter *r, const uint8_t *packet, size_t n, int64_t now_ns,
                             const ms_rtp_source *heard) {
    ms_rtcp_compound compound;
    if (ms_rtcp_parse(packet, n, r->ssrc, &compound) != MS_OK) {
        r->malformed++;
        return MS_E_ARGUMENT;
    }
    r->received++;
    r->is_silent = compound.has_report && !compound.bye && heard->known && compound.ssrc == heard->ssrc &&
                   (!compound.has_sender || compound.sender.packets == r->their_packets);
    if (compound.has_sender) {
        r->their_packets = compound.sender.packets;
        r->their_report = ms_rtcp_compact(compound.sender.ntp);
        r->their_report_ns = now_ns;
    }
    if (compound.has_block) {
        r->theirs = compound.block;
        r->has_theirs = true;
        learn_round_trip(r, now_ns);
    }
    if (compound.bye && (!heard->known || compound.ssrc == heard->ssrc)) r->bye = true;
    return MS_OK;
}
