/* The network's delay, relative to its own least.
 *
 * Neither clock is known to the other, so only differences count: a packet's lag is its arrival less its time stamp,
 * and its delay the lag beyond the least lag of the last eight seconds. Eight are long enough to see the least in,
 * and so short that a drift of 300 ppm moves it by 2.4 ms only, and that a longer route is soon the usual one.
 *
 * What is to be waited for is a high quantile of that delay, as in NetEQ: not of all packets' delays, but of the worst
 * of each third of a second. A path that stops for 200 ms makes ten packets late and yet only one hole: the buffer
 * waits once. Counting holes rather than packets makes the quantile mean something: the share of thirds of a second in
 * which somebody may hear one. The histogram forgets: each new entry weighs a little more than the one before, which is
 * the same as fading all the others, and costs nothing.
 *
 * A histogram of half a minute is slow to believe in a change. Two peaks of 40 ms beyond the target within two seconds
 * raise it at once to what both of them needed; when the jitter stays above 50 ms one is enough. It falls slowly, faster
 * on a calm path. A queue that fills up somewhere makes each packet later than the one before: the level of the newest
 * packets against that of a quarter of a second ago tells where it will be in another quarter.
 *
 * When the least delay rises by more than jitter would explain, the path has become longer. For eight seconds each
 * packet was that much beyond the old least; none of that was jitter, and what was learnt of it is counted from the new
 * least, or the histogram would ask for both for another half minute. A least that falls needs nothing: what stood
 * above the old one was jitter then, and is now. And what only stray packets had, which overtook others or came by
 * another way, is no path's least: a path comes near its own each second. */
#include "ms_delay.h"

#include <math.h>
#include <string.h>

static const float BIN_MS = 1.0f;
static const float FORGET = 0.985f;          /* per entry: half of the weight lies in the last 15 s */
static const float WEIGHT_LIMIT = 1e12f;
static const float START_MS = 30.0f;         /* taken for the worst, once, before anything is known */
static const float LONGER_MS = 4.0f, LONGER_THAN_JITTER = 3.0f; /* a rise of the least delay that is another path */
enum { LEAST_BLOCK_MS = 1000, WORST_BLOCK_MS = 333, PEAK_WINDOW_MS = 2000, TREND = 3, RESTLESS_BLOCKS = 2 };
enum { PATH_BLOCKS = 6 };                    /* near the least one after the other: a path's, not a stray packet's */
static const float PEAK_MS = 40.0f;          /* beyond the target */
static const float LONGEST_MS = 10000.0f;    /* that is believed: a clock that jumps makes more */
static const float HIGH_JITTER_MS = 50.0f, LOW_JITTER_MS = 10.0f;
static const float FALL_PER_ENTRY = 0.08f, FALL_CALM_PER_ENTRY = 0.2f; /* of what it is above the quantile */

static int64_t in_samples(const ms_delay *d, int64_t ns) {
    return ns / MS_NS_PER_S * d->rate_hz + ns % MS_NS_PER_S * d->rate_hz / MS_NS_PER_S;
}

static float in_ms(const ms_delay *d, int64_t samples) { return (float)samples * 1000.0f / (float)d->rate_hz; }

static int32_t from_ms(const ms_delay *d, float ms) { return (int32_t)ceilf(ms * (float)d->rate_hz / 1000.0f); }

static int64_t clock_of(const ms_delay *d, int64_t ns) { return in_samples(d, ns - d->origin_ns); }

static int64_t lag_of(const ms_delay *d, int64_t rtp_extended, int64_t arrival_ns) {
    return clock_of(d, arrival_ns) - (rtp_extended - d->origin_rtp);
}

/* ---- the histogram ---------------------------------------------------------------------------------------------- */

static void add(ms_delay *d, float ms) {
    int32_t bin = (int32_t)(ms / BIN_MS + 0.5f);
    if (bin >= MS_DELAY_BINS) bin = MS_DELAY_BINS - 1;
    d->weights[bin < 0 ? 0 : bin] += d->next_weight;
    d->total += d->next_weight;
    d->next_weight /= FORGET;
    if (d->next_weight < WEIGHT_LIMIT) return;
    d->total = 0;
    for (int32_t k = 0; k < MS_DELAY_BINS; k++) d->total += d->weights[k] /= WEIGHT_LIMIT;
    d->next_weight /= WEIGHT_LIMIT;
}

