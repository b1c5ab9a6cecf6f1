#include "ms_playout.h"

#include <string.h>

#define FULL_GAIN 32768
#define DUCKED_GAIN 4125 /* -18 dB */

void ms_playout_position(const ms_playout *p, ms_position *out) {
    int64_t heard = ms_heard_at(&p->heard, p->generation, p->at_ns);
    *out = (ms_position){
        .generation = p->generation, .hold = p->hold, .wire = p->wire, .source = p->source,
        .heard = heard < p->source ? heard : p->source, .heard_error = p->heard_error, .at_ns = p->at_ns,
    };
}

static void tell(ms_playout *p, ms_event event) {
    event.at_ns = p->now_ns;
    ms_playout_position(p, &event.position);
    ms_events_push(p->events, &event);
}

static size_t samples_in(const ms_config *config, uint32_t ms) { return (size_t)config->say_hz / 1000 * ms; }

size_t ms_playout_ring_samples(const ms_config *config) {
    return samples_in(config, (uint32_t)config->playout_ms + config->rewind_ms);
}

void ms_playout_init(ms_playout *p, const ms_config *config, int16_t *pcm, ms_events *events) {
    memset(p, 0, sizeof *p);
    ms_voice_init(&p->voice, pcm, samples_in(config, config->playout_ms), samples_in(config, config->rewind_ms));
    ms_heard_init(&p->heard, config->far_delay_ms * MS_NS_PER_MS);
    p->events = events;
    p->rate_hz = config->say_hz;
    p->heard_error = (int64_t)samples_in(config, config->far_delay_error_ms);
    p->gain = FULL_GAIN;
    p->fade_step = FULL_GAIN / (config->say_hz / 1000 * MS_FADE_MS) + 1;
    p->seek = -1;
    p->lease_ends_ns = INT64_MAX;
}

/* ---- gain ----------------------------------------------------------------------------------------------------- */

static int32_t target_gain(const ms_playout *p) {
    static const int32_t by_mode[] = {
        [MS_MODE_PLAY] = FULL_GAIN, [MS_MODE_DUCK] = DUCKED_GAIN, [MS_MODE_HOLD] = 0,
    };
    return p->dying || p->seek >= 0 ? 0 : by_mode[p->mode];
}

static bool is_alive(const ms_playout *p, uint32_t generation) {
    return generation > atomic_load_explicit(&p->voice.dead, memory_order_relaxed);
}

/* Answers every flush that waits. The position is the asked generation's own; one that was never begun has sent
 * nothing, and one that ended before is told by the later generation in its place. */
static void acknowledge_flushes(ms_playout *p) {
    for (uint32_t i = 0; i < p->flush_count; i++) {
        ms_event event = {.kind = MS_EVENT_FLUSHED, .arg = p->flushes[i], .at_ns = p->now_ns};
        ms_playout_position(p, &event.position);
        if (p->generation < p->flushes[i])
            event.position = (ms_position){
                .generation = p->flushes[i], .hold = p->hold, .heard_error = p->heard_error, .at_ns = p->at_ns,
            };
        ms_events_push(p->events, &event);
    }
    p->flush_count = 0;
}

/* What had to wait for silence. */
static void settle(ms_playout *p) {
    if (p->gain != 0) return;
    if (p->dying) {
        p->dying = 0;
        p->seek = -1;
        p->sounding = false;
        acknowledge_flushes(p);
        p->gain = target_gain(p);
    }
    if (p->seek >= 0) {
        ms_voice_rewind(&p->voice, p->start + (uint64_t)p->seek);
        p->source = p->seek;
        p->seek = -1;
    }
}

/* Nothing sounds: what waits for silence has it, and the gain may jump to where it should be. */
static void fall_silent(ms_playout *p) {
    p->sounding = false;
    if (p->seek >= 0 || p->dying) {
        p->gain = 0;
        settle(p);
        return; /* a voice that goes on from elsewhere is faded in */
    }
    p->gain = target_gain(p);
}

static void apply_gain(ms_playout *p, int16_t *pcm, uint64_t n) {
    int32_t target = target_gain(p);
    if (p->gain == FULL_GAIN && target == FULL_GAIN) return;
    for (uint64_t i = 0; i < n; i++) {
        if (p->gain < target) p->gain = p->gain + p->fade_step < target ? p->gain + p->fade_step : target;
        if (p->gain > target) p->gain = p->gain - p->fade_step > target ? p->gain - p->fade_step : target;
        pcm[i] = (int16_t)((pcm[i] * p->gain + FULL_GAIN / 2) >> 15);
    }
}

/* Samples until the gain arrives, so that nothing is taken beyond the point where it does. */
static uint64_t samples_of_fade(const ms_playout *p) {
    int32_t way = target_gain(p) - p->gain;
    if (way == 0) return UINT64_MAX;
    return (uint64_t)(((way < 0 ? -way : way) + p->fade_step - 1) / p->fade_step);
}

