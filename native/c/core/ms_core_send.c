/* The tick: 20 ms of voice or silence out, and the same 20 ms to the echo canceller as what was really sent. */
#include "ms_core_state.h"

#include <string.h>

#define LATE_NS (60 * MS_NS_PER_MS) /* a tick that is later is skipped: what is gone cannot be sent in a burst */

uint32_t ms_core_frame(const ms_core *core) { return (uint32_t)core->config.rate_hz / 1000 * MS_FRAME_MS; }

static void remember_sent(ms_core *core, const int16_t *pcm, int64_t due_ns) {
    static const int16_t silence[MS_EARS_MAX_CODEC_FRAME];
    if (core->ears.echo)
        ms_echo_reference(core->ears.echo, pcm ? pcm : silence, ms_core_frame(core), due_ns);
}

static void write_packet(ms_core *core, const int16_t *pcm, bool voice, int64_t due_ns, ms_packet *out) {
    uint32_t frame = ms_core_frame(core);
    bool is_a_law = core->config.codec == MS_PCMA;
    ms_rtp_packet header = {
        .timestamp = core->timestamp, .ssrc = core->config.ssrc, .sequence = core->sequence++,
        .payload_type = core->config.payload_type,
        .marker = voice && !core->talking, /* RFC 3551 4.1: the first packet of a talk spurt */
    };
    uint8_t *payload = out->data + MS_RTP_HEADER;
    ms_rtp_write_header(out->data, &header);
    (is_a_law ? ms_g711_encode_a : ms_g711_encode_u)(pcm, payload, frame);
    out->n = (uint16_t)(MS_RTP_HEADER + frame);
    out->to = core->remote;
    core->talking = voice;
    core->statistics.packets_sent++;
    core->statistics.octets_sent += out->n;
    int16_t sent[MS_EARS_MAX_CODEC_FRAME];
    (is_a_law ? ms_g711_decode_a : ms_g711_decode_u)(payload, sent, frame);
    remember_sent(core, sent, due_ns);
}

int ms_tick(ms_core *core, int64_t due_ns, int64_t now_ns, ms_packet *out, int capacity) {
    int16_t pcm[MS_EARS_MAX_CODEC_FRAME];
    if (capacity < 1) return MS_E_ARGUMENT;
    ms_core_enter(core, now_ns);
    ms_core_run_deadlines(core);
    bool skipped = now_ns - due_ns > LATE_NS, silent = !core->sending || core->remote.family == 0;
    core->statistics.ticks++;
    core->statistics.ticks_skipped += skipped;
    if (skipped || silent) {
        remember_sent(core, NULL, due_ns);
        if (silent) core->talking = false;
        core->playout.at_ns = due_ns;
    } else {
        bool voice = ms_playout_tick(&core->playout, pcm, ms_core_frame(core), due_ns);
        write_packet(core, pcm, voice, due_ns, out);
    }
    core->timestamp += ms_core_frame(core);
    return !skipped && !silent;
}
