/* The jitter buffer: how long to wait, where to play, and how to get from one to the other unheard.
 *
 * Sound stands on a time line at its time stamps (ms_timeline), and a cursor goes along it, 20 ms a tick. The distance
 * between the cursor and the *front* (where the sender's clock would be, had all packets the network's least delay:
 * ms_delay) is the delay people are given. Everything else follows from three rules.
 *
 * 1. Where the cursor should be. A packet is of use when it is there at the tick that first needs some of it. Ticks
 *    come every 20 ms and packets begin every so many ms, so the times between need and arrival form a fixed comb: a cursor
 *    that stands inside a packet rather than on its edge costs delay and saves nothing. The ideal place is the latest
 *    packet edge that leaves each packet the target delay. Coming down needs half a millisecond more of room than going
 *    up, so that two clocks that drift past each other do not make it swing, and does not go below what was needed a
 *    moment ago; going up looks ahead while delays are growing.
 * 2. How it gets there. By time stretching (ms_stretch): at most one shift a tick, whole pitch periods in speech and
 *    not in each tick, what is wanted at once where it is quiet. A hole is left out rather than concealed where the
 *    delay is too long anyway. The drift between two clocks is just a cursor that needs a shift now and then.
 * 3. What happens when there is nothing. A hole with sound after it was lost: it is concealed, and the cursor goes on.
 *    When nothing comes after it, the packet may be on its way: it is concealed as well, and the cursor stays, so what
 *    was said is said later, and the delay shrinks back by rule 2. When the sound comes after all, the part of a hole
 *    that lies before the ideal place is skipped: so long gaps, silence that was not sent, and lost packets at the edge
 *    of a hole come out right without being told apart. After a tenth of a second of nothing, half the target will do
 *    to begin with.
 *
 * The ring holds 200 ms more than the longest delay. What does not fit pushes the cursor to its ideal place at once,
 * and is counted (`flushed`). A clock that jumped is seen by packets that neither follow what came before nor come in their
 * time; or that all come late, one after the other: the time line begins anew there.
 *
 * Left out on purpose: the order of packets, their loss and their codec: the ears see to them. */
#include "ms_jitter_state.h"

#include <float.h>
#include <string.h>

enum { DEFAULT_MIN_MS = 40, DEFAULT_MAX_MS = 200, DEFAULT_PACKET_MS = 20 };
enum { JUMP_MS = 1000, EARLY_JUMP_MS = 200, LATE_RUN = 4 };
enum { ALIGNMENT = 16 };
static const int64_t FARTHEST = INT64_C(1) << 60; /* of stamps and times: sums of two still fit */
static const float LOSS_PER_PACKET = 1.0f / 64, FEW_LOST = 0.01f;

int32_t ms_jitter_samples(const ms_jitter *j, int32_t ms) { return j->config.rate_hz / 1000 * ms; }

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static bool is_valid(const ms_jitter_config *c) {
    int32_t hz = c->rate_hz;
    return (hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000) && c->min_ms >= MS_JITTER_MIN_MS &&
           c->min_ms <= c->max_ms && c->max_ms <= MS_JITTER_MAX_MS && c->quantile >= 0.05f && c->quantile <= 0.9999f;
}

static ms_jitter_config completed(const ms_jitter_config *config) {
    ms_jitter_config c = *config;
    if (c.min_ms == 0) c.min_ms = DEFAULT_MIN_MS;
    if (c.max_ms == 0) c.max_ms = DEFAULT_MAX_MS;
    if (c.quantile == 0) c.quantile = MS_DELAY_QUANTILE;
    return c;
}

