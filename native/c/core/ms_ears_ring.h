/* Heard audio on its way to Python: blocks of 10 ms that the engine writes and one consumer reads. Full: the oldest
 * unread block is lost, because what the caller says now matters more than what nobody has fetched.
 *
 * "Drop the oldest" makes the producer move the consumer's end. Both move `first` by compare-and-swap, so each block
 * is either read or dropped, never both. The consumer says in `claimed` which block it is about to copy before it
 * takes it; the ring has one block more than it ever holds unread; and the producer leaves a claimed block alone:
 * in the one case that a reader was suspended in mid-copy for a whole ring, the new block is lost instead. */
#ifndef MS_EARS_RING_H
#define MS_EARS_RING_H

#include <stdatomic.h>

#include "ms_core.h"

#define MS_EARS_BLOCK_MS 10
#define MS_EARS_BLOCK (MS_EARS_RATE_HZ / 1000 * MS_EARS_BLOCK_MS)

typedef struct ms_ears_block {
    ms_span span;
    int16_t pcm[MS_EARS_BLOCK];
} ms_ears_block;

typedef struct ms_ears_ring {
    ms_ears_block *blocks;        /* limit + 1 */
    uint64_t limit;               /* blocks unread, at most */
    int32_t clock_hz;             /* the clock of span.rtp_extended */

    _Alignas(64) _Atomic uint64_t written;  /* producer */
    _Atomic uint64_t overruns;
    bool skipped;                 /* producer: the newest block was lost */
    _Alignas(64) _Atomic uint64_t first;    /* both */
    _Alignas(64) _Atomic uint64_t claimed;  /* consumer: block number + 1, 0: none */
    _Atomic uint32_t left;        /* consumer: samples of `block` not handed out yet */
    uint64_t expected;            /* the block that follows what was read; another one: some were lost */
    ms_ears_block block;
} ms_ears_ring;

size_t ms_ears_ring_blocks(uint32_t ears_ms);
void ms_ears_ring_init(ms_ears_ring *r, ms_ears_block *blocks, size_t count, int32_t clock_hz);
/* [engine] */
void ms_ears_ring_put(ms_ears_ring *r, const int16_t *pcm, const ms_span *span);
/* [consumer] as ms_read_ears; neighbours that tell the same story make one span */
int ms_ears_ring_read(ms_ears_ring *r, int16_t *pcm, int capacity, ms_span *span);
/* any thread */
uint32_t ms_ears_ring_readable(const ms_ears_ring *r);

#endif
