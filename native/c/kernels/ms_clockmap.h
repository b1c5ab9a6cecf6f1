/* The sender's sample clock, seen from ours.
 *
 * A packet stamped x was captured at some instant of our clock and arrived later, by a delay that is never less
 * than the shortest path's. So the lower envelope of (arrival - nominal time of x) is a straight line: its height
 * is the shortest path, its slope the skew between the two clocks. The envelope is kept as the least delay of each
 * second; its line is the edge of their lower convex hull that spans the middle (Moon, Skelly, Towsley 1999),
 * which late packets cannot move at all.
 *
 * What a filter is given follows that line by slewing: a few ppm beside the skew, so an adaptive filter sees a
 * slope it can follow, never a jump; but in the first second, and when the line moved further than can be slewed
 * in reasonable time, it jumps and says so. */
#ifndef MS_CLOCKMAP_H
#define MS_CLOCKMAP_H

#include "ms_types.h"

enum { MS_CLOCKMAP_BLOCKS = 40 };

typedef struct ms_clockmap {
    int32_t clock_hz;
    bool started;
    int64_t origin_rtp, origin_ns;
    /* least delay of each second, oldest first, at seconds since the origin; the last is still being filled */
    int32_t blocks;
    float block_at_s[MS_CLOCKMAP_BLOCKS];
    double block_ns[MS_CLOCKMAP_BLOCKS];
    double line_at_s, line_ns, line_slope;      /* the envelope: line_ns + line_slope * (s - line_at_s); slope in ns/s */
    double offset_ns, offset_at_s, newest_s;    /* what is applied, and when it was brought up to date */
} ms_clockmap;

void ms_clockmap_init(ms_clockmap *m, int32_t clock_hz); /* of the time stamps */
void ms_clockmap_arrival(ms_clockmap *m, int64_t rtp_extended, int64_t received_ns);
/* Our time of `rtp_extended`, in ns since origin_ns; moves the slew on to there. `ns_per_tick` is the pace of
 * what follows. */
double ms_clockmap_place(ms_clockmap *m, int64_t rtp_extended, double *ns_per_tick);
double ms_clockmap_skew_ppm(const ms_clockmap *m);

#endif
