/* Frames of sound from one thread to another, where the newest matter most: a ring that overwrites its oldest.
 *
 * The writer never looks at the reader. Each place is published as a whole (ms_seqlock.h) together with its number; a
 * reader that was lapped sees another number than it came for, and goes on with the oldest that is still there. What it
 * missed it knows from the numbers. */
#ifndef MS_TAPE_H
#define MS_TAPE_H

#include <stdatomic.h>

#include "ms_seqlock.h"

typedef struct ms_tape_frame {
    uint64_t number;             /* of the frame on this tape */
    int64_t tick;                /* of 20 ms since the recording began */
    int16_t pcm[2 * MS_MAX_FRAME]; /* left, right, left, ... */
} ms_tape_frame;

typedef struct ms_tape {
    uint32_t capacity;           /* frames */
    size_t frame_bytes, frame_words;
    _Atomic uint64_t *words;     /* capacity x frame_words, owned */
    _Atomic uint32_t *sequences;
    _Atomic uint64_t written;    /* frames, the writer's */
    uint64_t read, lost;         /* the reader's */
} ms_tape;

int ms_tape_init(ms_tape *tape, uint32_t capacity, uint32_t samples); /* `samples` a side and frame; MS_E_MEMORY */
void ms_tape_release(ms_tape *tape);
void ms_tape_write(ms_tape *tape, ms_tape_frame *frame);              /* gives it its number */
bool ms_tape_read(ms_tape *tape, ms_tape_frame *frame);               /* false: nothing new */

#endif