/* Within the bin in which the quantile falls, the weight is taken to lie evenly. */
static float quantile_ms(const ms_delay *d) {
    float wanted = d->quantile * d->total, below = 0;
    for (int32_t k = 0; k < MS_DELAY_BINS; k++) {
        if (d->weights[k] > 0 && below + d->weights[k] >= wanted)
            return fmaxf(0, (float)k - 0.5f + (wanted - below) / d->weights[k]) * BIN_MS;
        below += d->weights[k];
    }
    return MS_DELAY_BINS * BIN_MS;
}

void ms_delay_init(ms_delay *d, int32_t rate_hz, float quantile) {
    memset(d, 0, sizeof *d);
    d->rate_hz = rate_hz;
    d->quantile = quantile;
    d->next_weight = 1;
    add(d, START_MS);
    d->target_ms = d->quantile_ms = START_MS;
}

void ms_delay_restart(ms_delay *d) {
    d->started = false;
}

/* From a least delay that is greater by so much. What is below that is of the path before, and as good as it was. */
static void rebase_histogram(ms_delay *d, float rise_ms) {
    int32_t bins = (int32_t)(rise_ms / BIN_MS + 0.5f);
    for (int32_t k = bins; k < MS_DELAY_BINS; k++) {
        d->weights[k - bins] += d->weights[k];
        d->weights[k] = 0;
    }
}

/* ---- the least delay -------------------------------------------------------------------------------------------- */

static void begin(ms_delay *d, int64_t rtp_extended, int64_t arrival_ns) {
    d->started = true;
    d->origin_rtp = rtp_extended;
    d->origin_ns = arrival_ns;
    d->last_lag = d->least_lag = d->block_least[0] = 0;
    d->least_blocks = 1;
    d->near_blocks = d->near_run = 0;
    d->least_block_ends = (int64_t)d->rate_hz * LEAST_BLOCK_MS / 1000;
    d->worst_block_ends = (int64_t)d->rate_hz * WORST_BLOCK_MS / 1000;
    d->block_worst_ms = d->before_worst_ms = 0;
    memset(d->last_ms, 0, sizeof d->last_ms);
    d->floor_until = d->peak_at = INT64_MIN / 2;
    d->floor_ms = 0;
}

static float less(float ms, float by_ms) { return ms > by_ms ? ms - by_ms : 0; }

static void take_longer_path(ms_delay *d, float rise_ms) {
    if (rise_ms < LONGER_MS || rise_ms < LONGER_THAN_JITTER * d->jitter_ms || d->near_run < PATH_BLOCKS) return;
    rebase_histogram(d, rise_ms);
    d->block_worst_ms = less(d->block_worst_ms, rise_ms);
    d->before_worst_ms = less(d->before_worst_ms, rise_ms);
    d->target_ms = less(d->target_ms, rise_ms);
    d->floor_ms = less(d->floor_ms, rise_ms);
    for (int32_t k = 0; k < MS_DELAY_LAST; k++) d->last_ms[k] = less(d->last_ms[k], rise_ms);
}

/* A second is over: did it come near the least delay? */
static void end_least_block(ms_delay *d) {
    float above_ms = in_ms(d, d->block_least[d->least_blocks - 1] - d->least_lag);
    d->near_blocks = above_ms < LONGER_MS ? d->near_blocks + 1 : 0;
    if (d->near_blocks > 0) d->near_run = d->near_blocks;
}

static void take_least(ms_delay *d, int64_t clock, int64_t lag) {
    int64_t before = d->least_lag;
    int64_t block = (int64_t)d->rate_hz * LEAST_BLOCK_MS / 1000;
    if (clock >= d->least_block_ends) {
        end_least_block(d);
        if (d->least_blocks == MS_DELAY_LEAST_BLOCKS) {
            memmove(d->block_least, d->block_least + 1, sizeof d->block_least - sizeof *d->block_least);
            d->least_blocks--;
        }
        d->block_least[d->least_blocks++] = lag;
        d->least_block_ends = clock + block;
    }
    int64_t *newest = &d->block_least[d->least_blocks - 1];
    if (lag < *newest) *newest = lag;
    d->least_lag = *newest;
    for (int32_t k = 0; k < d->least_blocks; k++)
        if (d->block_least[k] < d->least_lag) d->least_lag = d->block_least[k];
    take_longer_path(d, in_ms(d, d->least_lag - before));
}

/* ---- the target ------------------------------------------------------------------------------------------------- */

