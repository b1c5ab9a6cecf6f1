/* The agent's voice on its way out: takes 20 ms a tick from the ring, and holds, ducks, rewinds and flushes it.
 *
 * One number decides what is heard: the gain, which walks towards its target in a straight line, full scale in 5 ms,
 * so that nothing ever begins or ends with a click. What must happen in silence (standing still for a hold, going
 * back to a mark, dropping a flushed generation) is done by `settle` at the moment the gain reaches zero. While
 * nothing sounds there is no click to avoid, and the gain is where it should be at once. */
#ifndef MS_PLAYOUT_H
#define MS_PLAYOUT_H

#include "ms_events.h"
#include "ms_heard.h"
#include "ms_voice.h"

#define MS_MARKS 32            /* marks waiting, a stream */
#define MS_FLUSHES 8           /* flushes waiting for their fade */
#define MS_FADE_MS 5

enum ms_voice_mode { MS_MODE_PLAY = 0, MS_MODE_DUCK = 1, MS_MODE_HOLD = 2 };

typedef struct ms_mark {
    uint32_t generation, name; /* generation 0: free */
    int64_t source;
} ms_mark;

typedef struct ms_playout {
    ms_voice voice;
    ms_heard heard;
    ms_events *events;
    int32_t rate_hz;
    int64_t heard_error;       /* samples */

    /* the generation that sounds or sounded last, and how far it has come */
    uint32_t generation;
    uint64_t start;            /* its first sample in the ring */
    int64_t wire, source;
    int64_t at_ns;             /* of the last tick */
    int64_t now_ns;            /* of the call in progress: the core sets it */
    uint32_t finished;         /* the newest generation whose end was told */
    bool sounding, starving;

    int32_t gain, fade_step;   /* Q15 */
    int64_t seek;              /* source sample to jump to once silent, -1: none */
    uint32_t dying;            /* flushed generation whose last 5 ms are being faded, 0: none */
    uint32_t flushes[MS_FLUSHES], flush_count;

    uint8_t mode, on_lease;    /* enum ms_voice_mode, enum ms_on_lease */
    uint32_t hold, engine_holds;
    int64_t lease_ends_ns;     /* INT64_MAX: no lease */
    uint64_t holds, leases_expired, starved;

    ms_mark marks[MS_MARKS];
} ms_playout;

void ms_playout_init(ms_playout *p, const ms_config *config, int16_t *pcm, ms_events *events);
size_t ms_playout_ring_samples(const ms_config *config);

/* Fills n samples of the tick due at due_ns; false: silence, none of it is voice. */
bool ms_playout_tick(ms_playout *p, int16_t *out, uint32_t n, int64_t due_ns);

/* Nothing is sent from now on: what waited for its fade is done at once. */
void ms_playout_pause(ms_playout *p);
int ms_playout_hold(ms_playout *p, enum ms_voice_mode mode, const ms_command *command);
int ms_playout_release(ms_playout *p, uint32_t hold, int64_t source);
int ms_playout_flush(ms_playout *p, uint32_t generation);
int ms_playout_mark(ms_playout *p, const ms_command *command);
/* Speech began: tells so, and does what the passage in progress is armed for. */
uint32_t ms_playout_onset(ms_playout *p, int64_t rtp_extended); /* the hold that it took, or 0 */
/* It was no speech: a hold that is still the one of that onset ends. */
void ms_playout_deny(ms_playout *p, uint32_t hold);
/* Ends a hold whose lease has run out. */
void ms_playout_lease(ms_playout *p);
void ms_playout_position(const ms_playout *p, ms_position *out);

#endif
