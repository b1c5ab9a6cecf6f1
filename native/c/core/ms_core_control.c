/* RTCP beside the stream, and how good the call sounds.
 *
 * Reports are believed from the address of the peer only; with SRTP, from whoever has the keys. Where RTCP has a port
 * of its own ours go to where theirs come from, as with sound (RFC 4961).
 *
 * Whoever describes his silence (RFC 3389) or leaves it out may send no sound for minutes. So a report that says that
 * nothing was sent counts as a sign of life; one that says that more was sent, of which nothing came, does not.
 *
 * The rating looks at what was lost about once a second, smoothed over eight, so that one bad second shows and is
 * forgotten; it needs no reports, and uses their round trip where there is one. */
#include "ms_core_state.h"

#include <string.h>

#define RATED_EVERY_NS MS_NS_PER_S
#define SMOOTHING 0.125f
#define FAR_END_MS 40 /* a frame and a small jitter buffer, where only the network's share of the delay is known */

void ms_core_control_init(ms_core *core, uint64_t seed) {
    ms_rtcp_reporter_init(&core->control.reporter, core->config.ssrc, core->coders.clock_hz, core->config.unix_offset_ns,
                          seed);
}

void ms_core_control_restart(ms_core *core) {
    ms_rtcp_reporter_restart(&core->control.reporter);
    core->control.received = 0;
}

/* ---- reports in -------------------------------------------------------------------------------------------------- */

static bool is_peers_address(const ms_core *core, const ms_address *from) {
    const ms_address *peer = core->locked ? &core->heard_from : &core->remote;
    return from->family == peer->family && memcmp(from->ip, peer->ip, sizeof from->ip) == 0;
}

void ms_core_hear_report(ms_core *core, const uint8_t *data, size_t n, const ms_address *from) {
    ms_control *control = &core->control;
    if (core->config.rtcp == MS_RTCP_OFF) {
        core->statistics.malformed++; /* whoever was told that there is no RTCP sent no RTP either */
    } else if (!core->secure.now && !is_peers_address(core, from)) {
        core->statistics.foreign++;
    } else if (ms_rtcp_reporter_receive(&control->reporter, data, n, core->playout.now_ns, &core->source) != MS_OK) {
        core->statistics.malformed++;
    } else {
        core->statistics.reports_received++;
        if (core->config.rtcp == MS_RTCP_PORT) control->heard_from = *from;
        if (control->reporter.is_silent && !core->timed_out) core->last_packet_ns = core->playout.now_ns;
        if (control->reporter.has_theirs)
            ms_coders_expect_loss(&core->coders, control->reporter.theirs.fraction_lost * 100 / 256);
    }
}

/* ---- reports out ------------------------------------------------------------------------------------------------- */

static ms_address reports_go_to(const ms_core *core) {
    ms_address to = core->remote;
    if (core->config.rtcp == MS_RTCP_MUX) return to;
    if (core->control.heard_from.family != 0) return core->control.heard_from;
    if (core->config.rtcp_remote.family != 0 && ms_address_equal(&core->remote, &core->config.remote))
        return core->config.rtcp_remote;
    to.port++;
    return to;
}

/* `timestamp`: what the stream's clock shows at `now_ns`. */
static int write_report(ms_core *core, int64_t now_ns, uint32_t timestamp, bool bye, ms_packet *out) {
    ms_control *control = &core->control;
    uint64_t sent = core->statistics.packets_sent;
    ms_rtcp_saying saying = {
        .timestamp = timestamp, .packets = (uint32_t)sent,
        .octets = (uint32_t)(core->statistics.octets_sent - sent * MS_RTP_HEADER),
        .talks = sent != control->reported_packets,
    };
    int n = ms_rtcp_reporter_write(&control->reporter, now_ns, &saying, &core->source, bye, out->data,
                                   sizeof out->data);
    control->reported_packets = sent;
    out->n = (uint16_t)n;
    out->to = reports_go_to(core);
    out->channel = MS_CHANNEL_RTCP;
    core->statistics.reports_sent++;
    return 1;
}

