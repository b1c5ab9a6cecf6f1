#include "ms_arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct {
    uint8_t *begin, *at, *end;
} arena;

void ms_arena_enter(void *memory, size_t n) {
    arena.begin = arena.at = memory;
    arena.end = arena.begin + n;
}

size_t ms_arena_leave(void) {
    size_t used = (size_t)(arena.at - arena.begin);
    arena.begin = arena.at = arena.end = NULL;
    return used;
}

void *ms_arena_take(size_t n) {
    size_t rounded = (n + MS_ARENA_ALIGNMENT - 1) / MS_ARENA_ALIGNMENT * MS_ARENA_ALIGNMENT;
    if (rounded > (size_t)(arena.end - arena.at)) abort(); /* the library does not look at what it gets */
    void *taken = arena.at;
    arena.at += rounded;
    memset(taken, 0, n);
    return taken;
}
