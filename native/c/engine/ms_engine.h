/* The shell around many cores: a preallocated pool, one pinned thread, sockets, a slot schedule, and the border
 * to Python.
 *
 * Time. Each stream sends every 20 ms, in the slot of its group (slots spread the streams over the 20 ms, so that
 * neither CPU nor packets come in bursts). The thread wakes at every slot, obeys the command ring, drains the
 * sockets that have something (ears run now), then ticks the streams whose slot it is.
 *
 * Border. Python gives commands through one single-producer ring and audio through each core's own; the engine
 * answers through one event ring and one eventfd. The eventfd is written at once for an urgent event, else at
 * most once per 20 ms. A command that could not be queued is MS_E_FULL for the caller, never lost; events that
 * found the ring full stay in their core until there is room.
 *
 * Slots and handles. A handle is index + generation. add: the caller's thread initialises a free slot and posts
 * ADD; remove: posts REMOVE, and the slot is free again only after MS_EVENT_REMOVED was taken from the ring and
 * ms_engine_reclaim was called. A stale handle is MS_E_STALE everywhere.
 *
 * Listening. A stream's peer may also be sent what other streams of its group hear and say, and a clip behind it all
 * (ms_mix.h); and what it hears and is sent may be recorded (ms_recorder.h). All of it begins, changes and ends with a
 * tick, never within one.
 *
 * Manual mode: no thread, no socket, no eventfd; the test pushes packets, calls ms_engine_step and takes packets.
 * Everything else is the same code. */
#ifndef MS_ENGINE_H
#define MS_ENGINE_H

#include "ms_core.h"
#include "ms_recorder.h"

enum ms_policy { MS_POLICY_NORMAL = 0, MS_POLICY_SLICE = 1, MS_POLICY_FIFO = 2, MS_POLICY_BEST = 3 };

typedef struct ms_engine_config {
    uint32_t capacity;        /* streams in the pool, 1-4096 */
    uint32_t slots;           /* per 20 ms, a divisor of 20; 10: a wake-up every 2 ms */
    uint8_t manual;           /* 1: no thread */
    uint8_t policy;           /* enum ms_policy wanted; BEST: FIFO, else SLICE, else NORMAL */
    int16_t cpu;              /* to pin to, -1: not */
    uint16_t priority;        /* of SCHED_FIFO, 1-90 */
    uint16_t reserved;
    uint32_t commands;        /* room in the rings, 0: 4096 */
    uint32_t events;
    uint32_t captured;        /* packets that a capture may be behind; 0: nothing can be captured */
    uint64_t seed;            /* of each core's comfort noise and dither */
} ms_engine_config;

typedef uint64_t ms_handle;   /* index in the low 32 bits, generation above; 0 is never valid */

typedef struct ms_engine_event {
    ms_handle stream;
    ms_event event;
} ms_engine_event;

typedef struct ms_out {       /* manual mode: a datagram that would have been sent */
    ms_handle stream;
    int64_t at_ns;
    ms_packet packet;
} ms_out;

#define MS_HISTOGRAM 64       /* bucket k: lateness in [2^(k/4), 2^((k+1)/4)) microseconds */

typedef struct ms_engine_statistics {
    uint64_t wakeups, ticks, late_ticks_skipped, overruns; /* overrun: a slot's work took longer than the slot */
    uint64_t packets_received, packets_sent, send_errors, receive_errors;
    uint64_t commands, commands_refused;     /* refused: the core had no room for it (marks), or it made no sense */
    uint64_t events, events_deferred;
    uint64_t captured_lost;                  /* packets that a capture misses, because nobody came for them in time */
    uint64_t datagrams, datagrams_dropped;   /* DTLS handed to the border; dropped: more than it can be meant */
    uint64_t cpu_ns;                         /* CPU time of the engine thread */
    uint64_t lateness[MS_HISTOGRAM];         /* of wake-ups against their slot */
    int64_t lateness_max_ns, slot_work_max_ns;
    uint64_t machine_stalls;                 /* the idle witness was late too: not our doing */
    int64_t machine_stall_max_ns;
    uint32_t streams, capacity;
    uint8_t policy;                          /* what was got: enum ms_policy */
    int16_t cpu;
} ms_engine_statistics;

