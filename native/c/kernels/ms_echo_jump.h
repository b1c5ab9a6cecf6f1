/* Whether an echo that was known has jumped: the same path, by up to 40 ms later or earlier.
 *
 * A buffer on the way grew or shrank; what is behind it is the same, so the filter need not be learnt again but only
 * moved. Given what came in, and the echo as the filter of before would have it, their correlation shows by how much,
 * to a sample, within a fifth of a second of speech. A caller who talks correlates with neither. */
#ifndef MS_ECHO_JUMP_H
#define MS_ECHO_JUMP_H

#include "ms_types.h"

#define MS_JUMP_REACH_MS 40
#define MS_JUMP_LOOKS 60           /* blocks of 10 ms, at most, until it gives up */

typedef struct ms_echo_jump ms_echo_jump;

size_t ms_echo_jump_size(int32_t rate_hz);
void ms_echo_jump_init(ms_echo_jump *j, int32_t rate_hz);
void ms_echo_jump_begin(ms_echo_jump *j);
/* 10 ms of what came in, and of the echo that was expected, both pre-emphasised. Samples by which the echo is later
 * (negative: earlier), 0: not yet known, or it did not jump. */
int32_t ms_echo_jump_process(ms_echo_jump *j, const float *near, const float *echo);
bool ms_echo_jump_is_over(const ms_echo_jump *j);

#endif
