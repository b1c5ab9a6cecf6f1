/* Packets in: is it RTP, is it from whom we listen to, whose turn is it, what is it. */
#include "ms_core_state.h"

#include <string.h>

#define COMFORT_NOISE 13          /* RFC 3389, understood whether or not it was agreed on */
#define KEY_MARGIN_MS 40          /* a key is taken to sound on while its next report may be on the way */
#define TELEPHONE_EVENT_OCTETS 4  /* RFC 4733 2.3 */
#define END_BIT 0x80
#define MOVED_AFTER_NS MS_NS_PER_S /* of silence where we listen, before the same stream is believed from elsewhere */

enum kind { KIND_UNKNOWN, KIND_CODEC, KIND_KEY, KIND_COMFORT };

bool ms_address_equal(const ms_address *a, const ms_address *b) {
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool is_comfort(const ms_core *core, uint8_t payload_type) {
    return payload_type == COMFORT_NOISE ||
           (payload_type == core->config.comfort_noise_type && payload_type != 0);
}

static enum kind kind_of(ms_core *core, uint8_t payload_type) {
    if (ms_coders_find(&core->coders, payload_type)) return KIND_CODEC;
    if (payload_type == core->config.telephone_event_type && payload_type != 0) return KIND_KEY;
    return is_comfort(core, payload_type) ? KIND_COMFORT : KIND_UNKNOWN;
}

static bool payload_fits(ms_core *core, enum kind kind, const ms_rtp_packet *packet) {
    if (kind == KIND_KEY) return packet->n >= TELEPHONE_EVENT_OCTETS;
    if (kind != KIND_CODEC) return true;
    const ms_coder *coder = ms_coders_find(&core->coders, packet->payload_type);
    return packet->n <= core->reorder.octets && ms_coder_samples(coder, packet->payload, packet->n) > 0;
}

void ms_core_forget_source(ms_core *core) {
    core->locked = false;
    ms_rtp_source_init(&core->source);
    ms_reorder_restart(&core->reorder, 0);
    ms_dtmf_init(&core->dtmf, core->coders.clock_hz);
    ms_ears_restart(&core->ears);
    ms_core_control_restart(core);
}

/* Symmetric RTP (RFC 4961): the first that sends valid media is the peer, and is answered there. */
static void lock(ms_core *core, const ms_address *from) {
    core->locked = true;
    core->heard_from = *from;
    core->remote = *from;
    ms_event event = {.kind = MS_EVENT_LOCKED, .at_ns = core->playout.now_ns, .remote = *from};
    ms_playout_position(&core->playout, &event.position);
    ms_events_push(&core->events, &event);
}

/* Without keys nothing proves who sends but the stream itself. So one that goes on from elsewhere is followed, as from a
 * NAT that forgot its mapping: only once nothing has come from where it was, and never on a number that can be guessed. */
static bool goes_on_elsewhere(const ms_core *core, const ms_rtp_packet *packet, enum kind kind) {
    int64_t now_ns = core->playout.now_ns;
    if (kind != KIND_CODEC || !core->hearing || now_ns - core->last_packet_ns < MOVED_AFTER_NS) return false;
    return ms_rtp_source_goes_on(&core->source, packet, now_ns, core->coders.clock_hz);
}

/* Who has our keys may move at once; only what is newest tells where he is now. */
static bool may_move(const ms_core *core, const ms_rtp_packet *packet, enum kind kind) {
    if (!core->secure.now) return goes_on_elsewhere(core, packet, kind);
    bool same = core->source.known && packet->ssrc == core->source.ssrc;
    return !same || (int16_t)(packet->sequence - (uint16_t)core->source.highest) > 0;
}

/* Whether the packet comes from where we listen; takes the first source there is. */
static bool is_from_peer(ms_core *core, const ms_address *from, const ms_rtp_packet *packet, enum kind kind) {
    if (core->locked && ms_address_equal(from, &core->heard_from)) return true;
    if (core->locked && !may_move(core, packet, kind)) return core->secure.now != NULL;
    if (core->playout.now_ns < core->left_until_ns && ms_address_equal(from, &core->left)) return false;
    if (core->config.lock_source && kind != KIND_UNKNOWN) lock(core, from);
    if (core->remote.family == 0 && kind != KIND_UNKNOWN) core->remote = *from;
    return true;
}

static void media_came(ms_core *core) {
    core->last_packet_ns = core->playout.now_ns;
    if (!core->timed_out) return;
    core->timed_out = false;
    ms_event event = {.kind = MS_EVENT_MEDIA_BACK, .at_ns = core->playout.now_ns};
    ms_playout_position(&core->playout, &event.position);
    ms_events_push(&core->events, &event);
}

/* Keys are heard on arrival, whatever is missing before them: RFC 4733 repeats itself. */
static void hear_key(ms_core *core, const ms_rtp_packet *packet) {
    int64_t began = ms_ears_extend(&core->ears, packet->timestamp);
    uint8_t key = 0;
    int status = ms_dtmf_receive(&core->dtmf, packet->payload, packet->n, began, &key);
    if (status < 0) {
        core->statistics.malformed++;
        return;
    }
    ms_ears_forget_keys(&core->ears);
    int32_t per_ms = core->coders.clock_hz / 1000;
    uint32_t duration = (uint32_t)packet->payload[2] << 8 | packet->payload[3];
    uint32_t margin = packet->payload[1] & END_BIT ? 0 : (uint32_t)(KEY_MARGIN_MS * per_ms);
    ms_ears_mask(&core->ears, began, began + duration + margin);
    if (status == 0) return;
    ms_event event = {
        .kind = MS_EVENT_DTMF, .code = key, .arg = duration / (uint32_t)per_ms,
        .at_ns = core->playout.now_ns, .rtp_extended = began,
    };
    ms_playout_position(&core->playout, &event.position);
    ms_events_push(&core->events, &event);
}

static void give_up(ms_core *core, uint32_t lost) {
    core->statistics.lost += lost;
    core->missing += lost;
    core->loss_runs += lost > 0;
}

/* What was lost before it was lost before the silence. */
static void hear_silence(ms_core *core, const ms_reorder_packet *packet) {
    core->statistics.comfort_received++;
    ms_ears_describe(&core->ears, packet, core->missing);
    core->missing = 0;
}

/* Whatever is neither of a codec nor of silence only holds its place in the sequence. */
static void deliver_ready(ms_core *core) {
    const ms_reorder_packet *packet;
    uint32_t lost;
    while ((packet = ms_reorder_take(&core->reorder, core->playout.now_ns, &lost))) {
        give_up(core, lost);
        ms_coder *coder = ms_coders_find(&core->coders, packet->payload_type);
        if (is_comfort(core, packet->payload_type)) hear_silence(core, packet);
        if (!coder) continue;
        if (ms_ears_hear(&core->ears, packet, coder, core->missing) < 0) core->statistics.codec_errors++;
        core->missing = 0;
    }
}

/* Octets that will be looked at again when it is the packet's turn. */
static uint16_t kept_of(enum kind kind, const ms_rtp_packet *packet) {
    if (kind == KIND_COMFORT && packet->n > MS_COMFORT_PAYLOAD) return MS_COMFORT_PAYLOAD;
    return kind == KIND_CODEC || kind == KIND_COMFORT ? packet->n : 0;
}

static void enqueue(ms_core *core, const ms_rtp_packet *packet, enum kind kind, int64_t sequence) {
    ms_reorder_packet header = {
        .sequence = sequence, .received_ns = core->playout.now_ns, .timestamp = packet->timestamp,
        .n = kept_of(kind, packet), .payload_type = packet->payload_type,
    };
    enum ms_reorder_verdict verdict;
    while ((verdict = ms_reorder_put(&core->reorder, &header, packet->payload)) == MS_REORDER_FAR) {
        give_up(core, ms_reorder_skip(&core->reorder, sequence));
        deliver_ready(core);
    }
    core->statistics.duplicate += verdict == MS_REORDER_DUPLICATE;
    core->statistics.late += verdict == MS_REORDER_LATE;
    core->statistics.reordered += verdict == MS_REORDER_TAKEN && sequence < core->source.highest;
    if (verdict == MS_REORDER_TAKEN && kind == KIND_KEY) hear_key(core, packet);
    deliver_ready(core);
}

/* Places the packet in its source's sequence; false: drop it. */
static bool place(ms_core *core, const ms_rtp_packet *packet, int64_t *sequence) {
    bool known = core->source.known;
    uint32_t ssrc = core->source.ssrc;
    switch (ms_rtp_source_accept(&core->source, packet, sequence)) {
    case MS_RTP_ACCEPTED: return true;
    case MS_RTP_RESTARTED:
        core->statistics.ssrc_changes += known && ssrc != packet->ssrc;
        ms_reorder_restart(&core->reorder, *sequence);
        ms_dtmf_init(&core->dtmf, core->coders.clock_hz);
        ms_ears_restart(&core->ears);
        ms_core_control_restart(core);
        return true;
    case MS_RTP_STRANGER: core->statistics.foreign++; return false;
    default: core->statistics.late++; return false;
    }
}

static void take_in(ms_core *core, const ms_rtp_packet *packet, enum kind kind) {
    int64_t sequence;
    if (!place(core, packet, &sequence)) return;
    media_came(core);
    if (kind == KIND_UNKNOWN) core->statistics.unknown_type++;
    if (kind == KIND_CODEC)
        ms_rtp_source_timing(&core->source, packet->timestamp, core->playout.now_ns, core->coders.clock_hz);
    enqueue(core, packet, kind, sequence);
}

/* What we cannot hear keeps its place in the sequence of its source, but makes no source one that we listen to. */
static bool is_of_no_use(const ms_core *core, const ms_rtp_packet *packet, enum kind kind) {
    return kind == KIND_UNKNOWN && !(core->source.known && core->source.ssrc == packet->ssrc);
}

static void hear_media(ms_core *core, const uint8_t *data, size_t n, const ms_address *from) {
    ms_core_statistics *statistics = &core->statistics;
    ms_rtp_packet packet;
    if (ms_rtp_parse(data, n, &packet) != MS_OK) {
        statistics->malformed++;
        return;
    }
    enum kind kind = kind_of(core, packet.payload_type);
    if (!payload_fits(core, kind, &packet)) statistics->malformed++;
    else if (!is_from_peer(core, from, &packet, kind)) statistics->foreign++;
    else if (!core->hearing) statistics->not_hearing++;
    else if (is_of_no_use(core, &packet, kind)) statistics->unknown_type++;
    else take_in(core, &packet, kind);
}

int ms_receive(ms_core *core, const uint8_t *data, size_t n, const ms_address *from, int64_t received_ns) {
    uint8_t plain[MS_MAX_PACKET];
    enum ms_channel channel = ms_rtcp_is_rtcp(data, n) ? MS_CHANNEL_RTCP : MS_CHANNEL_RTP;
    ms_core_enter(core, received_ns);
    core->statistics.packets_received++;
    core->statistics.octets_received += n;
    if (n > MS_MAX_PACKET) {
        core->statistics.oversize++;
        return ms_urgent(core) ? MS_URGENT : MS_OK;
    }
    bool believed = !ms_core_awaits_keys(core);
    core->statistics.not_hearing += !believed;
    if (core->secure.now) {
        believed = ms_core_unprotect(core, channel, data, n, plain, &n);
        data = plain;
    }
    if (believed && channel == MS_CHANNEL_RTCP) ms_core_hear_report(core, data, n, from);
    else if (believed) hear_media(core, data, n, from);
    return ms_urgent(core) ? MS_URGENT : MS_OK;
}

/* ---- deadlines ------------------------------------------------------------------------------------------------- */

static int64_t media_deadline(const ms_core *core) {
    bool waits = core->config.media_timeout_ms > 0 && core->started && core->hearing && !core->timed_out;
    return waits ? core->last_packet_ns + core->config.media_timeout_ms * MS_NS_PER_MS : INT64_MAX;
}

int64_t ms_next_deadline(const ms_core *core) {
    int64_t deadlines[] = {
        ms_reorder_deadline(&core->reorder), ms_ears_deadline(&core->ears), core->playout.lease_ends_ns,
        media_deadline(core),
    };
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++)
        if (deadlines[i] < next) next = deadlines[i];
    return next;
}

void ms_core_run_deadlines(ms_core *core) {
    int64_t now_ns = core->playout.now_ns;
    deliver_ready(core);
    ms_ears_handle_deadline(&core->ears, now_ns);
    ms_playout_lease(&core->playout);
    if (now_ns < media_deadline(core)) return;
    core->timed_out = true;
    ms_event event = {.kind = MS_EVENT_MEDIA_TIMEOUT, .at_ns = now_ns};
    ms_playout_position(&core->playout, &event.position);
    ms_events_push(&core->events, &event);
}
