#include "ms_rtp.h"

#include <string.h>

#define RTP_VERSION 2
#define RTCP_FIRST 72 /* RTCP types 200-204 seen through the marker bit */
#define RTCP_LAST 76

static uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

/* RFC 3550 5.1: up to 15 CSRCs, then at most one extension of 16-bit length. */
size_t ms_rtp_header_octets(const uint8_t *data, size_t n) {
    if (n < MS_RTP_HEADER || n > UINT16_MAX || data[0] >> 6 != RTP_VERSION) return 0;
    size_t octets = MS_RTP_HEADER + 4u * (data[0] & 0x0F);
    if (data[0] & 0x10) {
        if (octets + 4 > n) return 0;
        octets += 4 + 4u * get16(data + octets + 2);
    }
    return octets <= n ? octets : 0;
}

int ms_rtp_parse(const uint8_t *data, size_t n, ms_rtp_packet *out) {
    size_t header = ms_rtp_header_octets(data, n);
    if (header == 0) return MS_E_ARGUMENT;
    uint8_t payload_type = data[1] & 0x7F;
    if (payload_type >= RTCP_FIRST && payload_type <= RTCP_LAST) return MS_E_ARGUMENT;
    size_t padding = data[0] & 0x20 ? data[n - 1] : 0;
    if (data[0] & 0x20 && (padding == 0 || padding > n - header)) return MS_E_ARGUMENT;
    *out = (ms_rtp_packet){
        .payload = data + header,
        .n = (uint16_t)(n - header - padding),
        .payload_type = payload_type,
        .marker = data[1] >> 7,
        .sequence = get16(data + 2),
        .timestamp = get32(data + 4),
        .ssrc = get32(data + 8),
    };
    return MS_OK;
}

void ms_rtp_write_header(uint8_t *out, const ms_rtp_packet *packet) {
    out[0] = RTP_VERSION << 6;
    out[1] = (uint8_t)(packet->marker << 7 | packet->payload_type);
    put16(out + 2, packet->sequence);
    put32(out + 4, packet->timestamp);
    put32(out + 8, packet->ssrc);
}

void ms_rtp_source_init(ms_rtp_source *source) { memset(source, 0, sizeof *source); }

/* A.1 asks for MS_RTP_SEQUENTIAL packets in order; with two, one remembered number is the whole probation. */
static bool confirmed(ms_rtp_source *source, const ms_rtp_packet *packet) {
    bool follows = source->candidate && source->candidate_ssrc == packet->ssrc &&
                   (uint16_t)(source->candidate_sequence + 1) == packet->sequence;
    source->candidate = !follows;
    source->candidate_ssrc = packet->ssrc;
    source->candidate_sequence = packet->sequence;
    return follows;
}

/* The extended number goes on from where the old source was, into the next cycle: it only ever grows. */
static int64_t restart(ms_rtp_source *source, const ms_rtp_packet *packet) {
    int64_t cycle = source->known ? (source->highest | 0xFFFF) + 1 : 0x10000;
    source->known = true;
    source->candidate = source->timed = false;
    source->jitter_q4 = 0;
    source->ssrc = packet->ssrc;
    source->highest = source->first = cycle | packet->sequence;
    source->received = 1;
    return source->highest;
}

enum ms_rtp_verdict ms_rtp_source_accept(ms_rtp_source *source, const ms_rtp_packet *packet, int64_t *extended) {
    if (!source->known || packet->ssrc != source->ssrc) {
        /* the very first packet is taken at its word: waiting for a second would cost 20 ms of every call */
        if (source->known && !confirmed(source, packet)) return MS_RTP_STRANGER;
        *extended = restart(source, packet);
        return MS_RTP_RESTARTED;
    }
    int16_t ahead = (int16_t)(packet->sequence - (uint16_t)source->highest);
    if (ahead > MS_RTP_MAX_DROPOUT || ahead < -MS_RTP_MAX_MISORDER) {
        if (!confirmed(source, packet)) return MS_RTP_STRAY;
        *extended = restart(source, packet);
        return MS_RTP_RESTARTED;
    }
    source->candidate = false;
    source->received++;
    *extended = source->highest + ahead;
    if (ahead > 0) source->highest = *extended;
    return MS_RTP_ACCEPTED;
}

/* RFC 3550 6.4.1, modulo 2^32. */
static uint32_t transit_of(uint32_t timestamp, int64_t received_ns, int32_t rate_hz) {
    int64_t whole_s = received_ns / MS_NS_PER_S, rest_ns = received_ns % MS_NS_PER_S;
    return (uint32_t)(whole_s * rate_hz + rest_ns * rate_hz / MS_NS_PER_S) - timestamp;
}

static uint32_t distance(uint32_t a, uint32_t b) {
    int32_t change = (int32_t)(a - b);
    return change < 0 ? 0u - (uint32_t)change : (uint32_t)change;
}

bool ms_rtp_source_goes_on(const ms_rtp_source *source, const ms_rtp_packet *packet, int64_t received_ns,
                           int32_t rate_hz) {
    if (!source->known || !source->timed || packet->ssrc != source->ssrc) return false;
    int16_t ahead = (int16_t)(packet->sequence - (uint16_t)source->highest);
    if (ahead <= 0 || ahead > MS_RTP_MAX_DROPOUT) return false;
    return distance(transit_of(packet->timestamp, received_ns, rate_hz), source->transit) < (uint32_t)rate_hz;
}

void ms_rtp_source_timing(ms_rtp_source *source, uint32_t timestamp, int64_t received_ns, int32_t rate_hz) {
    if (source->timed && timestamp == source->last_timestamp) return;
    uint32_t transit = transit_of(timestamp, received_ns, rate_hz);
    if (source->timed) {
        uint32_t size = distance(transit, source->transit);
        /* more than a second is a jump of the clock, not jitter */
        if (size < (uint32_t)rate_hz) source->jitter_q4 += size - ((source->jitter_q4 + 8) >> 4);
    }
    source->timed = true;
    source->transit = transit;
    source->last_timestamp = timestamp;
}

uint32_t ms_rtp_source_jitter_us(const ms_rtp_source *source, int32_t rate_hz) {
    return (uint32_t)((uint64_t)source->jitter_q4 * 1000000 / 16 / (uint32_t)rate_hz);
}
