/* The adaptive filter of the echo canceller: a partitioned block frequency-domain Kalman filter.
 *
 * The echo path is unknown and slowly changing; what is known of each of its frequencies is a guess W and how wrong the
 * guess may be, P. A block of sound that excites a frequency strongly, while little else is heard there, tells much
 * about it; the Kalman gain is just that balance. So there is no step size, no double-talk detector and no freeze:
 * when the caller speaks, what is heard beside the echo (psi) grows and the filter learns less, by as much as it
 * must; when the path changes, the guess fails, and it learns again (Enzner, Vary 2006; Kuech, Mabande, Enzner 2014).
 *
 * The path is cut into partitions of 10 ms, each a filter of its own over the spectrum of an older block, so sound is
 * delayed by nothing and learnt from every 10 ms. The blocks overlap by half; that a partition's filter is no longer
 * than 10 ms is enforced on a quarter of the partitions each time, which costs a quarter and does not do worse.
 *
 * Speech is far from white, and a block's spectrum leaks from its strong lines into the gaps between them: so both
 * sides are pre-emphasised, and a bin's neighbours count as disturbance of it. */
#ifndef MS_KALMAN_H
#define MS_KALMAN_H

#include "ms_types.h"

typedef struct ms_kalman ms_kalman;

size_t ms_kalman_size(int32_t rate_hz, int tail_ms);    /* 0: not a rate or tail that it has */
int ms_kalman_init(ms_kalman *k, int32_t rate_hz, int tail_ms);
/* Forgets the echo path, not the sound. */
void ms_kalman_forget(ms_kalman *k);
/* 10 ms: what was said, what came back; `cleaned` is without its echo, `echo` what was taken off (or NULL). */
void ms_kalman_process(ms_kalman *k, const int16_t *far, const int16_t *near, float *cleaned, float *echo);
/* Share of the guess's power that lies in its first blocks, 0-1. */
float ms_kalman_share(const ms_kalman *k, int32_t blocks);
/* Remembers the guess as it is; goes back to it; and the echo (pre-emphasised) that it would expect of the block just
 * processed. */
void ms_kalman_keep(ms_kalman *k);
void ms_kalman_recall(ms_kalman *k);
void ms_kalman_kept_echo(const ms_kalman *k, float *echo);
/* 10 ms of the far end alone, so that what follows it has its past. */
void ms_kalman_pass(ms_kalman *k, const int16_t *far);
/* The sound went on without being looked at, up to these last samples. */
void ms_kalman_resume(ms_kalman *k, int16_t far_last, int16_t near_last);
/* The far end will be given so many blocks later (negative: earlier): the guess moves by as much. */
void ms_kalman_shift(ms_kalman *k, int32_t blocks);

#endif