/* ---- the tick ------------------------------------------------------------------------------------------------- */

static void fire_marks(ms_playout *p) {
    for (ms_mark *mark = p->marks; mark < p->marks + MS_MARKS; mark++) {
        if (mark->generation == 0) continue;
        bool over = mark->generation < p->generation || !is_alive(p, mark->generation);
        bool due = mark->generation == p->generation && mark->source <= p->source;
        if (!over && !due) continue;
        if (!over) tell(p, (ms_event){.kind = MS_EVENT_MARK, .name = mark->name, .arg = mark->source});
        mark->generation = 0;
    }
}

static void begin_generation(ms_playout *p, uint32_t generation) {
    p->generation = generation;
    p->start = atomic_load_explicit(&p->voice.read, memory_order_relaxed);
    p->wire = p->source = 0;
    p->starving = false;
    if (!p->sounding) p->gain = target_gain(p);
}

static void end_generation(ms_playout *p, const ms_passage *passage) {
    if (passage->generation <= p->finished || !is_alive(p, passage->generation)) return;
    if (passage->generation != p->generation) begin_generation(p, passage->generation);
    p->finished = passage->generation;
    fire_marks(p);
    tell(p, (ms_event){.kind = MS_EVENT_FINISHED});
}

/* The passage with samples to play, over the ends of generations; NULL: nothing to play now. */
static const ms_passage *find_samples(ms_playout *p, uint64_t *available) {
    for (;;) {
        const ms_passage *passage = ms_voice_seek(&p->voice, p->dying, available);
        if (passage == NULL || *available > 0) return passage;
        if (!passage->finish) return NULL;
        end_generation(p, passage);
        if (!ms_voice_next(&p->voice)) return NULL;
    }
}

static void take(ms_playout *p, int16_t *out, uint64_t n) {
    ms_voice_take(&p->voice, out, n);
    apply_gain(p, out, n);
    p->wire += (int64_t)n;
    p->source += (int64_t)n;
    p->sounding = true;
    p->starving = false;
    fire_marks(p);
}

static void notice_starvation(ms_playout *p) {
    bool in_progress = p->wire > 0 && is_alive(p, p->generation) && p->finished != p->generation;
    if (!in_progress || p->starving) return;
    p->starving = true;
    p->starved++;
    tell(p, (ms_event){.kind = MS_EVENT_STARVED});
}

static uint64_t smallest(uint64_t a, uint64_t b, uint64_t c) {
    uint64_t least = a < b ? a : b;
    return least < c ? least : c;
}

bool ms_playout_tick(ms_playout *p, int16_t *out, uint32_t n, int64_t due_ns) {
    uint32_t generation = p->generation, filled = 0;
    int64_t from = p->source;
    uint64_t available = 0;
    p->at_ns = due_ns;
    while (filled < n) {
        settle(p);
        if (p->gain == 0 && target_gain(p) == 0) break;
        const ms_passage *passage = find_samples(p, &available);
        if (passage == NULL) {
            notice_starvation(p);
            break;
        }
        if (passage->generation != p->generation) begin_generation(p, passage->generation);
        uint64_t chunk = smallest(available, n - filled, samples_of_fade(p));
        take(p, out + filled, chunk);
        filled += (uint32_t)chunk;
    }
    memset(out + filled, 0, (n - filled) * sizeof *out);
    settle(p);
    if (filled < n) fall_silent(p);
    if (filled > 0) {
        ms_heard_sent(&p->heard, p->generation, due_ns, p->generation == generation ? from : 0, p->source);
        find_samples(p, &available); /* so that the end of a generation is told with its last packet */
    }
    ms_voice_forget(&p->voice, p->start);
    return filled > 0;
}

/* ---- holds ---------------------------------------------------------------------------------------------------- */

/* A voice that stood still has gain zero, and is faded in from there. */
static void end_hold(ms_playout *p, enum ms_release_reason reason) {
    uint32_t hold = p->hold;
    int64_t from = p->seek >= 0 ? p->seek : p->source;
    p->hold = 0;
    p->mode = MS_MODE_PLAY;
    p->lease_ends_ns = INT64_MAX;
    if (!p->sounding && p->seek >= 0) fall_silent(p);
    tell(p, (ms_event){.kind = MS_EVENT_RELEASED, .reason = (uint8_t)reason, .hold = hold, .arg = from});
}

void ms_playout_pause(ms_playout *p) { fall_silent(p); }

