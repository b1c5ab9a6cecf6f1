/* A stream as a whole: its memory, its commands, what it tells. */
#include "ms_bridge.h"
#include "ms_core_state.h"

#include <string.h>

#define LEFT_NS (200 * MS_NS_PER_MS) /* packets of a source we were told to leave may still be on the way */
#define ALIGNMENT MS_CORE_ALIGNMENT

/* ---- memory: the core, then its parts, each on its own cache line ----------------------------------------------- */

static bool within(uint32_t value, uint32_t low, uint32_t high) { return value >= low && value <= high; }

static bool is_coding(const ms_config *c, uint8_t payload_type) {
    for (int i = 0; i < c->coding_count; i++)
        if (payload_type != 0 && c->codings[i].payload_type == payload_type) return true;
    return false;
}

/* Zero means none, as it does for telephone events. */
static bool is_comfort_type(const ms_config *c, int64_t payload_type) {
    return payload_type >= 0 && payload_type < 128 && !is_coding(c, (uint8_t)payload_type) &&
           (payload_type == 0 || payload_type != c->telephone_event_type);
}

static bool is_valid(const ms_config *c) {
    return ms_coders_are_valid(c) && c->plc <= MS_CONCEAL_AUTO && c->telephone_event_type < 128 &&
           !is_coding(c, c->telephone_event_type) && is_comfort_type(c, c->comfort_noise_type) &&
           (c->aec_tail_ms == 0 || within(c->aec_tail_ms, 64, 256)) && ms_refine_is_valid(c) && c->reorder_ms <= 40 &&
           within(c->playout_ms, 200, 2000) && c->rewind_ms <= 2000 && within(c->ears_ms, 100, 2000) &&
           c->far_delay_ms <= MS_HEARD_MAX_DELAY_MS && c->rtcp <= MS_RTCP_PORT && c->keying <= MS_KEYING_DTLS &&
           (!c->bridge || ms_bridge_size(c) > 0) &&
           (c->srtp.profile == MS_SRTP_NONE || ms_srtp_keying_octets(c->srtp.profile) > 0);
}

/* Fills in what zero stands for. */
static ms_config completed(const ms_config *config) {
    ms_config c = *config;
    if (c.aec_tail_ms == 0) c.aec_tail_ms = 128;
    if (c.ptime_ms == 0) c.ptime_ms = MS_FRAME_MS;
    return c;
}

typedef struct layout {
    size_t coders, payloads, concealer, echo, reference, refine, confirm, bridge, keys, blocks, said, sent, mix, pending, playout,
        total;
} layout;

