#include "ms_clockmap.h"

#include <math.h>
#include <string.h>

static const double SETTLING_S = 1.0;          /* the filter has learnt nothing yet: follow at once */
static const double JUMP_NS = 15e6;            /* further off than this is a new path, not drift */
static const double SLEW_OVER_S = 30.0;        /* an error is worked off over about this time, */
static const double SLEW_MAX_NS_PER_S = 20e3;  /* at most so fast: 20 ppm */
static const double SKEW_MAX_NS_PER_S = 500e3; /* worse than any clock in a telephone */
static const double SKEW_ERROR_NS_PER_S = 10e3; /* a slope is believed when it can be seen to about 10 ppm, */
static const double SKEW_SEEN_S = 3.0;         /* and never on less than this */
static const double FURTHEST_S = 1e7;          /* beyond is not a clock, but nonsense from the wire */

void ms_clockmap_init(ms_clockmap *m, int32_t clock_hz) {
    memset(m, 0, sizeof *m);
    m->clock_hz = clock_hz;
}

static double seconds_since_origin(const ms_clockmap *m, int64_t rtp_extended) {
    double ticks = (double)(int64_t)((uint64_t)rtp_extended - (uint64_t)m->origin_rtp);
    double s = ticks / m->clock_hz;
    return s > FURTHEST_S ? FURTHEST_S : s < -FURTHEST_S ? -FURTHEST_S : s;
}

static double envelope_at(const ms_clockmap *m, double at_s) {
    return m->line_ns + m->line_slope * (at_s - m->line_at_s);
}

/* The lower convex hull of the blocks, as indices into them; returns how many. */
static int32_t lower_hull(const ms_clockmap *m, int32_t *hull) {
    int32_t n = 0;
    for (int32_t i = 0; i < m->blocks; i++) {
        while (n >= 2) {
            int32_t a = hull[n - 2], b = hull[n - 1];
            double along = (m->block_ns[b] - m->block_ns[a]) * (m->block_at_s[i] - m->block_at_s[a]);
            double across = (m->block_ns[i] - m->block_ns[a]) * (m->block_at_s[b] - m->block_at_s[a]);
            if (along < across) break;
            n--;
        }
        hull[n++] = i;
    }
    return n;
}

/* How much of a slope seen for `seen_s` is skew, when the blocks lie `scatter_ns` above the line on average. */
static double trust(double seen_s, double scatter_ns) {
    double needed_s = SKEW_SEEN_S + scatter_ns / SKEW_ERROR_NS_PER_S;
    return seen_s * seen_s / (seen_s * seen_s + needed_s * needed_s);
}

/* The hull's edge that spans the middle of the blocks; a single block gives a level line. */
static void lay_on_edge(ms_clockmap *m) {
    int32_t hull[MS_CLOCKMAP_BLOCKS];
    int32_t n = lower_hull(m, hull), edge = 0;
    double mean_s = 0;
    for (int32_t i = 0; i < m->blocks; i++) mean_s += m->block_at_s[i] / m->blocks;
    while (edge + 2 < n && m->block_at_s[hull[edge + 1]] < mean_s) edge++;
    int32_t left = hull[edge], right = hull[edge + 1 < n ? edge + 1 : edge];
    double width_s = m->block_at_s[right] - m->block_at_s[left];
    double slope = width_s > 0 ? (m->block_ns[right] - m->block_ns[left]) / width_s : 0;
    m->line_slope = fmax(-SKEW_MAX_NS_PER_S, fmin(SKEW_MAX_NS_PER_S, slope));
    m->line_at_s = m->block_at_s[right];
    m->line_ns = m->block_ns[right];
}

static void fit_line(ms_clockmap *m) {
    lay_on_edge(m);
    double scatter_ns = 0;
    for (int32_t i = 0; i < m->blocks; i++)
        scatter_ns += fabs(m->block_ns[i] - envelope_at(m, m->block_at_s[i])) / m->blocks;
    m->line_slope *= trust(m->block_at_s[m->blocks - 1] - m->block_at_s[0], scatter_ns);
    /* a slope not believed in full must not lift the line above what came since */
    for (int32_t i = m->blocks - 1; i >= 0 && m->block_at_s[i] >= m->line_at_s; i--)
        m->line_ns -= fmax(0, envelope_at(m, m->block_at_s[i]) - m->block_ns[i]);
}

static void open_block(ms_clockmap *m, double at_s, double delay_ns) {
    if (m->blocks == MS_CLOCKMAP_BLOCKS) {
        m->blocks--;
        memmove(m->block_at_s, m->block_at_s + 1, sizeof m->block_at_s - sizeof *m->block_at_s);
        memmove(m->block_ns, m->block_ns + 1, sizeof m->block_ns - sizeof *m->block_ns);
    }
    m->block_at_s[m->blocks] = (float)at_s;
    m->block_ns[m->blocks] = delay_ns;
    m->blocks++;
}

void ms_clockmap_arrival(ms_clockmap *m, int64_t rtp_extended, int64_t received_ns) {
    if (!m->started) {
        m->started = true;
        m->origin_rtp = rtp_extended;
        m->origin_ns = received_ns;
    }
    double at_s = seconds_since_origin(m, rtp_extended);
    double delay_ns = (double)(int64_t)((uint64_t)received_ns - (uint64_t)m->origin_ns) - at_s * 1e9;
    if (fabs(delay_ns) > FURTHEST_S * 1e9) return;
    int32_t last = m->blocks - 1;
    if (last < 0 || floor(at_s) > floor(m->block_at_s[last])) {
        if (last >= 0) fit_line(m);
        open_block(m, at_s, delay_ns);
        if (last < 0) fit_line(m);
    } else if (delay_ns < m->block_ns[last]) {
        m->block_ns[last] = delay_ns;
        m->block_at_s[last] = (float)fmax(at_s, floor(m->block_at_s[last]));
    }
    if (delay_ns < envelope_at(m, at_s)) m->line_ns += delay_ns - envelope_at(m, at_s);
    if (at_s > m->newest_s) m->newest_s = at_s;
}

double ms_clockmap_place(ms_clockmap *m, int64_t rtp_extended, double *ns_per_tick) {
    double at_s = seconds_since_origin(m, rtp_extended);
    double elapsed_s = fmax(0, at_s - m->offset_at_s);
    double error_ns = envelope_at(m, m->offset_at_s) - m->offset_ns;
    double pace = m->line_slope;
    if (m->offset_at_s < SETTLING_S || fabs(error_ns) > JUMP_NS)
        m->offset_ns += error_ns;
    else
        pace += fmax(-SLEW_MAX_NS_PER_S, fmin(SLEW_MAX_NS_PER_S, error_ns / SLEW_OVER_S));
    m->offset_ns += pace * elapsed_s;
    m->offset_at_s += elapsed_s;
    *ns_per_tick = (1e9 + pace) / m->clock_hz;
    return at_s * 1e9 + m->offset_ns - pace * (m->offset_at_s - at_s);
}

double ms_clockmap_skew_ppm(const ms_clockmap *m) {
    return m->line_slope / 1e3;
}
