/* The agent's voice on its way in: a ring of samples that one thread writes (ms_play) and the engine reads.
 *
 * Samples have absolute numbers: `written` and `read` only grow, except that a rewind sets `read` back, never below
 * `kept`. The producer overwrites nothing from `kept` on; since `kept` only grows, an old value that it happens to
 * see is merely careful. So a rewind needs no agreement between the threads.
 *
 * What the samples are is told by *passages*: "from sample `start` on: this generation, this arming". A passage is
 * published before its samples, and is cut off by the start of the next one. `finish` is a passage without samples.
 * Generations only grow along the ring, so each one lies in one piece.
 *
 * `dead` is the newest flushed generation. The producer looks at it to refuse what is too late; the engine, who
 * alone sets it, looks again at every passage. So it does not matter who is faster. */
#ifndef MS_VOICE_H
#define MS_VOICE_H

#include <stdatomic.h>

#include "ms_core.h"

#define MS_VOICE_PASSAGES 64

typedef struct ms_passage {
    uint64_t start;
    uint32_t generation;
    ms_arming arming;
    bool finish;
} ms_passage;

typedef struct ms_voice {
    int16_t *pcm;              /* capacity samples */
    uint64_t capacity, playout_samples, rewind_samples;
    ms_passage passages[MS_VOICE_PASSAGES];

    /* written by the producer */
    _Alignas(64) _Atomic uint64_t written;
    _Atomic uint32_t passages_written;
    uint32_t last_generation;  /* its own: what it said last */
    ms_arming last_arming;
    bool last_finished;

    /* written by the engine */
    _Alignas(64) _Atomic uint64_t read;
    _Atomic uint64_t kept;
    _Atomic uint32_t passages_kept;
    _Atomic uint32_t dead;
    uint32_t cursor;           /* its own: the passage that `read` lies in */
} ms_voice;

void ms_voice_init(ms_voice *v, int16_t *pcm, uint64_t playout_samples, uint64_t rewind_samples);

/* [producer] the three of ms_core.h */
int ms_voice_play(ms_voice *v, uint32_t generation, const ms_arming *arming, const int16_t *pcm, uint32_t n);
int ms_voice_finish(ms_voice *v, uint32_t generation);
uint32_t ms_voice_room(const ms_voice *v);

/* [engine] everything of this generation and older ones is dead from now on */
void ms_voice_kill(ms_voice *v, uint32_t generation);
/* [engine] moves over dead and spent passages to the next one that matters: it has samples to play, or is a
 * `finish` (which the caller steps over with ms_voice_next), or is the last and empty. `dying` is a dead generation
 * whose end is still being faded out (0: none). NULL: nothing was ever played. `*available` counts its samples. */
const ms_passage *ms_voice_seek(ms_voice *v, uint32_t dying, uint64_t *available);
/* [engine] leaves the passage for the next; false when there is none yet */
bool ms_voice_next(ms_voice *v);
/* [engine] copies n samples that ms_voice_seek said are there, and moves on */
void ms_voice_take(ms_voice *v, int16_t *out, uint64_t n);
/* [engine] goes back to sample `to`, which lies between `kept` and `read` */
void ms_voice_rewind(ms_voice *v, uint64_t to);
/* [engine] nothing before `oldest` will be wanted again; keeps no more than the rewind window */
void ms_voice_forget(ms_voice *v, uint64_t oldest);

#endif
