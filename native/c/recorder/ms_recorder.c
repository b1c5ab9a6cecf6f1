#define _GNU_SOURCE
#include "ms_recorder.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

/* ---- border ------------------------------------------------------------------------------------------------------- */

int ms_recorder_init(ms_recorder *r, uint32_t capacity, int wake_fd) {
    memset(r, 0, sizeof *r);
    r->capacity = capacity;
    r->wake_fd = wake_fd;
    r->running = calloc(capacity, sizeof *r->running);
    int status = r->running ? ms_ring_init(&r->arriving, capacity, sizeof(ms_recording *)) : MS_E_MEMORY;
    return status == MS_OK ? ms_ring_init(&r->over, capacity, sizeof(ms_recording *)) : status;
}

void ms_recorder_free(ms_recorder *r) {
    ms_recording *recording;
    while ((recording = ms_recorder_take(r)) != NULL) ms_recording_free(recording);
    ms_ring_release(&r->arriving);
    ms_ring_release(&r->over);
    free(r->running);
    r->running = NULL;
}

ms_recording *ms_recording_new(const ms_record_config *config, uint64_t stream, int32_t rate_hz, int *status) {
    *status = MS_E_ARGUMENT;
    bool is_right = config->fd >= 0 && config->format <= MS_RECORD_OPUS;
    bool has_rate = config->format != MS_RECORD_OPUS || (config->bit_rate >= 6000 && config->bit_rate <= 128000);
    if (!is_right || !has_rate) return NULL;
    *status = MS_E_MEMORY;
    ms_recording *recording = calloc(1, sizeof *recording);
    if (!recording) return NULL;
    recording->config = *config;
    recording->stream = stream;
    recording->samples = (uint32_t)rate_hz / 1000 * MS_FRAME_MS;
    recording->begun_ns = -1;
    *status = ms_tape_init(&recording->tape, MS_TAPE_MS / MS_FRAME_MS, recording->samples);
    if (*status == MS_OK)
        *status = ms_record_file_init(&recording->file, config->fd, config->format, rate_hz, config->bit_rate);
    if (*status == MS_OK) return recording;
    ms_recording_free(recording);
    return NULL;
}

void ms_recording_free(ms_recording *recording) {
    ms_tape_release(&recording->tape);
    ms_record_file_release(&recording->file);
    free(recording);
}

int ms_recorder_give(ms_recorder *r, ms_recording *recording) {
    if (r->given == r->capacity) return MS_E_FULL;
    r->given++;
    ms_ring_push(&r->arriving, &recording); /* the rings have room for all that are given */
    return MS_OK;
}

ms_recording *ms_recorder_take(ms_recorder *r) {
    ms_recording *recording;
    if (!ms_ring_pop(&r->over, &recording)) return NULL;
    r->given--;
    return recording;
}

/* ---- engine ------------------------------------------------------------------------------------------------------- */

static void interleave(const ms_recording *recording, const int16_t *heard, const int16_t *sent, int16_t *out) {
    bool silent = recording->pause != MS_RECORD_GOES_ON;
    bool with_heard = heard && !silent && !(recording->masked & MS_RECORD_HEARD);
    bool with_sent = !silent && !(recording->masked & MS_RECORD_SAID);
    for (uint32_t i = 0; i < recording->samples; i++) {
        out[2 * i] = with_heard ? heard[i] : 0;
        out[2 * i + 1] = with_sent ? sent[i] : 0;
    }
}

bool ms_recording_put(ms_recording *recording, const int16_t *heard, const int16_t *sent, int64_t due_ns) {
    if (atomic_load_explicit(&recording->failed, memory_order_relaxed)) return false;
    if (recording->begun_ns < 0) recording->begun_ns = due_ns;
    if (recording->pause == MS_RECORD_CUT) {
        recording->cut_ticks++;
        return true;
    }
    ms_tape_frame frame = {.tick = (due_ns - recording->begun_ns) / MS_FRAME_NS - recording->cut_ticks};
    interleave(recording, heard, sent, frame.pcm);
    ms_tape_write(&recording->tape, &frame);
    return true;
}

void ms_recording_close(ms_recording *recording) {
    atomic_store_explicit(&recording->closed, true, memory_order_release);
}

/* ---- recorder ------------------------------------------------------------------------------------------------------ */

/* Silence where ticks are missing: skipped by the engine, or lost because the disk was slow. */
static void write_up_to(ms_record_file *file, int64_t tick) {
    static const int16_t silence[2 * MS_MAX_FRAME];
    while (file->error == 0 && (int64_t)file->frames < tick) ms_record_file_add(file, silence);
}

static void copy(ms_recording *recording) {
    ms_tape_frame frame;
    while (recording->file.error == 0 && ms_tape_read(&recording->tape, &frame)) {
        write_up_to(&recording->file, frame.tick);
        ms_record_file_add(&recording->file, frame.pcm);
    }
    ms_record_file_flush(&recording->file);
    if (recording->file.error != 0) atomic_store_explicit(&recording->failed, true, memory_order_relaxed);
}

/* Whether it is over. `closed` is looked at before the tape, or the last frames could come in between. */
static bool work_on(ms_recording *recording) {
    bool closed = atomic_load_explicit(&recording->closed, memory_order_acquire);
    copy(recording);
    if (closed) ms_record_file_finish(&recording->file);
    return closed;
}

static void tell_over(ms_recorder *r, ms_recording *recording) {
    ms_ring_push(&r->over, &recording);
    if (r->wake_fd >= 0) eventfd_write(r->wake_fd, 1);
}

void ms_recorder_work(ms_recorder *r) {
    ms_recording *recording;
    while (ms_ring_pop(&r->arriving, &recording)) r->running[r->count++] = recording;
    for (uint32_t i = r->count; i-- > 0;) {
        recording = r->running[i];
        if (!work_on(recording)) continue;
        r->running[i] = r->running[--r->count];
        tell_over(r, recording);
    }
}

static void *run(void *argument) {
    ms_recorder *r = argument;
    pthread_setname_np(pthread_self(), "media-recorder");
    struct timespec period = {.tv_nsec = MS_RECORDER_PERIOD_MS * MS_NS_PER_MS};
    while (!atomic_load_explicit(&r->stopping, memory_order_acquire)) {
        ms_recorder_work(r);
        nanosleep(&period, NULL);
    }
    ms_recorder_work(r);
    return NULL;
}

/* Signals are for Python's main thread. */
int ms_recorder_start(ms_recorder *r) {
    sigset_t all, before;
    if (r->started) return MS_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&r->thread, NULL, run, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->started = error == 0;
    errno = error;
    return r->started ? MS_OK : MS_E_SYSTEM;
}

void ms_recorder_stop(ms_recorder *r) {
    atomic_store_explicit(&r->stopping, true, memory_order_release);
    if (r->started) pthread_join(r->thread, NULL);
    else if (r->running) ms_recorder_work(r);
    r->started = false;
}
