/* A bounded queue between exactly two threads: one pushes, one pops, neither waits.
 *
 * `head` counts what was pushed and `tail` what was popped, modulo 2^32; their difference is the fill. Each is
 * written by one side only and published with release, so an item is whole before the other side can see it.
 * They stand on cache lines of their own, or the two threads would fight over one. */
#ifndef MS_RING_H
#define MS_RING_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ms_types.h"

#define MS_CACHE_LINE 64

typedef struct ms_ring {
    _Alignas(MS_CACHE_LINE) _Atomic uint32_t head;
    _Alignas(MS_CACHE_LINE) _Atomic uint32_t tail;
    _Alignas(MS_CACHE_LINE) uint32_t capacity; /* a power of two */
    uint32_t item_bytes;
    uint8_t *items;
} ms_ring;

static inline uint32_t ms_power_of_two_above(uint32_t n)
{
    uint32_t power = 1;
    while (power < n)
        power *= 2;
    return power;
}

/* Room for at least `at_least` items of `item_bytes`; MS_E_MEMORY. Touches the memory, so that no page fault
 * comes later. */
static inline int ms_ring_init(ms_ring *ring, uint32_t at_least, uint32_t item_bytes)
{
    ring->capacity = ms_power_of_two_above(at_least);
    ring->item_bytes = item_bytes;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    ring->items = malloc((size_t)ring->capacity * item_bytes);
    if (ring->items == NULL)
        return MS_E_MEMORY;
    memset(ring->items, 0, (size_t)ring->capacity * item_bytes);
    return MS_OK;
}

static inline void ms_ring_release(ms_ring *ring)
{
    free(ring->items);
    ring->items = NULL;
}

static inline uint8_t *ms_ring_item(const ms_ring *ring, uint32_t count)
{
    return ring->items + (size_t)(count & (ring->capacity - 1)) * ring->item_bytes;
}

/* [producer] items that can be pushed now: at least so many */
static inline uint32_t ms_ring_room(ms_ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return ring->capacity - (head - atomic_load_explicit(&ring->tail, memory_order_acquire));
}

/* [producer] false: full, nothing was pushed */
static inline bool ms_ring_push(ms_ring *ring, const void *item)
{
    if (ms_ring_room(ring) == 0)
        return false;
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    memcpy(ms_ring_item(ring, head), item, ring->item_bytes);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

/* [consumer] the oldest item where it lies, valid until it is dropped; NULL: empty */
static inline const void *ms_ring_peek(ms_ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
        return NULL;
    return ms_ring_item(ring, tail);
}

/* [consumer] drops the item that was peeked at */
static inline void ms_ring_drop(ms_ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

/* [consumer] false: empty */
static inline bool ms_ring_pop(ms_ring *ring, void *item)
{
    const void *oldest = ms_ring_peek(ring);
    if (oldest == NULL)
        return false;
    memcpy(item, oldest, ring->item_bytes);
    ms_ring_drop(ring);
    return true;
}

#endif
