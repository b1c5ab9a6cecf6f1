/* How late the echo comes: 0 to 600 ms, to 10 ms, found within half a second of speech.
 *
 * Echo has the rhythm of what was said: where a band grew louder, it grows louder some time later. So both sides are
 * reduced to how much each of sixteen bands rose against the 20 ms before, every 10 ms, clipped so that no single
 * bang decides; and the two are correlated at every lag. A rise is sharp where a level is broad: neighbouring
 * lags are told apart. What the caller says himself correlates with nothing and averages out.
 *
 * The answer is the lag that stood out for a while, the stronger the shorter; several paths may echo, the strongest
 * is the answer. Where nothing echoes, two who speak alike at the same time can look like an echo for a second: so a
 * lag is only where to look, and one that was found does not give way while it still matches. */
#ifndef MS_ECHO_SEARCH_H
#define MS_ECHO_SEARCH_H

#include "ms_types.h"

enum { MS_SEARCH_LAGS = 60, MS_SEARCH_BANDS = 16, MS_SEARCH_BLOCK_MS = 10 };
#define MS_SEARCH_MAX_BLOCK (MS_MAX_RATE_HZ / 1000 * MS_SEARCH_BLOCK_MS)

typedef struct ms_search_side {    /* one of the two sounds */
    float levels[2][MS_SEARCH_BANDS];      /* of the last two blocks, in octaves of power */
    int16_t before[MS_SEARCH_MAX_BLOCK];
} ms_search_side;

typedef struct ms_echo_search {
    int32_t block;                 /* samples */
    ms_search_side far, near;
    int32_t newest;                /* of the ring of rises */
    float rises[MS_SEARCH_LAGS][MS_SEARCH_BANDS];
    float rise_power[MS_SEARCH_LAGS];
    float match[MS_SEARCH_LAGS], far_power[MS_SEARCH_LAGS], near_power;    /* smoothed */
    int32_t heard;                 /* blocks in which the far end had a rhythm, up to enough */
    int32_t candidate, held;       /* a lag, and for how many blocks it has stood out */
    int32_t lag;                   /* the answer, -1: none yet */
} ms_echo_search;

int ms_echo_search_init(ms_echo_search *s, int32_t rate_hz);
/* 10 ms of both sides; the lag in blocks, or -1. */
int32_t ms_echo_search_process(ms_echo_search *s, const int16_t *far, const int16_t *near);

#endif