typedef struct ms_engine ms_engine;

ms_engine *ms_engine_new(const ms_engine_config *config, int *status);
int ms_engine_start(ms_engine *engine);                 /* threads begin; once, and not in manual mode */
void ms_engine_stop(ms_engine *engine);                 /* joins them, for good; idempotent */
int ms_engine_try_policy(int wanted, int priority);     /* what a thread that wants this policy would get */
void ms_engine_free(ms_engine *engine);                 /* stops, releases every core, closes the eventfd; sockets are the caller's */
int ms_engine_eventfd(const ms_engine *engine);         /* -1 in manual mode */

typedef struct ms_sockets {   /* bound, non-blocking UDP, the caller's until REMOVED; -1 in manual mode */
    int rtp_fd, rtcp_fd;      /* rtcp_fd -1: multiplexed with RTP */
    bool captured;            /* from the first moment, as `ms_engine_capture` does later */
} ms_sockets;

/* `group`: streams of one call share one, hence a slot. */
int ms_engine_add(ms_engine *engine, const ms_config *config, ms_sockets sockets, uint32_t group, ms_handle *out);
int ms_engine_remove(ms_engine *engine, ms_handle stream);
int ms_engine_reclaim(ms_engine *engine, ms_handle stream);
/* From its next tick on the stream is one of `group`, whose slot comes no sooner than 20 ms after its last tick and less
 * than 40 ms. MS_E_STATE: it listens to another, or another to it. */
int ms_engine_move(ms_engine *engine, ms_handle stream, uint32_t group);
int ms_engine_command(ms_engine *engine, ms_handle stream, const ms_command *command);

/* ms_engine_listen.c. `listener` is sent what `source`, of the same group, hears or says, from the next tick on; a
 * second time changes the gain. MS_E_FULL: MS_CONNECTIONS are there already, or the ring is full; MS_E_ARGUMENT: another
 * group, or itself; MS_E_STATE: `source` has no bridge to be heard by. */
#define MS_CONNECTIONS 8
enum ms_listen { MS_LISTEN_HEARD = 0, MS_LISTEN_SAID = 1 };
int ms_engine_connect(ms_engine *engine, ms_handle listener, ms_handle source, enum ms_listen what, float gain);
int ms_engine_disconnect(ms_engine *engine, ms_handle listener, ms_handle source, enum ms_listen what);

typedef struct ms_clip {      /* sound behind the voice: ringback, hold music, a filler */
    const int16_t *pcm;       /* at say_hz; the caller's until CLIP_DONE or REMOVED; NULL: silence */
    uint32_t samples;
    uint32_t id;              /* grows from clip to clip of a stream */
    float gain;
    uint16_t fade_ms;         /* in and out, 5-2000 */
    uint8_t loop;
} ms_clip;
int ms_engine_background(ms_engine *engine, ms_handle stream, const ms_clip *clip); /* in place of the one before */

/* Records what the stream hears and is sent, from the next tick until it is told to stop, leaves, or cannot be written:
 * answered by MS_EVENT_RECORDING in every case. One at a time for a stream, else MS_E_STATE. */
typedef struct ms_record_control {
    uint8_t pause;            /* enum ms_record_pause */
    uint8_t masked;           /* sides that are silent in the file: of enum ms_record_side */
    uint8_t stop;
} ms_record_control;
int ms_engine_record(ms_engine *engine, ms_handle stream, const ms_record_config *config);
int ms_engine_record_control(ms_engine *engine, ms_handle stream, uint32_t id, const ms_record_control *control);

/* new SRTP keys, allocated here; in force when the engine thread comes to it */
int ms_engine_set_keys(ms_engine *engine, ms_handle stream, const ms_srtp_keys *keys);
int ms_engine_play(ms_engine *engine, ms_handle stream, uint32_t generation, const ms_arming *arming,
                   const int16_t *pcm, uint32_t n);
