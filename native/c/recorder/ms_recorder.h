/* Recordings: what a stream heard on the left, what its peer was sent on the right, 20 ms at a time, in a file.
 *
 * Three threads see a recording, one after the other:
 *
 *   the border   makes it, gives it to the recorder and to its stream, and frees it when both have let go
 *   the engine   puts frames on its tape, each with the number of its tick, and closes it
 *   the recorder reads the tape and writes the file, ten times a second; ends when the tape is closed and empty
 *
 * The engine never waits: a tape that is full loses its oldest frames, and the file has silence in their place, as it
 * has for ticks that were skipped, so both sides stay aligned to the end. A write that fails ends the recording and
 * nothing else: the recorder says `failed`, the engine closes the tape with its next tick, and the outcome goes to the
 * border as every other. So a recording is freed only when nobody looks at it any more. */
#ifndef MS_RECORDER_H
#define MS_RECORDER_H

#include <pthread.h>

#include "ms_record_file.h"
#include "ms_ring.h"
#include "ms_tape.h"

#define MS_TAPE_MS 4000          /* what a slow disk may be behind */
#define MS_RECORDER_PERIOD_MS 100

enum ms_record_reason { MS_RECORD_STOPPED = 0, MS_RECORD_FAILED = 1 };
enum ms_record_pause { MS_RECORD_GOES_ON = 0, MS_RECORD_GAP = 1 /* silence meanwhile */, MS_RECORD_CUT = 2 };
enum ms_record_side { MS_RECORD_HEARD = 1, MS_RECORD_SAID = 2 };

typedef struct ms_record_config {
    int fd;                      /* to write to; the caller's until the recording is over */
    uint32_t id;
    uint8_t format;              /* enum ms_record_format */
    int32_t bit_rate;            /* of Opus, 6000-128000 */
} ms_record_config;

typedef struct ms_recording {
    /* fixed */
    ms_record_config config;
    uint64_t stream;             /* handle */
    uint32_t samples;            /* a side and frame */
    ms_tape tape;
    /* the engine's */
    int64_t begun_ns, cut_ticks; /* begun_ns -1: not yet */
    uint8_t pause, masked;       /* enum ms_record_pause; of enum ms_record_side */
    /* across */
    _Atomic bool closed;         /* the engine has let go */
    _Atomic bool failed;         /* the recorder wants no more */
    /* the recorder's, and the border's at the end */
    ms_record_file file;
} ms_recording;

typedef struct ms_recorder {
    ms_ring arriving, over;      /* of ms_recording *: from the border, and back to it */
    ms_recording **running;      /* the recorder's */
    uint32_t count, capacity;
    int wake_fd;                 /* an eventfd, written when one is over; -1: nobody */
    uint32_t given;              /* the border's: recordings that have not come back */
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
} ms_recorder;

/* ---- border */
int ms_recorder_init(ms_recorder *r, uint32_t capacity, int wake_fd);
void ms_recorder_free(ms_recorder *r);       /* stopped before */
int ms_recorder_start(ms_recorder *r);       /* idempotent */
void ms_recorder_stop(ms_recorder *r);       /* writes what is there, joins; every tape must be closed */
ms_recording *ms_recording_new(const ms_record_config *config, uint64_t stream, int32_t rate_hz, int *status);
void ms_recording_free(ms_recording *recording);
int ms_recorder_give(ms_recorder *r, ms_recording *recording);
ms_recording *ms_recorder_take(ms_recorder *r); /* one that is over, to be freed; NULL: none */

/* ---- engine thread */
/* `heard` NULL: nothing was. False: the recorder wants no more; close it. */
bool ms_recording_put(ms_recording *recording, const int16_t *heard, const int16_t *sent, int64_t due_ns);
void ms_recording_close(ms_recording *recording);

/* ---- recorder thread; without one, whoever steps the engine */
void ms_recorder_work(ms_recorder *r);

#endif
