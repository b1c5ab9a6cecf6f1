#include "ms_tape.h"

#include <stddef.h>
#include <stdlib.h>

int ms_tape_init(ms_tape *tape, uint32_t capacity, uint32_t samples) {
    *tape = (ms_tape){.capacity = capacity};
    tape->frame_bytes = offsetof(ms_tape_frame, pcm) + 2 * samples * sizeof(int16_t);
    tape->frame_words = (tape->frame_bytes + 7) / 8;
    tape->words = calloc(capacity * tape->frame_words, sizeof *tape->words);
    tape->sequences = calloc(capacity, sizeof *tape->sequences);
    if (tape->words && tape->sequences) return MS_OK;
    ms_tape_release(tape);
    return MS_E_MEMORY;
}

void ms_tape_release(ms_tape *tape) {
    free(tape->words);
    free(tape->sequences);
    tape->words = NULL;
    tape->sequences = NULL;
}

static uint32_t place_of(const ms_tape *tape, uint64_t number) { return (uint32_t)(number % tape->capacity); }

void ms_tape_write(ms_tape *tape, ms_tape_frame *frame) {
    frame->number = atomic_load_explicit(&tape->written, memory_order_relaxed);
    uint32_t place = place_of(tape, frame->number);
    ms_publish(&tape->sequences[place], tape->words + place * tape->frame_words, frame, tape->frame_bytes);
    atomic_store_explicit(&tape->written, frame->number + 1, memory_order_release);
}

/* The writer may already be at work on the oldest place: the one after it is the oldest that is whole. */
static void catch_up(ms_tape *tape, uint64_t written) {
    if (written - tape->read < tape->capacity) return;
    uint64_t oldest = written - tape->capacity + 1;
    tape->lost += oldest - tape->read;
    tape->read = oldest;
}

bool ms_tape_read(ms_tape *tape, ms_tape_frame *frame) {
    for (;;) {
        uint64_t written = atomic_load_explicit(&tape->written, memory_order_acquire);
        if (tape->read == written) return false;
        catch_up(tape, written);
        uint32_t place = place_of(tape, tape->read);
        bool whole = ms_try_read(&tape->sequences[place], tape->words + place * tape->frame_words, frame,
                                 tape->frame_bytes);
        if (!whole || frame->number != tape->read) continue;
        tape->read++;
        return true;
    }
}