int ms_engine_finish(ms_engine *engine, ms_handle stream, uint32_t generation);
int ms_engine_want_room(ms_engine *engine, ms_handle stream, uint32_t samples);  /* MS_EVENT_ROOM once */
int ms_engine_read_ears(ms_engine *engine, ms_handle stream, int16_t *pcm, int capacity, ms_span *span);
int ms_engine_ears_readable(ms_engine *engine, ms_handle stream);
int ms_engine_want_ears(ms_engine *engine, ms_handle stream, uint32_t samples);  /* MS_EVENT_EARS once */
int ms_engine_next_event(ms_engine *engine, ms_engine_event *out);               /* 1 and the event, or 0 */
int ms_engine_position(ms_engine *engine, ms_handle stream, ms_position *out);   /* published each tick (seqlock) */
int ms_engine_stream_statistics(ms_engine *engine, ms_handle stream, ms_core_statistics *out);
void ms_engine_get_statistics(const ms_engine *engine, ms_engine_statistics *out);
size_t ms_engine_bytes_per_stream(const ms_config *config); /* core + libraries, playout ring apart */

/* ms_engine_datagram.c: DTLS, for streams with MS_KEYING_DTLS. What the other side sent, oldest first: 1 and a datagram,
 * or 0. What is sent goes out at once, from the stream's RTP socket; like every datagram it may be lost. */
typedef struct ms_datagram {
    ms_handle stream;
    int64_t received_ns;
    ms_address source;
    uint16_t n;
    uint8_t data[MS_MAX_PACKET + 1]; /* one more than is allowed: what is too long is seen to be */
} ms_datagram;
int ms_engine_next_datagram(ms_engine *engine, ms_datagram *out);
int ms_engine_send_datagram(ms_engine *engine, ms_handle stream, const uint8_t *data, size_t n, const ms_address *to);

/* ms_engine_capture.c: what streams receive and send, as it is on the wire, oldest first: 1 and a packet, or 0. Nobody is
 * woken for it: who captures comes by often enough, or the newest are lost and counted. Datagrams that the border itself
 * sends are not among it. MS_E_STATE: the engine was made without room for it.
 *
 * Between the packets stand the other moments at which the engine touched the stream, in the order in which it did:
 * all that `ms_engine_again` needs to do the same once more. */
enum ms_moment { MS_RECEIVED = 0, MS_SENT, MS_OBEYED, MS_DEADLINE_MET, MS_TICKED };

typedef struct ms_captured {
    ms_handle stream;
    int64_t at_ns;
    int64_t due_ns;  /* of a tick */
    uint64_t number; /* of the moment, counted over all captured streams; a packet that is sent bears its tick's */
    ms_address peer;
    uint16_t n;
    uint8_t kind; /* enum ms_moment */
    uint8_t data[MS_MAX_PACKET + 1]; /* as in ms_datagram */
} ms_captured;

/* How many moments are over, doubled, and one more while the next is under way: what the border reads between two equal
 * and even numbers, it reads at that moment. */
uint64_t ms_engine_moments(const ms_engine *engine);

/* Manual mode: that moment again, with what was ordered since; MS_E_STATE: there is no order left to obey. */
int ms_engine_again(ms_engine *engine, ms_handle stream, const ms_captured *moment);
int ms_engine_capture(ms_engine *engine, ms_handle stream, bool on);
int ms_engine_next_captured(ms_engine *engine, ms_captured *out);

/* manual mode only */
int ms_engine_push(ms_engine *engine, ms_handle stream, const uint8_t *packet, size_t n, const ms_address *from,
                   int64_t received_ns);
int ms_engine_step(ms_engine *engine, int64_t now_ns);        /* every slot due up to now_ns, in order */
int64_t ms_engine_next_step(const ms_engine *engine);         /* when the next slot is due, ns */
/* The next slot and, while nobody need be told anything, those due before `before_ns`; `slot_ns`: the last one run. */
int ms_engine_step_on(ms_engine *engine, int64_t before_ns, int64_t *slot_ns);
int ms_engine_take_packet(ms_engine *engine, ms_out *out);    /* 1 and a packet, or 0 */

#endif
