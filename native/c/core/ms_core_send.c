/* The tick: 20 ms of voice or silence out, and the same 20 ms to the echo canceller as what was really sent.
 *
 * Packets need not be 20 ms long: what was said waits in `pending` until there is enough for one. */
#include "ms_core_state.h"

#include <string.h>

#define LATE_NS (60 * MS_NS_PER_MS) /* a tick that is later is skipped: what is gone cannot be sent in a burst */

uint32_t ms_core_frame(const ms_core *core) { return (uint32_t)core->config.say_hz / 1000 * MS_FRAME_MS; }

static uint32_t ticks_of(const ms_core *core, uint32_t samples) {
    return (uint32_t)((uint64_t)samples * (uint32_t)core->coders.clock_hz / (uint32_t)core->config.say_hz);
}

void ms_core_forget_pending(ms_core *core) {
    core->pending_n = 0;
    core->pending_voice = false;
    core->config.ptime_ms = core->next_ptime_ms;
    ms_comfort_sender_interrupt(&core->silence);
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

/* Silence is told of now and then, where that was agreed on. */
static int encode(ms_core *core, const int16_t *pcm, uint32_t n, bool described, uint8_t *payload) {
    ms_coder *coder = core->coders.saying;
    if (described)
        return (int)ms_comfort_sender_describe(&core->silence, pcm, n, core->config.say_hz, coder->codec.say_hz, payload);
    ms_comfort_sender_interrupt(&core->silence);
    return ms_coder_encode(coder, pcm, n, payload, MS_MAX_PAYLOAD);
}

/* Returns whether there is a packet: a codec may find that nothing need be sent. */
static bool write_packet(ms_core *core, const int16_t *pcm, uint32_t n, uint32_t timestamp, bool voice,
                         ms_packet *out) {
    bool described = !voice && core->config.comfort_noise_type != 0;
    int octets = encode(core, pcm, n, described, out->data + MS_RTP_HEADER);
    if (octets <= 0) {
        core->talking = false; /* what comes after it is a talk spurt's first */
        return false;
    }
    ms_rtp_packet header = {
        .timestamp = timestamp, .ssrc = core->config.ssrc, .sequence = core->sequence++,
        .payload_type = described ? core->config.comfort_noise_type : core->coders.saying->payload_type,
        .marker = voice && !core->talking, /* RFC 3551 4.1: the first packet of a talk spurt */
    };
    ms_rtp_write_header(out->data, &header);
    out->n = (uint16_t)(MS_RTP_HEADER + octets);
    out->to = core->remote;
    out->channel = MS_CHANNEL_RTP;
    core->talking = voice;
    core->statistics.comfort_sent += described;
    core->statistics.packets_sent++;
    core->statistics.octets_sent += out->n;
    return true;
}

/* As many packets as are full; the rest stays for the next tick. */
static int packetise(ms_core *core, uint32_t frame, ms_packet *out, int capacity) {
    uint32_t each = (uint32_t)core->config.say_hz / 1000 * core->config.ptime_ms, done = 0;
    uint32_t first = core->timestamp - ticks_of(core, core->pending_n - frame);
    int count = 0;
    while (core->pending_n - done >= each && count < capacity) {
        count += write_packet(core, core->pending + done, each, first + ticks_of(core, done), core->pending_voice,
                              &out[count]);
        done += each;
    }
    core->pending_n -= done;
    memmove(core->pending, core->pending + done, core->pending_n * sizeof *core->pending);
    if (core->pending_n == 0) {
        core->pending_voice = false;
        core->config.ptime_ms = core->next_ptime_ms;
    }
    return count;
}

/* ---- what was sent, for the echo canceller ------------------------------------------------------------------------ */

static void remember_sent(ms_core *core, const int16_t *pcm, int64_t due_ns) {
    static const int16_t silence[MS_MAX_FRAME];
    if (!core->ears.echo) return;
    ms_ears_said(&core->ears, pcm ? pcm : silence, ms_core_frame(core), due_ns);
}

/* The other side hears the payload, not what was encoded; where the two are easily told apart, the difference matters. */
static void remember_frame(ms_core *core, const int16_t *pcm, const ms_packet *packet, int count, int64_t due_ns) {
    int16_t heard[MS_MAX_FRAME];
    const ms_coder *coder = core->coders.saying;
    bool is_whole = count == 1 && core->talking && core->pending_n == 0 && core->config.ptime_ms == MS_FRAME_MS && !coder->from_say;
    bool exact = is_whole && ms_encoder_echo(coder->encoder, packet->data + MS_RTP_HEADER,
                                             (size_t)packet->n - MS_RTP_HEADER, heard);
    remember_sent(core, exact ? heard : pcm, due_ns);
}

/* ---- the tick ----------------------------------------------------------------------------------------------------- */

static void stay_silent(ms_core *core, bool on_purpose, int64_t due_ns) {
    remember_sent(core, NULL, due_ns);
    if (on_purpose) core->talking = false;
    ms_core_say_nothing(core);
    core->playout.at_ns = due_ns;
    ms_core_forget_pending(core);
}

static int wait_for_key(ms_core *core, int16_t *pcm, int64_t due_ns, ms_packet *out) {
    core->playout.at_ns = due_ns;
    return ms_core_send_key(core, pcm, out);
}

/* Packets of a key stand for the sound, of which there is none. */
static int press(ms_core *core, int64_t due_ns, ms_packet *out) {
    stay_silent(core, true, due_ns);
    return wait_for_key(core, NULL, due_ns, out);
}

static int speak(ms_core *core, int64_t due_ns, ms_packet *out, int capacity) {
    uint32_t frame = ms_core_frame(core);
    int16_t *pcm = core->pending + core->pending_n;
    bool voice = ms_core_keys_sound(core);
    if (voice) wait_for_key(core, pcm, due_ns, out);
    else voice = ms_playout_tick(&core->playout, pcm, frame, due_ns);
    core->pending_voice |= voice || core->mixing;
    ms_core_add_others(core, pcm);
    core->pending_n += frame;
    int count = packetise(core, frame, out, capacity);
    remember_frame(core, core->sent, out, count, due_ns);
    return count;
}

/* The last thing that happens to what is sent: the echo canceller and the statistics know it in the clear. */
static int protect(ms_core *core, ms_packet *out, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (ms_core_protect(core, &out[i]) && kept++ != i) out[kept - 1] = out[i];
    return kept;
}

int ms_tick(ms_core *core, int64_t due_ns, int64_t now_ns, ms_packet *out, int capacity) {
    if (capacity < MS_PACKETS_A_TICK) return MS_E_ARGUMENT;
    ms_core_enter(core, now_ns);
    ms_core_run_deadlines(core);
    ms_core_retire_keys(core);
    bool keyless = ms_core_awaits_keys(core);
    bool skipped = now_ns - due_ns > LATE_NS, silent = !core->sending || core->remote.family == 0 || keyless;
    int count = 0;
    core->statistics.ticks++;
    core->statistics.ticks_skipped += skipped;
    if (skipped || silent) stay_silent(core, silent, due_ns);
    else if (ms_core_keys_replace_sound(core)) count = press(core, due_ns, out);
    else count = speak(core, due_ns, out, capacity);
    if (count < capacity && !keyless) count += ms_core_report(core, due_ns, &out[count]);
    core->timestamp += ticks_of(core, ms_core_frame(core));
    return protect(core, out, count);
}