static size_t carve(size_t *total, size_t n) {
    size_t at = *total;
    *total += (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

static bool has_second_opinion(const ms_config *c) { return c->vad && c->silero; }

static layout lay_out(const ms_config *c) {
    layout l = {.total = 0};
    size_t say_ms = (size_t)c->say_hz / 1000;
    carve(&l.total, sizeof(ms_core));
    l.coders = carve(&l.total, ms_coders_size(c));
    l.payloads = carve(&l.total, MS_REORDER_SLOTS * ms_coders_longest_payload(c));
    l.concealer = carve(&l.total, ms_concealer_size(c->hear_hz, c->plc));
    l.echo = carve(&l.total, c->aec ? ms_echo_size(c->hear_hz, c->aec_tail_ms) : 0);
    l.reference = carve(&l.total, ms_ears_need_reference(c) ? sizeof(ms_resampler) : 0);
    l.refine = carve(&l.total, ms_refine_size(c));
    l.confirm = carve(&l.total, has_second_opinion(c) ? sizeof(ms_confirm) : 0);
    l.said = carve(&l.total, say_ms * MS_FRAME_MS * sizeof(int16_t));
    l.sent = carve(&l.total, say_ms * MS_FRAME_MS * sizeof(int16_t));
    l.mix = carve(&l.total, say_ms * MS_FRAME_MS * sizeof(float));
    l.pending = carve(&l.total, say_ms * (MS_MAX_PTIME_MS + MS_FRAME_MS) * sizeof(int16_t));
    l.keys = carve(&l.total, c->inband_dtmf ? sizeof(ms_goertzel) : 0);
    l.bridge = carve(&l.total, ms_bridge_size(c));
    l.blocks = carve(&l.total, ms_ears_ring_blocks(c->ears_ms) * sizeof(ms_ears_block));
    l.playout = carve(&l.total, ms_playout_ring_samples(c) * sizeof(int16_t));
    return l;
}

size_t ms_size(const ms_config *config) {
    ms_config c = completed(config);
    return is_valid(&c) ? lay_out(&c).total : 0;
}

static int init_ears(ms_core *core, uint8_t *base, const layout *l) {
    const ms_config *c = &core->config;
    ms_ears_parts parts = {
        .concealer = (ms_concealer *)(base + l->concealer),
        .echo = c->aec ? (ms_echo *)(base + l->echo) : NULL,
        .keys = c->inband_dtmf ? (ms_goertzel *)(base + l->keys) : NULL,
        .bridge = c->bridge ? (ms_bridge *)(base + l->bridge) : NULL,
        .confirm = has_second_opinion(c) ? (ms_confirm *)(base + l->confirm) : NULL,
        .reference = (ms_resampler *)(base + l->reference),
        .refine = base + l->refine,
        .blocks = (ms_ears_block *)(base + l->blocks),
        .block_count = ms_ears_ring_blocks(c->ears_ms),
        .events = &core->events,
        .playout = &core->playout,
    };
    return ms_ears_init(&core->ears, c, &parts);
}

int ms_init(void *memory, size_t n, const ms_config *config, uint64_t seed) {
    size_t needed = ms_size(config);
    if (needed == 0 || n < needed || (uintptr_t)memory % ALIGNMENT != 0) return MS_E_ARGUMENT;
    memset(memory, 0, needed);
    ms_core *core = memory;
    core->config = completed(config);
    core->next_ptime_ms = core->config.ptime_ms;
    memset(&core->config.srtp, 0, sizeof core->config.srtp); /* secrets are kept in one place only */
    core->remote = config->remote;
    core->hearing = core->sending = true;
    core->sequence = config->first_sequence;
    core->timestamp = config->first_timestamp;
    layout l = lay_out(&core->config);
    ms_playout_init(&core->playout, &core->config, (int16_t *)((uint8_t *)memory + l.playout), &core->events);
    ms_reorder_init(&core->reorder, config->reorder_ms * MS_NS_PER_MS, (uint8_t *)memory + l.payloads,
                    (uint16_t)ms_coders_longest_payload(&core->config));
    ms_dtmf_init(&core->dtmf, ms_coders_clock_hz(&core->config));
    ms_dtmf_sender_init(&core->keys, ms_coders_clock_hz(&core->config));
    core->said = (int16_t *)((uint8_t *)memory + l.said);
    core->sent = (int16_t *)((uint8_t *)memory + l.sent);
    ms_limiter_init(&core->limiter);
    core->mix = (float *)((uint8_t *)memory + l.mix);
    core->pending = (int16_t *)((uint8_t *)memory + l.pending);
    int status = ms_coders_init(&core->coders, &core->config, (uint8_t *)memory + l.coders);
    if (status == MS_OK) status = init_ears(core, memory, &l);
    ms_core_control_init(core, seed);
    return status == MS_OK ? ms_core_secure_init(core, &config->srtp) : status;
}

void ms_release(ms_core *core) { ms_core_secure_release(core); }

/* ---- commands --------------------------------------------------------------------------------------------------- */

static int set_remote(ms_core *core, const ms_address *remote) {
    if ((remote->family != 4 && remote->family != 6) || remote->port == 0) return MS_E_ARGUMENT;
    if (core->locked && !ms_address_equal(remote, &core->heard_from)) {
        core->left = core->heard_from;
        core->left_until_ns = core->playout.now_ns + LEFT_NS;
    }
    core->remote = *remote;
    core->control.heard_from = (ms_address){.family = 0};
    ms_core_forget_source(core);
    return MS_OK;
}

static int set_sending(ms_core *core, bool on) {
    core->sending = on;
    if (on) return MS_OK;
    ms_playout_pause(&core->playout);
    ms_core_forget_pending(core);
    return MS_OK;
}

static int set_coding(ms_core *core, int64_t payload_type) {
    ms_coder *coder = payload_type >= 0 && payload_type < 128
                          ? ms_coders_find(&core->coders, (uint8_t)payload_type) : NULL;
    if (!coder) return MS_E_ARGUMENT;
    core->coders.saying = coder;
    return MS_OK;
}

static int set_comfort(ms_core *core, int64_t payload_type) {
    if (!is_comfort_type(&core->config, payload_type)) return MS_E_ARGUMENT;
    core->config.comfort_noise_type = (uint8_t)payload_type;
    return MS_OK;
}

static int set_ptime(ms_core *core, int64_t ms) {
    ms_config wanted = core->config;
    wanted.ptime_ms = (uint8_t)(ms > 0 && ms <= MS_MAX_PTIME_MS ? ms : 0);
    if (!ms_coders_are_valid(&wanted)) return MS_E_ARGUMENT;
    core->next_ptime_ms = wanted.ptime_ms;
    if (core->pending_n == 0) core->config.ptime_ms = wanted.ptime_ms;
    return MS_OK;
}

static int set_hearing(ms_core *core, bool on) {
    if (core->hearing == on) return MS_OK;
    core->hearing = on;
    core->last_packet_ns = core->playout.now_ns;
    core->timed_out = false;
    ms_rtp_source_init(&core->source);
    ms_reorder_restart(&core->reorder, 0);
    ms_ears_restart(&core->ears);
    return MS_OK;
}

int ms_apply(ms_core *core, const ms_command *command, int64_t now_ns) {
    ms_playout *playout = &core->playout;
    ms_core_enter(core, now_ns);
    switch (command->op) {
    case MS_OP_HOLD: return ms_playout_hold(playout, MS_MODE_HOLD, command);
    case MS_OP_DUCK: return ms_playout_hold(playout, MS_MODE_DUCK, command);
    case MS_OP_RELEASE: return ms_playout_release(playout, command->hold, command->arg);
    case MS_OP_FLUSH: return ms_playout_flush(playout, command->generation);
    case MS_OP_MARK: return ms_playout_mark(playout, command);
    case MS_OP_REMOTE: return set_remote(core, &command->remote);
    case MS_OP_SENDING: return set_sending(core, command->arg != 0);
    case MS_OP_HEARING: return set_hearing(core, command->arg != 0);
    case MS_OP_CODING: return set_coding(core, command->arg);
    case MS_OP_PRESS: return ms_core_press(core, command);
    case MS_OP_COMFORT: return set_comfort(core, command->arg);
    case MS_OP_PTIME: return set_ptime(core, command->arg);
    case MS_OP_KEYS: return ms_core_take_keys(core);
    default: return MS_E_ARGUMENT;
    }
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

void ms_core_enter(ms_core *core, int64_t now_ns) {
    core->playout.now_ns = now_ns;
    if (core->started) return;
    core->started = true;
    core->last_packet_ns = now_ns; /* the peer has the whole time-out for its first packet */
}

int ms_handle_deadline(ms_core *core, int64_t now_ns) {
    ms_core_enter(core, now_ns);
    ms_core_run_deadlines(core);
    return ms_urgent(core) ? MS_URGENT : MS_OK;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

int ms_next_event(ms_core *core, ms_event *event) { return ms_events_take(&core->events, event); }

bool ms_urgent(const ms_core *core) { return core->events.urgent > 0; }

void ms_position_now(const ms_core *core, ms_position *out) { ms_playout_position(&core->playout, out); }

static void add_ears_statistics(const ms_ears *ears, ms_core_statistics *out) {
    out->concealed_samples = ears->concealed_samples;
    out->concealed_speech_samples = ears->concealed_speech_samples;
    out->resyncs = ears->resyncs;
    out->onsets = ears->onsets;
    out->denials = ears->denials;
    out->ears_overruns = atomic_load_explicit(&ears->ring.overruns, memory_order_relaxed);
    out->echo_delay_ms = -1;
    if (ears->echo) {
        out->erle_db = ms_echo_erle_db(ears->echo);
        out->skew_ppm = ms_echo_skew_ppm(ears->echo);
        out->echo_delay_ms = ms_echo_delay_ms(ears->echo);
        out->echo_seen = ms_echo_seen(ears->echo);
    }
    if (ears->has_gate) {
        out->noise_dbfs = ms_gate_noise_dbfs(&ears->gate);
        out->speech_dbfs = ms_gate_speech_dbfs(&ears->gate);
    }
}

static void add_bridge_statistics(const ms_core *core, ms_core_statistics *out) {
    ms_jitter_statistics jitter;
    if (!ms_bridge_get_statistics(core, &jitter)) return;
    out->bridge_delay_ms = jitter.current_ms;
    out->bridge_target_ms = jitter.target_ms;
}

void ms_core_get_statistics(const ms_core *core, ms_core_statistics *out) {
    *out = core->statistics;
    add_ears_statistics(&core->ears, out);
    add_bridge_statistics(core, out);
    out->holds = core->playout.holds;
    out->leases_expired = core->playout.leases_expired;
    out->starved = core->playout.starved;
    out->events_lost = core->events.lost;
    ms_core_control_statistics(core, out);
    out->jitter_us = ms_rtp_source_jitter_us(&core->source, core->coders.clock_hz);
}

/* ---- the other thread's side -------------------------------------------------------------------------------------- */

int ms_play(ms_core *core, uint32_t generation, const ms_arming *arming, const int16_t *pcm, uint32_t n) {
    return ms_voice_play(&core->playout.voice, generation, arming, pcm, n);
}

int ms_finish(ms_core *core, uint32_t generation) { return ms_voice_finish(&core->playout.voice, generation); }

uint32_t ms_room(const ms_core *core) { return ms_voice_room(&core->playout.voice); }

int ms_read_ears(ms_core *core, int16_t *pcm, int capacity, ms_span *span) {
    return ms_ears_ring_read(&core->ears.ring, pcm, capacity, span);
}

uint32_t ms_ears_readable(const ms_core *core) { return ms_ears_ring_readable(&core->ears.ring); }