int ms_playout_hold(ms_playout *p, enum ms_voice_mode mode, const ms_command *command) {
    if (command->hold == 0 || command->arg < 0 || command->arg > UINT32_MAX || command->flag > MS_ON_LEASE_STAY)
        return MS_E_ARGUMENT;
    p->hold = command->hold;
    p->mode = (uint8_t)mode;
    p->on_lease = command->flag;
    p->lease_ends_ns = command->arg > 0 ? p->now_ns + command->arg * MS_NS_PER_MS : INT64_MAX;
    p->holds++;
    if (!p->sounding) fall_silent(p);
    tell(p, (ms_event){.kind = MS_EVENT_HELD, .hold = p->hold});
    return MS_OK;
}

/* Where a release may go: what the ring still has, and nothing that was not sent before. */
static int64_t within_window(const ms_playout *p, int64_t source) {
    uint64_t kept = atomic_load_explicit(&p->voice.kept, memory_order_relaxed);
    int64_t oldest = kept > p->start ? (int64_t)(kept - p->start) : 0;
    if (source < oldest) source = oldest;
    return source < p->source ? source : -1;
}

int ms_playout_release(ms_playout *p, uint32_t hold, int64_t source) {
    if (source < -1) return MS_E_ARGUMENT;
    if (hold == 0 || hold != p->hold) return MS_E_STALE;
    if (source >= 0 && is_alive(p, p->generation)) p->seek = within_window(p, source);
    end_hold(p, MS_RELEASED_BY_COMMAND);
    return MS_OK;
}

void ms_playout_lease(ms_playout *p) {
    if (p->now_ns < p->lease_ends_ns) return;
    p->leases_expired++;
    p->lease_ends_ns = INT64_MAX;
    if (p->on_lease == MS_ON_LEASE_RELEASE) end_hold(p, MS_RELEASED_BY_LEASE);
}

/* The passage that speaks now, or is about to: sound that waits in the ring would talk over the caller too. */
static const ms_passage *passage_in_progress(ms_playout *p) {
    uint64_t available;
    const ms_passage *passage = ms_voice_seek(&p->voice, p->dying, &available);
    if (passage == NULL || !is_alive(p, passage->generation)) return NULL;
    return passage->finish ? NULL : passage;
}

uint32_t ms_playout_onset(ms_playout *p, int64_t rtp_extended) {
    bool asked_for = p->hold != 0 && !(p->hold & MS_ENGINE_HOLD); /* Python's own hold is not ours to replace */
    const ms_passage *passage = passage_in_progress(p);
    bool armed = !asked_for && passage != NULL && passage->arming.on_onset != MS_ON_ONSET_IGNORE;
    uint32_t hold = armed ? MS_ENGINE_HOLD | ++p->engine_holds : 0;
    tell(p, (ms_event){.kind = MS_EVENT_ONSET, .hold = hold, .rtp_extended = rtp_extended});
    if (!armed) return 0;
    ms_command command = {.hold = hold, .arg = passage->arming.lease_ms, .flag = passage->arming.on_lease};
    ms_playout_hold(p, passage->arming.on_onset == MS_ON_ONSET_DUCK ? MS_MODE_DUCK : MS_MODE_HOLD, &command);
    return hold;
}

void ms_playout_deny(ms_playout *p, uint32_t hold) {
    if (hold != 0 && hold == p->hold) end_hold(p, MS_RELEASED_BY_DENIAL);
}

/* ---- flush and marks ------------------------------------------------------------------------------------------- */

/* Dead audio must not fill the ring until the voice moves again, which may be long when nothing is sent. */
static void make_room(ms_playout *p) {
    uint64_t available;
    ms_voice_seek(&p->voice, p->dying, &available);
    if (!p->dying && !is_alive(p, p->generation))
        ms_voice_forget(&p->voice, atomic_load_explicit(&p->voice.read, memory_order_relaxed));
}

int ms_playout_flush(ms_playout *p, uint32_t generation) {
    if (generation == 0) return MS_E_ARGUMENT;
    bool ours = p->generation <= generation;
    if (ours && p->sounding && is_alive(p, p->generation)) p->dying = p->generation;
    ms_voice_kill(&p->voice, generation);
    if (p->flush_count == MS_FLUSHES) acknowledge_flushes(p);
    p->flushes[p->flush_count++] = generation;
    if (ours && p->hold != 0) end_hold(p, MS_RELEASED_BY_FLUSH);
    if (!p->dying) acknowledge_flushes(p);
    fire_marks(p);
    make_room(p);
    return MS_OK;
}

int ms_playout_mark(ms_playout *p, const ms_command *command) {
    if (command->generation == 0 || command->arg < 0) return MS_E_ARGUMENT;
    if (!is_alive(p, command->generation) || command->generation < p->generation) return MS_E_STALE;
    for (ms_mark *mark = p->marks; mark < p->marks + MS_MARKS; mark++) {
        if (mark->generation != 0) continue;
        *mark = (ms_mark){.generation = command->generation, .name = command->name, .source = command->arg};
        return MS_OK;
    }
    return MS_E_FULL;
}
