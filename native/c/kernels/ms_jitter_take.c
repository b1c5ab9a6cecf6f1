/* What goes out of the jitter buffer: each tick the cursor is steered towards its ideal place, and 20 ms are made of
 * what stands there. */
#include "ms_jitter_state.h"
#include "ms_stretch.h"

#include <string.h>

enum { DOWN_MARGIN_US = 500, LONG_GAP_MS = 100 };
enum { URGENT_MS = 60, REST_TICKS = 2, URGENT_REST_TICKS = 1 }; /* between two shifts in speech */
enum { VOICE_GONE_MS = 100 };                                 /* of a gap: what is left is comfort noise (ms_conceal.h) */
static const float LIKENESS = 0.9f, LIKENESS_GIVEN_UP = 0.5f; /* asked of speech; how much less when it is urgent */
static const float QUIET_ENERGY = 30.0f * 30.0f;              /* per sample; below it nobody hears a seam */
static const float BELOW_VOICE = 1.0f / 300, MOST_OF_VOICE = 1.0f / 100, ABOVE_FLOOR = 4.0f;
static const float RISE = 0.25f, VOICE_FALL = 0.999f;         /* of the voice's level, a frame */
enum { QUIET_FRAMES = 75 };                                   /* in which a speaker is taken to pause */
static const int64_t FARTHEST = INT64_C(1) << 60;

/* ---- how loud it is --------------------------------------------------------------------------------------------- */

static float energy_of(const int16_t *pcm, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += (float)pcm[i] * (float)pcm[i];
    return sum / (float)n;
}

/* What is heard when nobody speaks; a floor that is near the voice is voice that did not pause. */
static float floor_energy(const ms_jitter *j) {
    float quietest = j->quiet_now < j->quiet_before ? j->quiet_now : j->quiet_before;
    float most = MOST_OF_VOICE * j->voice_energy;
    return quietest < most ? quietest : most;
}

static bool is_quiet(const ms_jitter *j, float energy) {
    return energy < QUIET_ENERGY || energy < BELOW_VOICE * j->voice_energy || energy < ABOVE_FLOOR * floor_energy(j);
}

/* Silence to the bit says nothing of how quiet the line is: nobody sent it. */
static void learn_level(ms_jitter *j, float energy) {
    if (energy == 0) return;
    j->voice_energy = energy > j->voice_energy ? j->voice_energy + (energy - j->voice_energy) * RISE
                                               : j->voice_energy * VOICE_FALL;
    if (energy < j->quiet_now) j->quiet_now = energy;
    if (++j->quiet_frames < QUIET_FRAMES) return;
    j->quiet_before = j->quiet_now;
    j->quiet_now = energy;
    j->quiet_frames = 0;
}

/* ---- what is not there ------------------------------------------------------------------------------------------ */

