#include "ms_timeline.h"

#include <string.h>

size_t ms_timeline_size(int32_t capacity) { return (size_t)capacity * (sizeof(int16_t) + sizeof(uint8_t)); }

void ms_timeline_init(ms_timeline *t, int32_t capacity, void *memory) {
    t->capacity = capacity;
    t->at = t->end = 0;
    t->pcm = memory;
    t->marks = (uint8_t *)(t->pcm + capacity);
    memset(memory, 0, ms_timeline_size(capacity));
}

static size_t slot_of(const ms_timeline *t, int64_t at) {
    int64_t rest = at % t->capacity;
    return (size_t)(rest < 0 ? rest + t->capacity : rest);
}

/* Samples from the slot to the ring's edge, at most n. */
static size_t to_edge(const ms_timeline *t, size_t slot, size_t n) {
    size_t left = (size_t)t->capacity - slot;
    return n < left ? n : left;
}

void ms_timeline_move(ms_timeline *t, int64_t at) {
    memset(t->marks, MS_MISSING, (size_t)t->capacity);
    t->at = t->end = at;
}

/* What is heard replaces what was made up; nothing else is written twice. */
static bool may_replace(uint8_t old, uint8_t mark) {
    return old == MS_MISSING || (old == MS_MADE_UP && mark == MS_HEARD);
}

size_t ms_timeline_write(ms_timeline *t, int64_t from, const int16_t *pcm, size_t n, uint8_t mark, size_t *added) {
    int64_t first = from < t->at ? t->at : from, last = from + (int64_t)n, edge = t->at + t->capacity;
    size_t written = 0;
    *added = 0;
    if (last > edge) last = edge;
    for (int64_t at = first; at < last; at++) {
        size_t slot = slot_of(t, at);
        if (!may_replace(t->marks[slot], mark)) continue;
        *added += t->marks[slot] == MS_MISSING;
        t->pcm[slot] = pcm[at - from];
        t->marks[slot] = mark;
        written++;
    }
    if (written > 0 && last > t->end) t->end = last;
    return written;
}

size_t ms_timeline_ready(const ms_timeline *t, size_t most) {
    if (t->end - t->at < (int64_t)most) most = (size_t)(t->end - t->at);
    size_t slot = slot_of(t, t->at), piece = to_edge(t, slot, most);
    const uint8_t *hole = memchr(t->marks + slot, MS_MISSING, piece);
    if (hole) return (size_t)(hole - (t->marks + slot));
    hole = memchr(t->marks, MS_MISSING, most - piece);
    return hole ? piece + (size_t)(hole - t->marks) : most;
}

size_t ms_timeline_hole(const ms_timeline *t) {
    for (int64_t at = t->at; at < t->end; at++)
        if (t->marks[slot_of(t, at)] != MS_MISSING) return (size_t)(at - t->at);
    return 0;
}

uint8_t ms_timeline_mark_at(const ms_timeline *t, int64_t at) {
    return at >= t->at && at < t->end ? t->marks[slot_of(t, at)] : MS_MISSING;
}

void ms_timeline_copy(const ms_timeline *t, int16_t *out, size_t n) {
    size_t slot = slot_of(t, t->at), piece = to_edge(t, slot, n);
    memcpy(out, t->pcm + slot, piece * sizeof *out);
    memcpy(out + piece, t->pcm, (n - piece) * sizeof *out);
}

size_t ms_timeline_advance(ms_timeline *t, int64_t n) {
    size_t there = 0;
    int64_t last = t->at + n, held = last < t->end ? last : t->end;
    for (int64_t at = t->at; at < held; at++) {
        size_t slot = slot_of(t, at);
        there += t->marks[slot] != MS_MISSING;
        t->marks[slot] = MS_MISSING;
    }
    t->at = last;
    if (t->end < t->at) t->end = t->at;
    return there;
}

size_t ms_timeline_held(const ms_timeline *t) {
    size_t held = 0;
    for (int64_t at = t->at; at < t->end; at++) held += t->marks[slot_of(t, at)] != MS_MISSING;
    return held;
}
