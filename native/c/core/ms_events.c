#include "ms_events.h"

#define PLAIN_PLACES 32   /* the ring's share that plain events may fill */
#define CALLER_PLACES 40  /* onsets, offsets and keys */

bool ms_event_is_urgent(uint8_t kind) {
    static const bool urgent[] = {
        [MS_EVENT_ONSET] = true,    [MS_EVENT_OFFSET] = true, [MS_EVENT_FLUSHED] = true,
        [MS_EVENT_FINISHED] = true, [MS_EVENT_DTMF] = true,   [MS_EVENT_MEDIA_TIMEOUT] = true,
    };
    return kind < sizeof urgent && urgent[kind];
}

static uint32_t places_for(uint8_t kind) {
    if (!ms_event_is_urgent(kind)) return PLAIN_PLACES;
    bool callers = kind == MS_EVENT_ONSET || kind == MS_EVENT_OFFSET || kind == MS_EVENT_DTMF;
    return callers ? CALLER_PLACES : MS_EVENTS_CAPACITY;
}

void ms_events_push(ms_events *events, const ms_event *event) {
    if (events->count >= places_for(event->kind)) {
        events->lost++;
        return;
    }
    events->ring[(events->first + events->count++) % MS_EVENTS_CAPACITY] = *event;
    events->urgent += ms_event_is_urgent(event->kind);
}

int ms_events_take(ms_events *events, ms_event *out) {
    if (events->count == 0) return 0;
    *out = events->ring[events->first];
    events->first = (events->first + 1) % MS_EVENTS_CAPACITY;
    events->count--;
    events->urgent -= ms_event_is_urgent(out->kind);
    return 1;
}
