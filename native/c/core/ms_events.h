/* What a stream has to tell, in order, bounded. When nobody listens the plain events are lost first, then what the
 * caller does (onsets, keys); answers to commands keep the last places, for somebody waits for them. */
#ifndef MS_EVENTS_H
#define MS_EVENTS_H

#include "ms_core.h"

#define MS_EVENTS_CAPACITY 48

typedef struct ms_events {
    uint32_t first, count, urgent;
    uint64_t lost;
    ms_event ring[MS_EVENTS_CAPACITY];
} ms_events;

bool ms_event_is_urgent(uint8_t kind);
void ms_events_push(ms_events *events, const ms_event *event);
int ms_events_take(ms_events *events, ms_event *out); /* 1 and the event, or 0 */

#endif
