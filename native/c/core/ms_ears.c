#include "ms_ears.h"

#include <string.h>

#define NO_RESIDUAL_DBFS (-100.0f) /* what the gate is told when there is no echo canceller */
#define NEVER INT64_MIN

static uint32_t samples_in(const ms_ears *e, uint32_t ms) { return (uint32_t)e->hear_hz / 1000 * ms; }

static int64_t ticks_in(const ms_ears *e, uint32_t ms) { return (int64_t)e->clock_hz / 1000 * ms; }

static int64_t ticks_of(const ms_ears *e, int64_t samples) { return samples * e->clock_hz / e->hear_hz; }

static void advance(ms_ears *e, uint32_t samples) {
    e->samples += samples;
    e->expected = e->base + ticks_of(e, e->samples);
}

/* The gate knows 8 and 16 kHz, and looks at no more than the band of a telephone: 24 and 48 are thinned to these by
 * averaging. */
enum { THINNING = 3 };

static bool is_thinned(const ms_ears *e) { return e->hear_hz > MS_EARS_RATE_HZ; }

static int32_t gate_rate_hz(const ms_ears *e) { return is_thinned(e) ? e->hear_hz / THINNING : e->hear_hz; }

static const int16_t *for_gate(const ms_ears *e, const int16_t *half, int16_t *thinned) {
    if (!is_thinned(e)) return half;
    for (uint32_t i = 0; i < samples_in(e, MS_EARS_BLOCK_MS) / THINNING; i++) {
        const int16_t *at = half + THINNING * i;
        thinned[i] = (int16_t)((at[0] + at[1] + at[2]) / THINNING);
    }
    return thinned;
}

bool ms_ears_need_reference(const ms_config *config) { return config->aec && config->say_hz != config->hear_hz; }

int ms_ears_init(ms_ears *e, const ms_config *config, const ms_ears_parts *parts) {
    memset(e, 0, sizeof *e);
    e->hear_hz = config->hear_hz;
    e->say_hz = config->say_hz;
    e->clock_hz = ms_coders_clock_hz(config);
    e->has_gate = config->vad;
    e->concealer = parts->concealer;
    e->events = parts->events;
    e->playout = parts->playout;
    e->mask_from = e->mask_to = NEVER;
    ms_ears_ring_init(&e->ring, parts->blocks, parts->block_count, e->clock_hz);
    int status = ms_concealer_init(e->concealer, e->hear_hz, config->plc);
    if (status == MS_OK && config->vad) status = ms_gate_init(&e->gate, gate_rate_hz(e));
    if (status == MS_OK) status = ms_resampler_init(&e->resampler, e->hear_hz, MS_EARS_RATE_HZ);
    if (status == MS_OK && ms_ears_need_reference(config)) {
        e->reference = parts->reference;
        status = ms_resampler_init(e->reference, e->say_hz, e->hear_hz);
    }
    if (status == MS_OK && parts->echo) {
        status = ms_echo_init(parts->echo, e->hear_hz, e->clock_hz, config->aec_tail_ms);
        if (status == MS_OK) e->echo = parts->echo;
    }
    if (status == MS_OK && parts->keys) {
        e->keys = parts->keys;
        status = ms_goertzel_init(e->keys, e->hear_hz);
    }
    if (parts->confirm) {
        e->confirm = parts->confirm;
        ms_confirm_init(e->confirm, config->silero);
    }
    if (status == MS_OK && parts->bridge) {
        e->bridge = parts->bridge;
        status = ms_bridge_init(e->bridge, config, e->clock_hz);
    }
    if (status == MS_OK) status = ms_refine_init(&e->refine, config, parts->refine);
    return status;
}

void ms_ears_restart(ms_ears *e) {
    e->restart = true;
    e->pauses = false;
}

int64_t ms_ears_extend(const ms_ears *e, uint32_t timestamp) {
    if (!e->begun) return timestamp;
    return e->expected + (int32_t)(timestamp - (uint32_t)e->expected);
}

