#include "ms_rtcp.h"

#include <string.h>

#define VERSION 2
#define PART_HEADER 4
#define SENDER_INFO 20
#define BLOCK 24
#define NTP_EPOCH_S 2208988800ULL /* from 1900 to 1970 */
#define CNAME_ITEM 1              /* RFC 3550 6.5.1 */

enum part { SENDER_REPORT = 200, RECEIVER_REPORT = 201, DESCRIPTION = 202, BYE = 203 };

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint8_t *put32(uint8_t *at, uint32_t value) {
    for (int i = 3; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
    return at + 4;
}

uint64_t ms_rtcp_ntp(int64_t unix_ns) {
    uint64_t s = (uint64_t)(unix_ns / MS_NS_PER_S), rest = (uint64_t)(unix_ns % MS_NS_PER_S);
    return (s + NTP_EPOCH_S) << 32 | (rest << 32) / MS_NS_PER_S;
}

bool ms_rtcp_is_rtcp(const uint8_t *packet, size_t n) {
    return n >= 2 * PART_HEADER && packet[0] >> 6 == VERSION && packet[1] >= 192 && packet[1] <= 223;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static void read_sender(const uint8_t *at, ms_rtcp_sender *out) {
    out->ntp = (uint64_t)get32(at) << 32 | get32(at + 4);
    out->rtp = get32(at + 8);
    out->packets = get32(at + 12);
    out->octets = get32(at + 16);
}

static void read_block(const uint8_t *at, ms_rtcp_block *out) {
    uint32_t loss = get32(at + 4);
    out->ssrc = get32(at);
    out->fraction_lost = (uint8_t)(loss >> 24);
    out->cumulative_lost = (int32_t)(loss << 8) >> 8;
    out->highest = get32(at + 8);
    out->jitter = get32(at + 12);
    out->last_report = get32(at + 16);
    out->since_last_report = get32(at + 20);
}

/* `at` is behind the part's header; profile extensions may follow the blocks. False: too short for what it announces. */
static bool read_report(const uint8_t *at, size_t n, uint8_t count, bool sender, uint32_t about,
                        ms_rtcp_compound *out) {
    size_t info = sender ? SENDER_INFO : 0;
    if (n < 4 + info + (size_t)count * BLOCK) return false;
    out->ssrc = get32(at);
    out->has_report = true;
    if (sender) read_sender(at + 4, &out->sender);
    out->has_sender |= sender;
    for (int i = 0; i < count; i++) {
        const uint8_t *block = at + 4 + info + i * BLOCK;
        if (get32(block) != about) continue;
        read_block(block, &out->block);
        out->has_block = true;
    }
    return true;
}

/* Chunks of an SSRC and items, each ended by a zero and padded to four octets. */
static bool description_holds(const uint8_t *at, size_t n, uint8_t count) {
    size_t i = 0;
    for (; count > 0; count--) {
        if (n - i < 4) return false;
        for (i += 4; i < n && at[i] != 0; i += 2u + at[i + 1])
            if (i + 2 > n || i + 2u + at[i + 1] > n) return false;
        if (i >= n) return false;
        i = (i + 4) & ~(size_t)3;
        if (i > n) return false;
    }
    return true;
}

static bool read_part(const uint8_t *at, size_t n, uint8_t count, uint8_t type, uint32_t about, ms_rtcp_compound *out) {
    switch (type) {
    case SENDER_REPORT: return read_report(at, n, count, true, about, out);
    case RECEIVER_REPORT: return read_report(at, n, count, false, about, out);
    case DESCRIPTION: return description_holds(at, n, count);
    case BYE:
        if (n < 4u * count) return false;
        if (count > 0 && !out->has_report) out->ssrc = get32(at);
        out->bye |= count > 0;
        return true;
    default: return true;
    }
}

int ms_rtcp_parse(const uint8_t *packet, size_t n, uint32_t about, ms_rtcp_compound *out) {
    memset(out, 0, sizeof *out);
    if (!ms_rtcp_is_rtcp(packet, n) || n % 4 != 0) return MS_E_ARGUMENT;
    for (size_t at = 0; at < n;) {
        const uint8_t *part = packet + at;
        if (n - at < PART_HEADER || part[0] >> 6 != VERSION) return MS_E_ARGUMENT;
        size_t octets = 4 * ((size_t)(part[2] << 8 | part[3]) + 1);
        bool padded = part[0] & 0x20;
        if (octets > n - at || (padded && at + octets != n)) return MS_E_ARGUMENT; /* only the last is padded */
        size_t padding = padded ? packet[n - 1] : 0;
        if (padded && (padding == 0 || padding % 4 != 0 || padding > octets - PART_HEADER)) return MS_E_ARGUMENT;
        if (!read_part(part + PART_HEADER, octets - PART_HEADER - padding, part[0] & 0x1F, part[1], about, out))
            return MS_E_ARGUMENT;
        at += octets;
    }
    return MS_OK;
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

static uint8_t *write_header(uint8_t *at, uint8_t count, enum part type, size_t octets) {
    return put32(at, (uint32_t)VERSION << 30 | (uint32_t)count << 24 | (uint32_t)type << 16 | (uint32_t)(octets / 4 - 1));
}

static uint8_t *write_block(uint8_t *at, const ms_rtcp_block *block) {
    at = put32(at, block->ssrc);
    at = put32(at, (uint32_t)block->fraction_lost << 24 | ((uint32_t)block->cumulative_lost & 0xFFFFFF));
    at = put32(at, block->highest);
    at = put32(at, block->jitter);
    at = put32(at, block->last_report);
    return put32(at, block->since_last_report);
}

static uint8_t *write_report(uint8_t *at, const ms_rtcp_compound *c) {
    size_t octets = PART_HEADER + 4 + (c->has_sender ? SENDER_INFO : 0) + (c->has_block ? BLOCK : 0);
    at = write_header(at, c->has_block, c->has_sender ? SENDER_REPORT : RECEIVER_REPORT, octets);
    at = put32(at, c->ssrc);
    if (c->has_sender) {
        at = put32(at, (uint32_t)(c->sender.ntp >> 32));
        at = put32(at, (uint32_t)c->sender.ntp);
        at = put32(at, c->sender.rtp);
        at = put32(at, c->sender.packets);
        at = put32(at, c->sender.octets);
    }
    return c->has_block ? write_block(at, &c->block) : at;
}

/* One chunk, one item: 4 octets of SSRC, 2 of item, the name, and 2 zeros that end the list and fill the word. */
static uint8_t *write_description(uint8_t *at, uint32_t ssrc, const char *cname) {
    at = write_header(at, 1, DESCRIPTION, PART_HEADER + 4 + 2 + MS_RTCP_CNAME + 2);
    at = put32(at, ssrc);
    at[0] = CNAME_ITEM;
    at[1] = MS_RTCP_CNAME;
    memcpy(at + 2, cname, MS_RTCP_CNAME);
    memset(at + 2 + MS_RTCP_CNAME, 0, 2);
    return at + 4 + MS_RTCP_CNAME;
}

int ms_rtcp_write(const ms_rtcp_compound *compound, const char cname[MS_RTCP_CNAME], uint8_t *out, size_t capacity) {
    if (capacity < MS_RTCP_MAX_OURS) return MS_E_FULL;
    uint8_t *at = write_description(write_report(out, compound), compound->ssrc, cname);
    if (compound->bye) at = put32(write_header(at, 1, BYE, PART_HEADER + 4), compound->ssrc);
    return (int)(at - out);
}