int ms_farewell(ms_core *core, int64_t now_ns, ms_packet *out) {
    ms_core_enter(core, now_ns);
    if (core->config.rtcp == MS_RTCP_OFF || core->remote.family == 0 || core->statistics.packets_sent == 0) return 0;
    write_report(core, now_ns, core->timestamp, true, out); /* RFC 3550 6.6: who never sent says no goodbye */
    return ms_core_protect(core, out);
}

/* ---- the rating -------------------------------------------------------------------------------------------------- */

/* Takes in what was lost since the last look; false: there was nothing to hear. */
static bool look_at_loss(ms_core *core) {
    ms_control *control = &core->control;
    uint64_t lost = core->statistics.lost - control->lost, runs = core->loss_runs - control->loss_runs;
    uint32_t received = core->source.received - control->received;
    control->lost = core->statistics.lost;
    control->loss_runs = core->loss_runs;
    control->received = core->source.received;
    if (!core->source.known || received + lost == 0) return false;
    float loss = (float)lost / (float)(received + lost);
    control->loss = control->has_rating ? control->loss + SMOOTHING * (loss - control->loss) : loss;
    if (runs > 0) control->run += ((float)lost / (float)runs - control->run) * (control->run > 0 ? SMOOTHING : 1);
    control->has_rating = true;
    return true;
}

static uint8_t emodel_codec(uint8_t codec) {
    switch (codec) {
    case MS_G722: return MS_EMODEL_G722;
    case MS_L16: return MS_EMODEL_L16;
    case MS_OPUS: return MS_EMODEL_OPUS;
    default: return MS_EMODEL_G711;
    }
}

static ms_emodel_rating rating(const ms_core *core) {
    const ms_control *control = &core->control;
    int64_t round_trip_ns = control->reporter.round_trip_ns;
    ms_emodel_call call = {
        .codec = emodel_codec(core->coders.saying->codec.codec),
        .loss = control->loss,
        .burst_ratio = control->run * (1 - control->loss), /* random losses come 1 / (1 - loss) in a row */
        .one_way_ms = round_trip_ns < 0 ? core->config.far_delay_ms
                                        : (float)round_trip_ns / (2 * MS_NS_PER_MS) + FAR_END_MS,
    };
    return ms_emodel_rate(&call);
}

static void rate(ms_core *core) {
    ms_control *control = &core->control;
    if (core->playout.now_ns - control->rated_ns < RATED_EVERY_NS) return;
    control->rated_ns = core->playout.now_ns;
    if (look_at_loss(core)) control->rating = rating(core);
}

/* ---- the tick ---------------------------------------------------------------------------------------------------- */

int ms_core_report(ms_core *core, int64_t due_ns, ms_packet *out) {
    int64_t now_ns = core->playout.now_ns;
    rate(core);
    if (core->config.rtcp == MS_RTCP_OFF || core->remote.family == 0) return 0;
    if (!ms_rtcp_reporter_is_due(&core->control.reporter, now_ns)) return 0;
    int64_t late_ticks = (now_ns - due_ns) * core->coders.clock_hz / MS_NS_PER_S;
    return write_report(core, now_ns, core->timestamp + (uint32_t)late_ticks, false, out);
}

void ms_core_control_statistics(const ms_core *core, ms_core_statistics *out) {
    const ms_rtcp_reporter *reporter = &core->control.reporter;
    if (reporter->round_trip_ns >= 0) out->rtt_us = (uint32_t)(reporter->round_trip_ns / 1000);
    if (reporter->has_theirs) {
        out->remote_loss = (float)reporter->theirs.fraction_lost / 256;
        out->remote_jitter_us = (uint32_t)((uint64_t)reporter->theirs.jitter * 1000000 / (uint32_t)core->coders.clock_hz);
    }
    out->peer_bye = reporter->bye;
    out->mos_listening = core->control.rating.listening_mos;
    out->mos_conversational = core->control.rating.conversational_mos;
}