void ms_ears_mask(ms_ears *e, int64_t from, int64_t to) {
    bool apart = e->mask_to == NEVER || from > e->mask_to || to < e->mask_from;
    if (apart || from < e->mask_from) e->mask_from = from;
    if (apart || to > e->mask_to) e->mask_to = to;
}

/* ---- speech ---------------------------------------------------------------------------------------------------- */

static void tell_end(ms_ears *e, enum ms_offset_reason reason, int64_t at_ns, int64_t rtp_extended) {
    e->speaking = false;
    ms_event event = {
        .kind = MS_EVENT_OFFSET, .reason = (uint8_t)reason, .at_ns = at_ns, .rtp_extended = rtp_extended,
    };
    ms_playout_position(e->playout, &event.position);
    ms_events_push(e->events, &event);
}

static void tell_offset(ms_ears *e, int64_t at_ns, int64_t rtp_extended) {
    tell_end(e, MS_OFFSET_QUIET, at_ns, rtp_extended);
}

static void tell_lull(ms_ears *e, enum ms_lull_reason reason, int64_t at_ns, int64_t rtp_extended) {
    e->lulled = reason == MS_LULL_BEGAN;
    ms_event event = {
        .kind = MS_EVENT_LULL, .reason = (uint8_t)reason, .at_ns = at_ns, .rtp_extended = rtp_extended,
    };
    ms_playout_position(e->playout, &event.position);
    ms_events_push(e->events, &event);
}

/* The half so many before the last that the gate judged: what was lost between them is not counted. */
static uint64_t judged_before(const ms_ears *e, uint32_t halves) {
    return (e->judged > halves ? e->judged - 1 - halves : 0) % MS_EARS_ARRIVALS;
}

/* The gate's hangover hides for 200 ms that a cough is over; whoever judges a hold cannot wait so long. */
static void watch_lull(ms_ears *e, int64_t rtp_extended) {
    if (ms_gate_active(&e->gate)) {
        e->still_halves = 0;
        if (e->lulled) tell_lull(e, MS_LULL_OVER, e->last_audio_ns, rtp_extended);
        return;
    }
    if (++e->still_halves != MS_EARS_LULL_HALVES || e->lulled) return;
    int64_t sounded_ns = e->arrivals[judged_before(e, MS_EARS_LULL_HALVES)];
    tell_lull(e, MS_LULL_BEGAN, sounded_ns, e->places[judged_before(e, MS_EARS_LULL_HALVES - 1)]);
}

static void tell_onset(ms_ears *e, int64_t rtp_extended) {
    e->speaking = true;
    e->lulled = false;
    e->still_halves = 0;
    e->onsets++;
    e->onset_ns = e->last_audio_ns;
    e->onset_rtp = rtp_extended;
    e->onset_hold = ms_playout_onset(e->playout, rtp_extended);
}

/* Nobody spoke: the voice goes on, and what was told is taken back. */
static void deny(ms_ears *e) {
    e->denied = true;
    e->wary_until = e->halves + MS_EARS_WARY_MS / MS_EARS_BLOCK_MS;
    if (!e->speaking) return;
    e->denials++;
    ms_playout_deny(e->playout, e->onset_hold);
    tell_end(e, MS_OFFSET_DENIED, e->onset_ns, e->onset_rtp);
}

/* A voice may begin in what was denied, and where the gate is not believed it is what counts. */
static void confirm(ms_ears *e, const int16_t *block, bool gate_open, const ms_span *span) {
    enum ms_confirm_sound sound = !(span->flags & MS_SPAN_GAP)   ? MS_CONFIRM_HEARD
                                  : span->flags & MS_SPAN_QUIET ? MS_CONFIRM_UNSENT : MS_CONFIRM_LOST;
    enum ms_confirm_verdict verdict = ms_confirm_hear(e->confirm, block, gate_open, sound);
    if (verdict == MS_CONFIRM_NO_VOICE) deny(e);
    if (verdict != MS_CONFIRM_VOICE) return;
    e->denied = false;
    e->wary_until = 0;
    if (e->gate_open && !e->speaking) tell_onset(e, span->rtp_extended);
}

/* Edges are made of the gate's level and of what was told, not of its own edges: an end that we had to tell because
 * packets stopped may be followed by speech that the gate never saw interrupted. */