/* Beyond the target: believed when it is the second of late, or when all is restless. */
static void take_peak(ms_delay *d, int64_t clock, float delay_ms) {
    if (delay_ms < d->target_ms + PEAK_MS) return;
    int64_t window = (int64_t)d->rate_hz * PEAK_WINDOW_MS / 1000, apart = (int64_t)d->rate_hz * WORST_BLOCK_MS / 1000;
    bool second = clock - d->peak_at <= window && clock - d->peak_at >= apart;
    float agreed = second && d->peak_ms < delay_ms ? d->peak_ms : delay_ms;
    if (agreed > MS_DELAY_BINS * BIN_MS) agreed = MS_DELAY_BINS * BIN_MS;
    if ((second || d->restless_blocks >= RESTLESS_BLOCKS) && agreed > d->target_ms) {
        d->target_ms = d->floor_ms = agreed;
        d->floor_until = clock + window;
    }
    if (clock - d->peak_at >= apart || delay_ms > d->peak_ms) {
        d->peak_ms = delay_ms;
        d->peak_at = clock;
    }
}

static void end_block(ms_delay *d, int64_t clock, bool calm) {
    add(d, d->block_worst_ms);
    d->before_worst_ms = d->block_worst_ms;
    d->block_worst_ms = 0;
    d->worst_block_ends = clock + (int64_t)d->rate_hz * WORST_BLOCK_MS / 1000;
    d->quantile_ms = quantile_ms(d);
    d->restless_blocks = d->jitter_ms > HIGH_JITTER_MS ? d->restless_blocks + 1 : 0;
    float wanted = clock < d->floor_until && d->floor_ms > d->quantile_ms ? d->floor_ms : d->quantile_ms;
    float fall = calm && d->jitter_ms < LOW_JITTER_MS ? FALL_CALM_PER_ENTRY : FALL_PER_ENTRY;
    d->target_ms = wanted >= d->target_ms ? wanted : d->target_ms + (wanted - d->target_ms) * fall;
}

void ms_delay_arrival(ms_delay *d, int64_t rtp_extended, int64_t arrival_ns, bool calm) {
    if (!d->started) begin(d, rtp_extended, arrival_ns);
    int64_t clock = clock_of(d, arrival_ns), lag = lag_of(d, rtp_extended, arrival_ns);
    float step_ms = fminf(fabsf(in_ms(d, lag - d->last_lag)), LONGEST_MS);
    d->jitter_ms += (step_ms - d->jitter_ms) / 16;
    d->last_lag = lag;
    take_least(d, clock, lag);
    float delay_ms = fminf(in_ms(d, lag - d->least_lag), LONGEST_MS);
    if (delay_ms > d->block_worst_ms) d->block_worst_ms = delay_ms;
    d->last_ms[d->packets++ % MS_DELAY_LAST] = delay_ms;
    take_peak(d, clock, delay_ms);
    if (clock >= d->worst_block_ends) end_block(d, clock, calm);
}

/* ---- what follows ----------------------------------------------------------------------------------------------- */

int64_t ms_delay_of(const ms_delay *d, int64_t rtp_extended, int64_t arrival_ns) {
    return d->started ? lag_of(d, rtp_extended, arrival_ns) - d->least_lag : 0;
}

int64_t ms_delay_front(const ms_delay *d, int64_t ns) { return d->origin_rtp + clock_of(d, ns) - d->least_lag; }

int32_t ms_delay_recent(const ms_delay *d) {
    float worst_ms = d->block_worst_ms > d->target_ms ? d->block_worst_ms : d->target_ms;
    if (d->before_worst_ms > worst_ms) worst_ms = d->before_worst_ms;
    return from_ms(d, worst_ms);
}

/* The least delay of TREND packets, the newest of them `back` packets ago: a level, not jitter. */
static float least_of_last(const ms_delay *d, uint32_t back) {
    float least = d->last_ms[(d->packets - 1 - back) % MS_DELAY_LAST];
    for (uint32_t k = 1; k < TREND; k++) {
        float one = d->last_ms[(d->packets - 1 - back - k) % MS_DELAY_LAST];
        if (one < least) least = one;
    }
    return least;
}

int32_t ms_delay_ahead(const ms_delay *d) {
    float now = least_of_last(d, 0), before = least_of_last(d, MS_DELAY_LAST - TREND);
    return from_ms(d, now > before ? 2 * now - before : now);
}

int32_t ms_delay_target(const ms_delay *d) { return from_ms(d, d->target_ms); }
