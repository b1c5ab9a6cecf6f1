/* How long a packet takes beyond the least that any takes, and how long one should wait for it. Theory: ms_delay.c. */
#ifndef MS_DELAY_H
#define MS_DELAY_H

#include "ms_types.h"

#define MS_DELAY_QUANTILE 0.93f
enum { MS_DELAY_BINS = 512, MS_DELAY_LEAST_BLOCKS = 8, MS_DELAY_LAST = 16 };

typedef struct ms_delay {
    int32_t rate_hz;
    float quantile;
    bool started;
    int64_t origin_rtp, origin_ns;          /* lags are counted from here: arrival less time stamp, in samples */
    int64_t last_lag;                       /* of the newest packet, for the jitter */

    /* the least lag of each of the last seconds; the newest is still being filled */
    int64_t least_lag, block_least[MS_DELAY_LEAST_BLOCKS], least_block_ends;
    int32_t least_blocks;
    int32_t near_blocks, near_run;          /* seconds on end that came near the least: now, and when they last did */

    /* the greatest delay of each third of a second, as a histogram that forgets */
    int64_t worst_block_ends;
    float block_worst_ms, before_worst_ms;  /* of the third that is being filled, and of the one before */
    float last_ms[MS_DELAY_LAST];           /* delay of each of the last packets */
    uint32_t packets;
    float weights[MS_DELAY_BINS], total, next_weight;

    float quantile_ms, target_ms;           /* what the histogram says; what is waited for */
    float peak_ms, floor_ms;                /* the last delay beyond the target; what two of them agreed on */
    int64_t peak_at, floor_until;           /* arrival, in samples since the origin */
    float jitter_ms;                        /* RFC 3550 6.4.1 */
    int32_t restless_blocks;                /* thirds of a second at whose end it was high, one after the other */
} ms_delay;

void ms_delay_init(ms_delay *d, int32_t rate_hz, float quantile);
/* The sender's clock began anew: what is known of the network stays. */
void ms_delay_restart(ms_delay *d);
/* Once per packet; `calm`: little is lost, so the target may fall faster. */
void ms_delay_arrival(ms_delay *d, int64_t rtp_extended, int64_t arrival_ns, bool calm);
/* Samples that a packet took beyond the least, were it stamped and came so; may be negative. */
int64_t ms_delay_of(const ms_delay *d, int64_t rtp_extended, int64_t arrival_ns);
/* The time stamp of a packet that, with the least delay, would come at `ns`. */
int64_t ms_delay_front(const ms_delay *d, int64_t ns);
/* Samples that a packet should be waited for, */
int32_t ms_delay_target(const ms_delay *d);
/* or had to be waited for in the last third of a second, if that is more: to come down below it would soon make the
 * same hole again; */
int32_t ms_delay_recent(const ms_delay *d);
/* or will have to be, if the delay goes on growing as it did of late. */
int32_t ms_delay_ahead(const ms_delay *d);

#endif