static void watch(ms_ears *e, const int16_t *half, int64_t rtp_extended, bool made_up) {
    int16_t thinned[MS_MAX_FRAME / 2];
    float residual_dbfs = e->echo ? ms_echo_residual_dbfs(e->echo) : NO_RESIDUAL_DBFS;
    int verdict = ms_gate_process(&e->gate, for_gate(e, half, thinned), residual_dbfs);
    e->gate_open = verdict == MS_GATE_ONSET || verdict == MS_GATE_SPEECH;
    if (!e->gate_open) e->denied = false;
    bool believed = !e->denied && e->halves >= e->wary_until;
    if (e->gate_open && !e->speaking && believed && !made_up) {
        tell_onset(e, rtp_extended);
    } else if (!e->gate_open && e->speaking) {
        int64_t spoke_ns = e->arrivals[judged_before(e, MS_EARS_HANGOVER_HALVES - 1)];
        tell_offset(e, spoke_ns, e->places[judged_before(e, MS_EARS_HANGOVER_HALVES)]);
    } else if (e->speaking) {
        watch_lull(e, rtp_extended);
    }
}

/* After a jump nothing may be taken for the rest of what was said before it. */
static void close_gate(ms_ears *e, bool lost) {
    static const int16_t silence[MS_MAX_FRAME / 2]; /* at any rate of the gate's */
    if (e->speaking) tell_offset(e, e->last_audio_ns, e->expected);
    for (int ms = 0; e->gate_open && ms < 2 * MS_EARS_HANGOVER_MS; ms += MS_FRAME_MS / 2) {
        int verdict = ms_gate_process(&e->gate, silence, NO_RESIDUAL_DBFS);
        e->gate_open = verdict == MS_GATE_ONSET || verdict == MS_GATE_SPEECH;
    }
    e->denied = false;
    if (e->confirm) ms_confirm_restart(e->confirm, lost);
}

static bool may_be_lost(const ms_ears *e) { return !e->pauses && !e->restart; }

static int64_t after_audio(const ms_ears *e, int64_t ms) { return e->last_audio_ns + ms * MS_NS_PER_MS; }

int64_t ms_ears_deadline(const ms_ears *e) {
    if (!e->speaking) return INT64_MAX;
    return after_audio(e, may_be_lost(e) && e->lulled ? MS_EARS_DEAD_MS : MS_EARS_QUIET_MS);
}

