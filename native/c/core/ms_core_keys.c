/* Keys that we press: RFC 4733 packets in the place of audio where they were agreed on, tones in band elsewhere.
 *
 * While a key and the silence after it last the voice waits, and goes on where it was: the playout is simply not asked.
 * (Of packets longer than a tick, what was not yet enough for one is dropped.) To the echo canceller a key in packets is
 * silence: no sound was sent. */
#include "ms_core_state.h"

#include <string.h>

int ms_core_press(ms_core *core, const ms_command *command) {
    if (command->arg < 0 || command->arg > UINT16_MAX || command->name > UINT16_MAX) return MS_E_ARGUMENT;
    return ms_dtmf_sender_push(&core->keys, command->flag, (uint32_t)command->arg, (uint16_t)command->name);
}

static void tell_pressed(ms_core *core, uint8_t code) {
    ms_event event = {.kind = MS_EVENT_DTMF_SENT, .code = code, .at_ns = core->playout.now_ns};
    ms_playout_position(&core->playout, &event.position);
    ms_events_push(&core->events, &event);
}

static bool in_packets(const ms_core *core) { return core->config.telephone_event_type != 0; }

int ms_core_send_key(ms_core *core, int16_t *pcm, ms_packet *out) {
    ms_dtmf_packet key;
    int due = ms_dtmf_sender_tick(&core->keys, core->timestamp, &key);
    if (due && key.done) tell_pressed(core, key.payload[0]);
    if (!in_packets(core)) {
        if (due && key.marker)
            ms_tones_init_key(&core->tone, core->config.say_hz, key.payload[0], core->keys.now.duration_ms);
        ms_tones_process(&core->tone, pcm, ms_core_frame(core));
        return 0;
    }
    if (!due) return 0;
    ms_rtp_packet header = {
        .timestamp = key.timestamp, .ssrc = core->config.ssrc, .sequence = core->sequence++,
        .payload_type = core->config.telephone_event_type, .marker = key.marker,
    };
    ms_rtp_write_header(out->data, &header);
    memcpy(out->data + MS_RTP_HEADER, key.payload, sizeof key.payload);
    out->n = MS_RTP_HEADER + sizeof key.payload;
    out->to = core->remote;
    out->channel = MS_CHANNEL_RTP;
    core->statistics.packets_sent++;
    core->statistics.octets_sent += out->n;
    return 1;
}

bool ms_core_keys_replace_sound(const ms_core *core) { return in_packets(core) && ms_dtmf_sender_busy(&core->keys); }

bool ms_core_keys_sound(const ms_core *core) { return !in_packets(core) && ms_dtmf_sender_busy(&core->keys); }
