#include "ms_voice.h"

#include <string.h>

#define PASSAGES_BEHIND (MS_VOICE_PASSAGES / 2) /* kept for a rewind, at most: the rest is for what comes */

#define LOAD(at) atomic_load_explicit(at, memory_order_acquire)
#define STORE(at, value) atomic_store_explicit(at, value, memory_order_release)
#define MINE(at) atomic_load_explicit(at, memory_order_relaxed) /* a word that only this thread writes */

void ms_voice_init(ms_voice *v, int16_t *pcm, uint64_t playout_samples, uint64_t rewind_samples) {
    memset(v, 0, sizeof *v);
    v->pcm = pcm;
    v->playout_samples = playout_samples;
    v->rewind_samples = rewind_samples;
    v->capacity = playout_samples + rewind_samples;
}

/* ---- producer ------------------------------------------------------------------------------------------------ */

static bool has_passages_left(const ms_voice *v) {
    return LOAD(&v->passages_written) - LOAD(&v->passages_kept) < MS_VOICE_PASSAGES;
}

uint32_t ms_voice_room(const ms_voice *v) {
    if (!has_passages_left(v)) return 0; /* else who waits for room would be woken for nothing */
    uint64_t written = LOAD(&v->written);
    uint64_t kept = LOAD(&v->kept), read = LOAD(&v->read);
    uint64_t unread = written > read ? written - read : 0;
    uint64_t stored = written - kept;
    if (unread >= v->playout_samples || stored >= v->capacity) return 0;
    uint64_t room = v->playout_samples - unread;
    return (uint32_t)(room < v->capacity - stored ? room : v->capacity - stored);
}

static bool same_arming(const ms_arming *a, const ms_arming *b) {
    return a->lease_ms == b->lease_ms && a->on_onset == b->on_onset && a->on_lease == b->on_lease;
}

static int begin_passage(ms_voice *v, uint32_t generation, const ms_arming *arming, bool finish) {
    uint32_t count = MINE(&v->passages_written);
    if (!has_passages_left(v)) return MS_E_FULL;
    v->passages[count % MS_VOICE_PASSAGES] = (ms_passage){
        .start = MINE(&v->written), .generation = generation, .arming = *arming, .finish = finish,
    };
    STORE(&v->passages_written, count + 1);
    v->last_generation = generation;
    v->last_arming = *arming;
    v->last_finished = finish;
    return MS_OK;
}

static void copy_in(ms_voice *v, uint64_t at, const int16_t *pcm, uint32_t n) {
    uint64_t offset = at % v->capacity;
    uint64_t first = v->capacity - offset < n ? v->capacity - offset : n;
    memcpy(v->pcm + offset, pcm, first * sizeof *pcm);
    memcpy(v->pcm, pcm + first, (n - first) * sizeof *pcm);
}

/* What the producer itself can tell is wrong with a generation. */
static int admit(const ms_voice *v, uint32_t generation) {
    if (generation == 0) return MS_E_ARGUMENT;
    if (generation < v->last_generation || generation <= LOAD(&v->dead)) return MS_E_STALE;
    return generation == v->last_generation && v->last_finished ? MS_E_STATE : MS_OK;
}

int ms_voice_play(ms_voice *v, uint32_t generation, const ms_arming *arming, const int16_t *pcm, uint32_t n) {
    int status = admit(v, generation);
    if (status != MS_OK) return status;
    if (arming->on_onset > MS_ON_ONSET_DUCK || arming->on_lease > MS_ON_LEASE_STAY) return MS_E_ARGUMENT;
    uint32_t room = ms_voice_room(v);
    if (n > room) n = room;
    if (n == 0) return 0;
    bool goes_on = generation == v->last_generation && same_arming(arming, &v->last_arming);
    if (!goes_on && begin_passage(v, generation, arming, false) != MS_OK) return 0;
    uint64_t written = MINE(&v->written);
    copy_in(v, written, pcm, n);
    STORE(&v->written, written + n);
    return (int)n;
}

int ms_voice_finish(ms_voice *v, uint32_t generation) {
    int status = admit(v, generation);
    if (status != MS_OK) return status == MS_E_STATE ? MS_OK : status; /* twice is once */
    static const ms_arming none = {0};
    return begin_passage(v, generation, generation == v->last_generation ? &v->last_arming : &none, true);
}

/* ---- engine --------------------------------------------------------------------------------------------------- */

void ms_voice_kill(ms_voice *v, uint32_t generation) {
    if (generation > MINE(&v->dead)) STORE(&v->dead, generation);
}

/* The end must be looked up before the number of passages: a passage that is seen then starts at or after the
 * end that was seen, never before it, so no sample is taken for its predecessor's. */
static uint64_t passage_end(const ms_voice *v, bool *is_last) {
    uint64_t written = LOAD(&v->written);
    uint32_t following = v->cursor + 1;
    *is_last = following == LOAD(&v->passages_written);
    return *is_last ? written : v->passages[following % MS_VOICE_PASSAGES].start;
}

const ms_passage *ms_voice_seek(ms_voice *v, uint32_t dying, uint64_t *available) {
    *available = 0;
    if (LOAD(&v->passages_written) == 0) return NULL;
    for (;;) {
        const ms_passage *passage = &v->passages[v->cursor % MS_VOICE_PASSAGES];
        bool is_last, alive = passage->generation > MINE(&v->dead) || passage->generation == dying;
        uint64_t end = passage_end(v, &is_last);
        if (!alive && MINE(&v->read) < end) STORE(&v->read, end);
        *available = end - MINE(&v->read);
        if (is_last || (alive && (*available > 0 || passage->finish))) return passage;
        v->cursor++;
    }
}

bool ms_voice_next(ms_voice *v) {
    if (v->cursor + 1 == LOAD(&v->passages_written)) return false;
    v->cursor++;
    return true;
}

void ms_voice_take(ms_voice *v, int16_t *out, uint64_t n) {
    uint64_t read = MINE(&v->read), offset = read % v->capacity;
    uint64_t first = v->capacity - offset < n ? v->capacity - offset : n;
    memcpy(out, v->pcm + offset, first * sizeof *out);
    memcpy(out + first, v->pcm, (n - first) * sizeof *out);
    STORE(&v->read, read + n);
}

void ms_voice_rewind(ms_voice *v, uint64_t to) {
    uint32_t oldest = MINE(&v->passages_kept);
    while (v->cursor != oldest && v->passages[v->cursor % MS_VOICE_PASSAGES].start > to) v->cursor--;
    STORE(&v->read, to);
}

void ms_voice_forget(ms_voice *v, uint64_t oldest) {
    uint64_t read = MINE(&v->read);
    if (read > v->rewind_samples && read - v->rewind_samples > oldest) oldest = read - v->rewind_samples;
    uint32_t first = MINE(&v->passages_kept);
    if (v->cursor - first > PASSAGES_BEHIND) {
        uint64_t start = v->passages[(v->cursor - PASSAGES_BEHIND) % MS_VOICE_PASSAGES].start;
        if (start > oldest) oldest = start;
    }
    if (oldest <= MINE(&v->kept)) oldest = MINE(&v->kept);
    while (first != v->cursor && v->passages[(first + 1) % MS_VOICE_PASSAGES].start <= oldest) first++;
    STORE(&v->passages_kept, first);
    STORE(&v->kept, oldest);
}