void ms_ears_handle_deadline(ms_ears *e, int64_t now_ns) {
    if (now_ns < ms_ears_deadline(e)) return;
    if (!may_be_lost(e) || now_ns >= after_audio(e, MS_EARS_DEAD_MS)) tell_offset(e, e->last_audio_ns, e->expected);
    else tell_lull(e, MS_LULL_BEGAN, e->last_audio_ns, e->expected);
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

static void deliver(ms_ears *e, const int16_t *half, uint32_t n, bool gate_open, ms_span *span) {
    e->block_n += (uint32_t)ms_resampler_process(&e->resampler, half, n, e->block + e->block_n);
    if (e->block_n < MS_EARS_BLOCK) return;
    ms_ears_ring_put(&e->ring, e->block, span);
    if (e->confirm) confirm(e, e->block, gate_open, span);
    e->block_n -= MS_EARS_BLOCK;
    memmove(e->block, e->block + MS_EARS_BLOCK, e->block_n * sizeof *e->block);
}

/* The gate does not look at what we made up, since it would learn our silence as the line's; unless it waits for an end.
 * What was lost is none for a while, but where we had to tell of one before we knew. */
static bool is_for_gate(const ms_ears *e, uint32_t flags) {
    if (!(flags & MS_SPAN_GAP)) return true;
    if (!e->speaking) return e->gate_open;
    return flags & MS_SPAN_QUIET || e->lost_halves >= MS_EARS_LOST_HALVES;
}

static void judge_half(ms_ears *e, const int16_t *half, int64_t rtp_extended, bool made_up) {
    e->arrivals[e->judged % MS_EARS_ARRIVALS] = e->last_audio_ns;
    e->places[e->judged++ % MS_EARS_ARRIVALS] = rtp_extended;
    watch(e, half, rtp_extended, made_up);
    if (ms_gate_active(&e->gate)) e->lost_halves = 0;
}

static void listen_to_half(ms_ears *e, int index, int64_t rtp_extended) {
    uint32_t flags = e->half_flags[index];
    bool made_up = flags & MS_SPAN_GAP;
    e->halves++;
    if (e->has_gate && is_for_gate(e, flags))
        judge_half(e, e->frame + (uint32_t)index * samples_in(e, MS_EARS_BLOCK_MS), rtp_extended, made_up);
    else if (made_up)
        e->lost_halves++;
    e->half_open[index] = e->gate_open;
    if (e->speaking) e->half_flags[index] |= MS_SPAN_SPEECH;
}

static void deliver_half(ms_ears *e, int index, int64_t rtp_extended) {
    uint32_t n = samples_in(e, MS_EARS_BLOCK_MS), flags = e->half_flags[index];
    if (e->jumped) flags |= MS_SPAN_RESYNC;
    e->jumped = false;
    ms_span span = {
        .rtp_extended = rtp_extended, .at_ns = e->last_audio_ns, .n = MS_EARS_BLOCK, .flags = flags,
    };
    deliver(e, e->frame + (uint32_t)index * n, n, e->half_open[index], &span);
}

/* To people, too. A frame that only fills a gap came with the packet after it, whatever the network did; when all of it
 * is silence of ours, it was never sent at all. */
static void hand_over(ms_ears *e, int64_t began) {
    uint32_t n = samples_in(e, MS_FRAME_MS), flags = 0;
    if (e->frame_filled == n) flags = e->frame_silent == n ? MS_JITTER_QUIET : MS_JITTER_CONCEALED;
    ms_bridge_put(e->bridge, e->frame, n, began, e->last_audio_ns, flags);
}

/* The gate listens before the suppressors. What they would take away it has its own measures of: noise floor and
 * residual echo. */
static void run_frame(ms_ears *e) {
    uint32_t frame = samples_in(e, MS_FRAME_MS);
    int64_t began = e->expected - ticks_in(e, MS_FRAME_MS), second = began + ticks_in(e, MS_FRAME_MS / 2);
    bool heard = e->frame_silent < frame;
    if (heard) ms_refine_before(&e->refine, e->frame, frame);
    if (heard && e->echo) ms_echo_process(e->echo, e->frame, e->frame, frame, began);
    listen_to_half(e, 0, began);
    listen_to_half(e, 1, second);
    const float *echo = heard && e->echo ? ms_echo_estimate(e->echo) : NULL;
    ms_refine_after(&e->refine, e->frame, frame, echo, heard, e->speaking);
    if (e->bridge) hand_over(e, began);
    deliver_half(e, 0, began);
    deliver_half(e, 1, second);
    e->frame_n = e->frame_filled = e->frame_silent = 0;
    e->half_flags[0] = e->half_flags[1] = 0;
}

/* Takes n samples that stand at `expected` into the frame in progress, and runs each frame that is full. */
static void gather(ms_ears *e, const int16_t *pcm, uint32_t n, uint32_t flags, bool silent) {
    uint32_t frame = samples_in(e, MS_FRAME_MS), half = frame / 2;
    while (n > 0) {
        uint32_t rest_of_half = half - e->frame_n % half;
        uint32_t piece = n < rest_of_half ? n : rest_of_half;
        memcpy(e->frame + e->frame_n, pcm, piece * sizeof *pcm);
        e->half_flags[e->frame_n / half] |= flags;
        e->frame_filled += flags & MS_SPAN_GAP ? piece : 0;
        e->frame_silent += silent ? piece : 0;
        e->frame_n += piece;
        advance(e, piece);
        pcm += piece;
        n -= piece;
        if (e->frame_n == frame) run_frame(e);
    }
}

/* Whether a key sounds in the next n samples. */
static bool is_masked(const ms_ears *e, uint32_t n) {
    return e->mask_to != NEVER && e->expected < e->mask_to && e->expected + ticks_of(e, n) > e->mask_from;
}

/* ---- gaps ------------------------------------------------------------------------------------------------------ */

/* What a gap is filled with: silence (nothing was lost), or a guess. A codec that conceals out of its own state may
 * find a copy of the last lost packet in the one that came after the gap. */
typedef struct filling {
    ms_coder *coder;
    const ms_reorder_packet *next;
    uint32_t concealable, copied;  /* samples from the beginning that are guessed; at the end, that `next` may hold */
} filling;

static void guess(ms_ears *e, const filling *f, int16_t *pcm, uint32_t n, bool is_last) {
    bool copied = is_last && f->copied > 0;
    bool done = ms_coder_conceals(f->coder) &&
                ms_coder_lost(f->coder, pcm, (int)n, copied ? f->next->payload : NULL, copied ? f->next->n : 0) == (int)n;
    if (!done) ms_concealer_lost(e->concealer, pcm, n);
    e->concealed_samples += n;
    e->concealed_speech_samples += e->speaking ? n : 0;
}

static void fill_piece(ms_ears *e, const filling *f, uint32_t n, bool conceal, bool is_last) {
    int16_t pcm[MS_CODER_MAX_SAMPLES] = {0};
    bool masked = is_masked(e, n);
    if (conceal) guess(e, f, pcm, n, is_last);
    if (masked) memset(pcm, 0, n * sizeof *pcm);
    uint32_t flags = masked ? MS_SPAN_MASKED : f->concealable > 0 ? MS_SPAN_GAP : MS_SPAN_GAP | MS_SPAN_QUIET;
    gather(e, pcm, n, flags, masked || !conceal);
}

static void fill_gap(ms_ears *e, const filling *f, uint32_t gap) {
    uint32_t piece = samples_in(e, MS_FRAME_MS / 2);
    for (uint32_t done = 0, n; done < gap; done += n) {
        bool is_last = gap - done <= (f->copied > piece ? f->copied : piece);
        n = is_last ? gap - done : piece;
        fill_piece(e, f, n, done < f->concealable, is_last);
    }
}

/* Whoever listens gets what was gathered before the jump: the last word is not cut. */
static void jump(ms_ears *e, uint32_t timestamp, bool lost) {
    static const int16_t silence[MS_MAX_FRAME];
    if (e->begun) {
        if (e->frame_n > 0) gather(e, silence, samples_in(e, MS_FRAME_MS) - e->frame_n, MS_SPAN_GAP, true);
        close_gate(e, lost);
        e->jumped = true;
        e->resyncs++;
        if (e->echo) ms_echo_resync(e->echo);
        e->base = e->expected + (uint32_t)(timestamp - (uint32_t)e->expected);
    } else {
        e->base = timestamp;
    }
    e->samples = 0;
    e->expected = e->base;
    e->mask_from = e->mask_to = NEVER;
    e->begun = true;
    e->restart = false;
}

/* ---- packets --------------------------------------------------------------------------------------------------- */

/* Whether nothing was sent in the `ahead` ticks before a packet, and no key sounded instead. */
static bool is_pause(const ms_ears *e, int64_t ahead, bool lost) {
    if (!e->begun || e->restart || lost || ahead < ticks_in(e, MS_FRAME_MS)) return false;
    return e->mask_to == NEVER || e->mask_to <= e->expected || e->mask_from >= e->expected + ahead;
}

/* Makes the packet's time stamp the one that is expected. */
static void arrive_at(ms_ears *e, const ms_reorder_packet *packet, ms_coder *coder, uint32_t n, bool lost) {
    int64_t ahead = ms_ears_extend(e, packet->timestamp) - e->expected;
    bool follows = e->begun && !e->restart && ahead >= 0 && ahead <= ticks_in(e, MS_EARS_MAX_GAP_MS);
    uint32_t gap = follows ? (uint32_t)(ahead * e->hear_hz / e->clock_hz) : 0;
    e->pauses |= is_pause(e, ahead, lost);
    if (!follows) {
        jump(e, packet->timestamp, lost);
        ms_coder_reset(coder);
    }
    e->last_audio_ns = packet->received_ns;
    filling f = {.coder = coder, .next = packet, .concealable = lost ? samples_in(e, MS_EARS_CONCEAL_MS) : 0,
                 .copied = lost && ms_coder_conceals(coder) ? n : 0};
    fill_gap(e, &f, gap);
}

void ms_ears_forget_keys(ms_ears *e) { e->keys = NULL; }

static void tell_key(ms_ears *e, const ms_goertzel_key *key) {
    ms_event event = {
        .kind = MS_EVENT_DTMF, .code = key->code, .arg = key->duration_ms, .at_ns = e->last_audio_ns,
        .rtp_extended = e->expected - ticks_in(e, key->duration_ms),
    };
    ms_playout_position(e->playout, &event.position);
    ms_events_push(e->events, &event);
}

/* Keys in band, told when they have ended; true: one sounds, which is no speech. Its first 25 ms are past by then. */
static bool hear_keys(ms_ears *e, const int16_t *pcm, uint32_t n) {
    ms_goertzel_key key;
    if (!e->keys) return false;
    for (uint32_t done = 0, piece; done < n; done += piece) {
        piece = n - done < samples_in(e, MS_FRAME_MS) ? n - done : samples_in(e, MS_FRAME_MS);
        if (ms_goertzel_process(e->keys, pcm + done, piece, &key) == 1) tell_key(e, &key);
    }
    return ms_goertzel_sounds(e->keys);
}

void ms_ears_describe(ms_ears *e, const ms_reorder_packet *packet, uint32_t lost) {
    ms_comfort_noise noise;
    if (ms_comfort_parse(packet->payload, packet->n, &noise) != MS_OK) return;
    e->pauses = true;
    if (!e->coder) return;
    int64_t ahead = ms_ears_extend(e, packet->timestamp) - e->expected;
    if (!e->restart && ahead >= 0 && ahead <= ticks_in(e, MS_EARS_MAX_GAP_MS))
        arrive_at(e, packet, e->coder, 0, lost > 0);
    ms_comfort_at_rate(&noise, e->coder->codec.hear_hz, e->hear_hz);
    ms_concealer_told(e->concealer, &noise);
    if (e->bridge) ms_bridge_describe(e->bridge, &noise);
}

static void hear_samples(ms_ears *e, const ms_coder *coder, int16_t *pcm, uint32_t n) {
    bool masked = hear_keys(e, pcm, n) || is_masked(e, n), repairs = !ms_coder_conceals(coder);
    if (masked) memset(pcm, 0, n * sizeof *pcm); /* whole packets: a key's edges may lie within them */
    if (repairs) ms_concealer_good(e->concealer, pcm, n);
    if (masked && repairs) memset(pcm, 0, n * sizeof *pcm); /* and no echo of what was before it is merged in */
    gather(e, pcm, n, masked ? MS_SPAN_MASKED : 0, masked);
}

int ms_ears_hear(ms_ears *e, const ms_reorder_packet *packet, ms_coder *coder, uint32_t lost) {
    int16_t pcm[MS_CODER_MAX_SAMPLES];
    int said = ms_coder_samples(coder, packet->payload, packet->n);
    if (said <= 0) return MS_E_ARGUMENT;
    e->coder = coder;
    arrive_at(e, packet, coder, (uint32_t)said, lost > 0);
    if (e->echo) ms_echo_arrival(e->echo, e->expected, packet->received_ns);
    int n = ms_coder_decode(coder, packet->payload, packet->n, pcm);
    if (n > 0) {
        hear_samples(e, coder, pcm, (uint32_t)n);
        return MS_OK;
    }
    filling f = {.coder = coder, .concealable = (uint32_t)said};
    fill_gap(e, &f, (uint32_t)said);
    return MS_E_ARGUMENT;
}

void ms_ears_said(ms_ears *e, const int16_t *pcm, uint32_t n, int64_t due_ns) {
    int16_t heard[MS_MAX_FRAME];
    if (!e->reference) {
        ms_echo_reference(e->echo, pcm, n, due_ns);
        return;
    }
    size_t m = ms_resampler_process(e->reference, pcm, n, heard);
    ms_echo_reference(e->echo, heard, m, due_ns);
}
