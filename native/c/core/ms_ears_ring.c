#include "ms_ears_ring.h"

#include <string.h>

size_t ms_ears_ring_blocks(uint32_t ears_ms) { return ears_ms / MS_EARS_BLOCK_MS + 1; }

void ms_ears_ring_init(ms_ears_ring *r, ms_ears_block *blocks, size_t count, int32_t clock_hz) {
    memset(r, 0, sizeof *r);
    r->blocks = blocks;
    r->limit = count - 1;
    r->clock_hz = clock_hz;
}

void ms_ears_ring_put(ms_ears_ring *r, const int16_t *pcm, const ms_span *span) {
    uint64_t number = atomic_load_explicit(&r->written, memory_order_relaxed);
    uint64_t first = atomic_load_explicit(&r->first, memory_order_acquire);
    /* fails when the consumer has just taken it: then there is room, too */
    if (number - first >= r->limit &&
        atomic_compare_exchange_strong_explicit(&r->first, &first, first + 1, memory_order_acq_rel,
                                                memory_order_acquire))
        atomic_fetch_add_explicit(&r->overruns, 1, memory_order_relaxed);
    uint64_t claimed = atomic_load_explicit(&r->claimed, memory_order_acquire);
    if (claimed != 0 && (claimed - 1) % (r->limit + 1) == number % (r->limit + 1)) {
        atomic_fetch_add_explicit(&r->overruns, 1, memory_order_relaxed);
        r->skipped = true;
        return;
    }
    ms_ears_block *block = &r->blocks[number % (r->limit + 1)];
    block->span = *span;
    if (r->skipped) block->span.flags |= MS_SPAN_RESYNC;
    r->skipped = false;
    memcpy(block->pcm, pcm, sizeof block->pcm);
    atomic_store_explicit(&r->written, number + 1, memory_order_release);
}

/* Takes the oldest block into r->block; false: there is none. */
static bool fetch(ms_ears_ring *r) {
    uint64_t first = atomic_load_explicit(&r->first, memory_order_acquire);
    do {
        if (first == atomic_load_explicit(&r->written, memory_order_acquire)) {
            atomic_store_explicit(&r->claimed, 0, memory_order_release);
            return false;
        }
        atomic_store_explicit(&r->claimed, first + 1, memory_order_release);
    } while (!atomic_compare_exchange_strong_explicit(&r->first, &first, first + 1, memory_order_acq_rel,
                                                      memory_order_acquire));
    r->block = r->blocks[first % (r->limit + 1)];
    if (first != r->expected) r->block.span.flags |= MS_SPAN_RESYNC;
    r->expected = first + 1;
    atomic_store_explicit(&r->left, MS_EARS_BLOCK, memory_order_relaxed);
    atomic_store_explicit(&r->claimed, 0, memory_order_release);
    return true;
}

static int64_t rtp_after(const ms_ears_ring *r, const ms_span *span) {
    return span->rtp_extended + (int64_t)span->n * r->clock_hz / MS_EARS_RATE_HZ;
}

/* A resync stands before a span, so a block that has one begins a new span. */
static bool goes_on(const ms_ears_ring *r, const ms_span *span) {
    const ms_span *next = &r->block.span;
    return next->flags == (span->flags & ~(uint32_t)MS_SPAN_RESYNC) && next->at_ns == span->at_ns &&
           next->rtp_extended == rtp_after(r, span);
}

/* Hands out up to `room` samples of r->block; its span then describes the rest. */
static uint32_t hand_out(ms_ears_ring *r, int16_t *pcm, uint32_t room) {
    uint32_t left = atomic_load_explicit(&r->left, memory_order_relaxed);
    uint32_t n = left < room ? left : room;
    memcpy(pcm, r->block.pcm + (MS_EARS_BLOCK - left), n * sizeof *pcm);
    r->block.span.n = n;
    r->block.span.rtp_extended = rtp_after(r, &r->block.span);
    r->block.span.flags &= ~(uint32_t)MS_SPAN_RESYNC;
    atomic_store_explicit(&r->left, left - n, memory_order_relaxed);
    return n;
}

static bool has_block(ms_ears_ring *r) {
    return atomic_load_explicit(&r->left, memory_order_relaxed) > 0 || fetch(r);
}

int ms_ears_ring_read(ms_ears_ring *r, int16_t *pcm, int capacity, ms_span *span) {
    if (capacity <= 0 || !has_block(r)) return 0;
    *span = r->block.span;
    span->n = 0;
    do {
        span->n += hand_out(r, pcm + span->n, (uint32_t)capacity - span->n);
    } while (span->n < (uint32_t)capacity && has_block(r) && goes_on(r, span));
    return (int)span->n;
}

uint32_t ms_ears_ring_readable(const ms_ears_ring *r) {
    /* the end before the beginning: what happens between the two looks can only make it less */
    uint64_t written = atomic_load_explicit(&r->written, memory_order_acquire);
    uint64_t first = atomic_load_explicit(&r->first, memory_order_acquire);
    uint32_t left = atomic_load_explicit(&r->left, memory_order_relaxed);
    return written > first ? (uint32_t)(written - first) * MS_EARS_BLOCK + left : left;
}
