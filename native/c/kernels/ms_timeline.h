/* Sound that stands at its time stamps: written in any order, taken in time's order, with holes that are known.
 *
 * A ring over time stamps. It holds what lies in [at, at + capacity); `at` is the next sample to be taken, and only
 * grows. Each sample has a mark: missing, heard, or made up by somebody before us. */
#ifndef MS_TIMELINE_H
#define MS_TIMELINE_H

#include "ms_types.h"

enum ms_timeline_mark { MS_MISSING = 0, MS_HEARD = 1, MS_MADE_UP = 2, MS_QUIET = 3 };

typedef struct ms_timeline {
    int32_t capacity;
    int64_t at, end;      /* next to be taken; after the last that was written, or `at` */
    int16_t *pcm;
    uint8_t *marks;
} ms_timeline;

size_t ms_timeline_size(int32_t capacity);  /* bytes of the memory that goes with it */
void ms_timeline_init(ms_timeline *t, int32_t capacity, void *memory);
/* Empties it: the next sample to be taken stands at `at`. */
void ms_timeline_move(ms_timeline *t, int64_t at);
/* Writes what lies within and is still missing or made up. Returns the samples written; `added` says how many of them
 * filled a hole. */
size_t ms_timeline_write(ms_timeline *t, int64_t from, const int16_t *pcm, size_t n, uint8_t mark, size_t *added);
/* Samples from `at` on, at most `most`, that are all there (0: a hole). */
size_t ms_timeline_ready(const ms_timeline *t, size_t most);
/* Samples from `at` on that are all missing, up to the next that is there; 0: none, or nothing after them. */
size_t ms_timeline_hole(const ms_timeline *t);
uint8_t ms_timeline_mark_at(const ms_timeline *t, int64_t at);
void ms_timeline_copy(const ms_timeline *t, int16_t *out, size_t n); /* from `at` on */
/* Goes on by n; returns how many of them were there. */
size_t ms_timeline_advance(ms_timeline *t, int64_t n);
size_t ms_timeline_held(const ms_timeline *t); /* samples that are there, in all */

#endif
