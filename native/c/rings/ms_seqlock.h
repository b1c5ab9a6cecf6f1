/* A value that one thread publishes often and another reads now and then, whole, without either waiting.
 *
 * The sequence is odd while the value is being written. A reader that met an odd sequence, or another one after
 * than before, reads again. The words themselves are atomics: release stores after the odd sequence and acquire
 * loads before the second look give the order that a fence would, in a form the thread sanitizer understands,
 * and on x86 they are plain moves. */
#ifndef MS_SEQLOCK_H
#define MS_SEQLOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "ms_types.h"

#define MS_WORDS(type) ((sizeof(type) + 7) / 8)
#define MS_READS_BEFORE_YIELD 1000

static inline void ms_publish(_Atomic uint32_t *sequence, _Atomic uint64_t *words, const void *value, size_t bytes)
{
    uint32_t before = atomic_load_explicit(sequence, memory_order_relaxed);
    atomic_store_explicit(sequence, before + 1, memory_order_relaxed);
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = 0;
        memcpy(&word, (const uint8_t *)value + at, bytes - at < 8 ? bytes - at : 8);
        atomic_store_explicit(&words[at / 8], word, memory_order_release);
    }
    atomic_store_explicit(sequence, before + 2, memory_order_release);
}

static inline bool ms_try_read(_Atomic uint32_t *sequence, _Atomic uint64_t *words, void *value, size_t bytes)
{
    uint32_t before = atomic_load_explicit(sequence, memory_order_acquire);
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = atomic_load_explicit(&words[at / 8], memory_order_acquire);
        memcpy((uint8_t *)value + at, &word, bytes - at < 8 ? bytes - at : 8);
    }
    return (before & 1) == 0 && atomic_load_explicit(sequence, memory_order_relaxed) == before;
}

/* Yields when the writer seems to have lost its processor in the middle of a write. */
static inline void ms_read_published(_Atomic uint32_t *sequence, _Atomic uint64_t *words, void *value, size_t bytes)
{
    for (uint32_t tries = 1; !ms_try_read(sequence, words, value, bytes); tries++)
        if (tries % MS_READS_BEFORE_YIELD == 0)
            sched_yield();
}

#endif