static void conceal(ms_jitter *j, int16_t *out, size_t n, ms_jitter_made *made) {
    if (j->gap == 0) j->gap_in_voice = !is_quiet(j, energy_of(j->last_frame, (size_t)j->frame));
    bool after_voice = j->gap_in_voice && j->gap < ms_jitter_samples(j, VOICE_GONE_MS);
    ms_concealer_lost(j->concealer, out, n);
    if (j->gap < INT32_MAX / 2) j->gap += (int32_t)n;
    *(after_voice ? &j->statistics.concealed_voice : &j->statistics.concealed_silence) += n;
    made->concealed += (uint16_t)n;
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

static void count_played(ms_jitter *j, size_t n, ms_jitter_made *made) {
    uint8_t mark = ms_timeline_mark_at(&j->timeline, j->timeline.at);
    j->statistics.filled_before_us += mark == MS_MADE_UP ? n : 0;
    j->statistics.played += n;
    made->played += (uint16_t)n;
}

/* The concealer blends what follows a gap into what it would have made up: here of a gap of one sample, not heard. */
static void begin_splice(ms_jitter *j) {
    int16_t unheard;
    ms_concealer_lost(j->concealer, &unheard, 1);
}

static void play(ms_jitter *j, int16_t *out, size_t n, ms_jitter_made *made) {
    count_played(j, n, made);
    ms_timeline_copy(&j->timeline, out, n);
    ms_timeline_advance(&j->timeline, (int64_t)n);
    if (j->splice && j->gap == 0) begin_splice(j);
    ms_concealer_good(j->concealer, out, n);
    j->gap = 0;
    j->splice = false;
}

/* ---- stretching ------------------------------------------------------------------------------------------------- */

/* The shift that speech allows, up to what is wanted (to skip, or, negative, to repeat); 0: none now. */
static int32_t shift_in_speech(ms_jitter *j, const int16_t *sound, int32_t wanted) {
    int32_t rate_hz = j->config.rate_hz, size = wanted < 0 ? -wanted : wanted;
    int32_t shortest = (int32_t)((int64_t)rate_hz * MS_STRETCH_SHORTEST_US / 1000000);
    int32_t longest = ms_jitter_samples(j, MS_STRETCH_LONGEST_MS), urgent = ms_jitter_samples(j, URGENT_MS);
    if (j->rest_ticks > 0 || size < shortest) return 0;
    float urgency = size < urgent ? (float)size / (float)urgent : 1;
    if (size < longest) longest = size;
    float likeness = LIKENESS - LIKENESS_GIVEN_UP * urgency;
    int32_t shift = wanted > 0 ? ms_stretch_find(sound, rate_hz, shortest, longest, likeness)
                               : ms_stretch_find(sound, rate_hz, -longest, -shortest, likeness);
    if (shift != 0) j->rest_ticks = size < urgent ? REST_TICKS : URGENT_REST_TICKS;
    return shift;
}

static int32_t shift_in_quiet(const ms_jitter *j, int32_t wanted) {
    return wanted > j->frame ? j->frame : wanted < -j->frame ? -j->frame : wanted;
}

/* Plays a frame with a shift in it; false: none is possible now. */
static bool play_shifted(ms_jitter *j, int16_t *out, int32_t wanted, size_t ready, ms_jitter_made *made) {
    int16_t sound[3 * MS_MAX_FRAME];
    size_t frame = (size_t)j->frame;
    int32_t spare = (int32_t)(ready - frame);
    if (wanted > spare) wanted = spare;
    if (wanted == 0) return false;
    memcpy(sound, j->last_frame, frame * sizeof *sound);
    ms_timeline_copy(&j->timeline, sound + frame, ready);
    float energy = energy_of(sound + frame, ready);
    int32_t shift = is_quiet(j, energy) ? shift_in_quiet(j, wanted) : shift_in_speech(j, sound + frame, wanted);
    if (shift == 0) return false;
    count_played(j, frame, made);
    ms_stretch_apply(sound + frame, j->config.rate_hz, shift, out, frame);
    ms_timeline_advance(&j->timeline, (int64_t)frame + shift);
    ms_concealer_good(j->concealer, out, frame);
    *(shift > 0 ? &made->shrunk : &made->stretched) += (uint16_t)(shift > 0 ? shift : -shift);
    return true;
}

/* ---- the tick --------------------------------------------------------------------------------------------------- */

static int32_t clamped(const ms_jitter *j, int64_t samples) {
    int32_t most = j->timeline.capacity;
    return samples > most ? most : samples < -most ? -most : (int32_t)samples;
}

/* Samples to skip, or, negative, to repeat, to come to the ideal place. */
static int32_t wanted_shift(const ms_jitter *j, int64_t due_ns) {
    int32_t margin = j->config.rate_hz / 1000 * DOWN_MARGIN_US / 1000;
    int64_t at = j->timeline.at;
    int64_t down = ms_jitter_place(j, due_ns, ms_delay_recent(&j->delay), margin);
    int32_t target = ms_delay_target(&j->delay), ahead = ms_delay_ahead(&j->delay);
    int64_t up = ms_jitter_place(j, due_ns, ahead > target ? ahead : target, 0);
    if (down > up) down = up;
    return clamped(j, at < down ? down - at : at > up ? up - at : 0);
}

/* The part of a hole that lies before the ideal place is not waited through. */
static size_t skip_hole(ms_jitter *j, size_t hole, int64_t due_ns) {
    int32_t surplus = wanted_shift(j, due_ns);
    if (j->gap >= ms_jitter_samples(j, LONG_GAP_MS)) {
        int64_t halfway = ms_jitter_place(j, due_ns, ms_delay_target(&j->delay) / 2, 0);
        int32_t more = clamped(j, halfway - j->timeline.at);
        if (more > surplus) surplus = more;
    }
    if (surplus <= 0) return 0;
    size_t skipped = (size_t)surplus < hole ? (size_t)surplus : hole;
    ms_timeline_advance(&j->timeline, (int64_t)skipped);
    j->splice = true;
    return skipped;
}

/* One piece of a frame of which `done` samples are made; returns its length. */
static size_t fill(ms_jitter *j, int16_t *out, size_t done, int64_t due_ns, ms_jitter_made *made) {
    size_t frame = (size_t)j->frame, left = frame - done, ready = ms_timeline_ready(&j->timeline, 2 * frame);
    if (ready == 0) {
        size_t hole = ms_timeline_hole(&j->timeline);
        if (hole > 0 && skip_hole(j, hole, due_ns) == hole) return 0;
        hole = ms_timeline_hole(&j->timeline);
        size_t n = hole > 0 && hole < left ? hole : left;
        conceal(j, out, n, made);
        if (hole > 0) ms_timeline_advance(&j->timeline, (int64_t)n);
        return n;
    }
    bool whole = done == 0 && j->gap == 0 && !j->splice && ready >= frame;
    if (whole && play_shifted(j, out, wanted_shift(j, due_ns), ready, made)) return frame;
    size_t n = ready < left ? ready : left;
    play(j, out, n, made);
    return n;
}

/* Nothing was heard before the first packet: nothing is made up for it either. */
static size_t wait_for_first(ms_jitter *j, int16_t *out, int64_t due_ns, ms_jitter_made *made) {
    size_t n = (size_t)j->frame;
    if (j->heard && !j->playing) {
        j->playing = true;
        ms_jitter_flush_to(j, ms_jitter_place(j, due_ns, ms_delay_target(&j->delay), 0));
    }
    if (j->playing && j->statistics.played > 0) return 0;
    if (j->playing) {
        size_t hole = ms_timeline_hole(&j->timeline);
        if (hole < n) n = hole;
        ms_timeline_advance(&j->timeline, (int64_t)n);
        j->splice = false;
    }
    memset(out, 0, n * sizeof *out);
    j->statistics.noise += n;
    made->noise += (uint16_t)n;
    return n;
}

int ms_jitter_take(ms_jitter *j, int16_t *out, size_t n, int64_t due_ns, ms_jitter_made *made) {
    ms_jitter_made here = {.rtp_begin = j->timeline.at};
    if (n != (size_t)j->frame || due_ns < -FARTHEST || due_ns > FARTHEST) return MS_E_ARGUMENT;
    if (j->heard && j->playing)
        j->statistics.current_ms = (float)(ms_delay_front(&j->delay, due_ns) - j->timeline.at + j->packet) * 1000.0f /
                                   (float)j->config.rate_hz;
    size_t done = wait_for_first(j, out, due_ns, &here);
    while (done < n) done += fill(j, out + done, done, due_ns, &here);
    if (here.played == n) learn_level(j, energy_of(out, n));
    if (j->rest_ticks > 0) j->rest_ticks--;
    memcpy(j->last_frame, out, n * sizeof *out);
    j->statistics.out_samples += n;
    j->statistics.stretched += here.stretched;
    j->statistics.shrunk += here.shrunk;
    here.rtp_end = j->timeline.at;
    if (made) *made = here;
    return MS_OK;
}

void ms_jitter_told(ms_jitter *j, const ms_comfort_noise *noise) { ms_concealer_told(j->concealer, noise); }
