/* The canceller's filter, and where on the far end's past its window stands.
 *
 * The filter is as long as a room's echo lasts, not as long as a trunk or a network may keep it.
 * - Where the echo is found (ms_echo_search.h) beyond its reach, and the filter fails, the window is set there and the
 *   filter begins anew.
 * - When a filter that worked fails, the echo may have jumped (ms_echo_jump.h): the window follows the jump, and the
 *   filter goes back to what it was before.
 * - A filter that works and has found nothing in its first blocks is moved past them, with what it knows: so much
 *   more tail it has behind the echo.
 * Otherwise a filter that works is left alone. */
#ifndef MS_ECHO_WINDOW_H
#define MS_ECHO_WINDOW_H

#include "ms_echo_jump.h"
#include "ms_echo_search.h"
#include "ms_kalman.h"

typedef struct ms_echo_window {
    ms_kalman *filter;
    ms_echo_search search;
    ms_echo_jump *jump;
    int32_t block, tail;           /* samples; blocks */
    int32_t delay;                 /* samples that the window is later */
    int32_t lag;                   /* blocks that the echo is late, as far as we know; -1 */
    float near_lately, out_lately; /* powers while the far end is heard */
    bool looks_for_jump;
    bool kept;                     /* the filter has a copy from when it worked */
    int32_t since_kept, pause;     /* frames */
    int32_t adding;                /* frames in a row in which the filter added sound */
    float near_before;             /* the last sample of the near end */
} ms_echo_window;

size_t ms_echo_window_size(int32_t rate_hz, int tail_ms);      /* of `memory`; 0: out of range */
int ms_echo_window_init(ms_echo_window *w, int32_t rate_hz, int tail_ms, void *memory);
/* 20 ms of the far end as early as it can be had, and of what came in. Moves the window if it must; true: the filter
 * began anew. */
bool ms_echo_window_search(ms_echo_window *w, const int16_t *far, const int16_t *near);
/* 20 ms of the far end `delay` samples earlier, and of what came in: what is left, and what was taken off. */
void ms_echo_window_cancel(ms_echo_window *w, const int16_t *far, const int16_t *near, int16_t *cleaned, float *echo);
/* Powers of that frame; true: the filter was so wrong that it began anew. */
bool ms_echo_window_judge(ms_echo_window *w, float far, float near, float cleaned);

#endif