static size_t aligned(size_t n) { return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static int32_t capacity_of(const ms_jitter_config *c) { return c->rate_hz / 1000 * (c->max_ms + MS_JITTER_SPARE_MS); }

size_t ms_jitter_size(const ms_jitter_config *config) {
    ms_jitter_config c = completed(config);
    if (!is_valid(&c)) return 0;
    size_t frame = (size_t)c.rate_hz / 1000 * MS_FRAME_MS * sizeof(int16_t);
    return aligned(sizeof(ms_jitter)) + aligned(ms_concealer_size(c.rate_hz, MS_CONCEAL_WAVEFORM)) + aligned(frame) +
           ms_timeline_size(capacity_of(&c));
}

int ms_jitter_init(ms_jitter *j, const ms_jitter_config *config) {
    size_t size = ms_jitter_size(config);
    if (size == 0) return MS_E_ARGUMENT;
    memset(j, 0, size);
    j->config = completed(config);
    j->frame = ms_jitter_samples(j, MS_FRAME_MS);
    j->packet = j->grid = ms_jitter_samples(j, DEFAULT_PACKET_MS);
    j->quiet_now = j->quiet_before = FLT_MAX;
    uint8_t *memory = (uint8_t *)j + aligned(sizeof *j);
    j->concealer = (ms_concealer *)memory;
    j->last_frame = (int16_t *)(memory + aligned(ms_concealer_size(j->config.rate_hz, MS_CONCEAL_WAVEFORM)));
    ms_timeline_init(&j->timeline, capacity_of(&j->config),
                     (uint8_t *)j->last_frame + aligned((size_t)j->frame * sizeof(int16_t)));
    ms_delay_init(&j->delay, j->config.rate_hz, j->config.quantile);
    return ms_concealer_init(j->concealer, j->config.rate_hz, MS_CONCEAL_WAVEFORM);
}

/* ---- where to play ---------------------------------------------------------------------------------------------- */

static int32_t within(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

/* How far the cursor stays behind the front. Of the packets that a tick needs, the last begins `frame - grid` after the
 * cursor. The configured delays count from the capture of a packet's first sample, the front from its arrival. */
static int32_t distance(const ms_jitter *j, int32_t delay, int32_t margin) {
    int32_t wanted = delay + j->frame - j->grid;
    int32_t shortest = ms_jitter_samples(j, j->config.min_ms) - j->packet;
    int32_t longest = ms_jitter_samples(j, j->config.max_ms) - j->packet;
    return within(wanted, shortest < 0 ? 0 : shortest, longest < 0 ? 0 : longest) + margin;
}

int64_t ms_jitter_place(const ms_jitter *j, int64_t ns, int32_t delay, int32_t margin) {
    int64_t place = ms_delay_front(&j->delay, ns) - distance(j, delay, margin);
    int64_t over = (place - j->newest_rtp) % j->grid;
    return place - (over < 0 ? over + j->grid : over);
}

void ms_jitter_flush_to(ms_jitter *j, int64_t at) {
    if (at <= j->timeline.at) return;
    j->statistics.flushed += ms_timeline_advance(&j->timeline, at - j->timeline.at);
    j->splice = true;
}

/* ---- what comes in ---------------------------------------------------------------------------------------------- */

static void begin_at(ms_jitter *j, int64_t rtp_extended) {
    j->statistics.flushed += ms_timeline_held(&j->timeline);
    ms_timeline_move(&j->timeline, rtp_extended - ms_jitter_samples(j, j->config.max_ms));
    j->newest_rtp = j->newest_end = rtp_extended;
    j->late_run = 0;
    j->heard = true;
    j->playing = false;
    j->splice = true;
}

void ms_jitter_reset(ms_jitter *j) {
    ms_delay_restart(&j->delay);
    j->statistics.flushed += ms_timeline_held(&j->timeline);
    ms_timeline_move(&j->timeline, 0);
    j->heard = j->playing = false;
    j->splice = true;
}

/* Neither follows what came before, nor comes when its stamp says. */
static bool has_jumped(const ms_jitter *j, int64_t rtp_extended, int64_t arrival_ns) {
    int64_t ahead = rtp_extended - j->newest_end, delay = ms_delay_of(&j->delay, rtp_extended, arrival_ns);
    int32_t jump = ms_jitter_samples(j, JUMP_MS);
    if (ahead >= -jump && ahead <= jump) return false;
    return delay > jump || delay < -ms_jitter_samples(j, EARLY_JUMP_MS);
}

/* Packets that follow each other and are all late: their clock was set back. */
static bool is_late_run(ms_jitter *j, int64_t rtp_extended, size_t n) {
    j->late_run = rtp_extended == j->late_end ? j->late_run + 1 : 1;
    j->late_end = rtp_extended + (int64_t)n;
    return j->late_run >= LATE_RUN;
}

static int32_t greatest_common_divisor(int32_t a, int32_t b) {
    while (b) {
        int32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* What a packet tells of the network. What fills a gap came with the packet after it: that tells nothing of delays. */
static void learn(ms_jitter *j, size_t n, int64_t rtp_extended, int64_t arrival_ns, uint32_t flags) {
    int64_t gap = rtp_extended - j->newest_end;
    bool hole = flags == 0 && gap > 0 && gap < ms_jitter_samples(j, JUMP_MS);
    float lost = flags & MS_JITTER_CONCEALED ? 1 : hole ? (float)gap / (float)(gap + (int64_t)n) : 0;
    j->statistics.loss += (lost - j->statistics.loss) * LOSS_PER_PACKET;
    if (flags == 0) {
        ms_delay_arrival(&j->delay, rtp_extended, arrival_ns, j->statistics.loss < FEW_LOST);
        j->packet = (int32_t)n;
        j->grid = greatest_common_divisor(j->frame, j->packet);
    }
    j->statistics.out_of_order += rtp_extended < j->newest_rtp;
    if (rtp_extended + (int64_t)n <= j->newest_end) return;
    j->newest_rtp = rtp_extended;
    j->newest_end = rtp_extended + (int64_t)n;
}

/* No room: what stands before the ideal place goes, and as much more as there must. */
static void make_room(ms_jitter *j, int64_t end, int64_t arrival_ns) {
    int64_t least = end - j->timeline.capacity;
    if (least <= j->timeline.at) return;
    int64_t ideal = ms_jitter_place(j, arrival_ns, ms_delay_target(&j->delay), 0);
    int64_t most = end - j->frame;
    ms_jitter_flush_to(j, ideal < least ? least : ideal > most ? most : ideal);
}

static uint8_t mark_of(uint32_t flags) {
    return flags & MS_JITTER_QUIET ? MS_QUIET : flags & MS_JITTER_CONCEALED ? MS_MADE_UP : MS_HEARD;
}

static int place(ms_jitter *j, const int16_t *pcm, size_t n, int64_t rtp_extended, uint32_t flags) {
    bool cut = rtp_extended < j->timeline.at;
    size_t added, written = ms_timeline_write(&j->timeline, rtp_extended, pcm, n, mark_of(flags), &added);
    j->statistics.refused_samples += n - added;
    j->statistics.duplicate += written == 0;
    j->statistics.partly_late += written > 0 && cut;
    if (written == 0) return MS_JITTER_DUPLICATE;
    return cut ? MS_JITTER_PARTLY_LATE : MS_JITTER_TAKEN;
}

int ms_jitter_put(ms_jitter *j, const int16_t *pcm, size_t n, int64_t rtp_extended, int64_t arrival_ns,
                  uint32_t flags) {
    if (n == 0 || n > (size_t)ms_jitter_samples(j, MS_MAX_PTIME_MS)) return MS_E_ARGUMENT;
    flags &= MS_JITTER_CONCEALED | MS_JITTER_QUIET;
    if (rtp_extended < -FARTHEST || rtp_extended > FARTHEST || arrival_ns < -FARTHEST || arrival_ns > FARTHEST)
        return MS_E_ARGUMENT;
    j->statistics.packets++;
    j->statistics.in_samples += n;
    bool late = j->heard && rtp_extended + (int64_t)n <= j->timeline.at;
    bool jumped = j->heard && (has_jumped(j, rtp_extended, arrival_ns) || (late && is_late_run(j, rtp_extended, n)));
    if (jumped) {
        j->statistics.restarts++;
        ms_delay_restart(&j->delay);
    }
    if (!j->heard || jumped) begin_at(j, rtp_extended);
    learn(j, n, rtp_extended, arrival_ns, flags);
    if (late && !jumped) {
        j->statistics.late++;
        j->statistics.refused_samples += n;
        return MS_JITTER_LATE;
    }
    make_room(j, rtp_extended + (int64_t)n, arrival_ns);
    return place(j, pcm, n, rtp_extended, flags);
}

/* ---- what is told ----------------------------------------------------------------------------------------------- */

void ms_jitter_get_statistics(const ms_jitter *j, ms_jitter_statistics *out) {
    *out = j->statistics;
    out->held_samples = ms_timeline_held(&j->timeline);
    int32_t target = distance(j, ms_delay_target(&j->delay), 0) + j->packet;
    out->target_ms = (float)target * 1000.0f / (float)j->config.rate_hz;
    out->jitter_ms = j->delay.jitter_ms;
}
