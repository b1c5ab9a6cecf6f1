/* How much of what was sent has reached the caller's ear: what was sent lately, looked at `delay_ns` ago.
 *
 * A packet sent when due at t is in the ear from t + delay to t + delay + 20 ms. A rewind makes the source's numbers
 * go back, so the numbers themselves are remembered, one pair a tick. */
#ifndef MS_HEARD_H
#define MS_HEARD_H

#include "ms_types.h"

#define MS_HEARD_TICKS 64
#define MS_HEARD_MAX_DELAY_MS 1000 /* what MS_HEARD_TICKS are enough for */

typedef struct ms_heard_tick {
    int64_t due_ns, from, to; /* samples of the source before and after the tick */
    uint32_t generation;
} ms_heard_tick;

typedef struct ms_heard {
    int64_t delay_ns;
    uint64_t count;
    ms_heard_tick ticks[MS_HEARD_TICKS];
} ms_heard;

void ms_heard_init(ms_heard *h, int64_t delay_ns);
void ms_heard_sent(ms_heard *h, uint32_t generation, int64_t due_ns, int64_t from, int64_t to);
/* samples of this generation in the ear at `now_ns` */
int64_t ms_heard_at(const ms_heard *h, uint32_t generation, int64_t now_ns);

#endif
