/* The inside of the engine: what its files share, and which thread may touch what.
 *
 *   the border's thread   trio's; every function of ms_engine.h
 *   the engine thread     ms_engine_run.c, ms_engine_net.c; in manual mode the caller of ms_engine_step
 *   the witness           a few words of ms_witness
 *
 * A field belongs to one of them, or is atomic, or is written before its stream's ADD is posted and never after. */
#ifndef MS_ENGINE_STATE_H
#define MS_ENGINE_STATE_H

#include <pthread.h>
#include <semaphore.h>

#include "ms_engine.h"
#include "ms_mix.h"
#include "ms_ring.h"
#include "ms_seqlock.h"

#define MS_MAX_CAPACITY 4096
#define MS_MAX_SLOTS 20
#define MS_MAX_LATE_NS (60 * MS_NS_PER_MS) /* a tick later than this is skipped by the core */
#define MS_DEFAULT_ORDERS 4096
#define MS_DEFAULT_EVENTS 4096
#define MS_DATAGRAMS 64          /* that wait for the border, of all streams */

enum ms_life { MS_LIFE_FREE = 0, MS_LIFE_LIVE, MS_LIFE_REMOVING, MS_LIFE_REMOVED };

/* Events that the engine itself owes about a stream; they stay owed while the event ring is full. */
enum ms_owed { MS_OWED_ADDED = 1, MS_OWED_FAULT = 2 };

typedef struct ms_link { /* a connection, as the border knows it */
    ms_handle source;
    uint8_t what; /* enum ms_listen */
} ms_link;

struct ms_stream {
    /* the border's */
    uint32_t generation, group;
    uint32_t slot; /* of the group; that of its ticks follows by an order */
    uint8_t life; /* enum ms_life */
    bool has_bridge;
    size_t memory_bytes;
    uint32_t link_count;
    ms_link links[MS_CONNECTIONS];
    uint32_t recording_id; /* 0: none */
    /* fixed from ADD to REMOVED */
    ms_handle handle;
    ms_core *core;
    int socket_fd[MS_CHANNELS];
    bool takes_dtls;
    ms_said_at *said_at[MS_RATES]; /* made before the first order that needs it */
    /* the engine thread's */
    uint32_t ticks_in; /* a slot */
    int64_t due_ns;    /* of its last tick; INT64_MIN: none */
    ms_mix mix;
    ms_recording *recording; /* NULL: none */
    uint8_t owed; /* enum ms_owed */
    bool leaving; /* only REMOVED is still to be said */
    bool is_crowded;     /* the last packet came close behind the one before */
    int64_t received_ns; /* when the last packet came */
    uint32_t ticks;
    uint32_t datagrams;  /* handed to the border since the last tick */
    int32_t fault_errno; /* the socket is not touched any more when not 0 */
    /* both */
    _Atomic bool is_captured;
    _Atomic uint32_t wanted_room, wanted_ears; /* samples, 0: nothing */
    _Atomic uint32_t position_sequence, statistics_sequence;
    _Atomic uint64_t position_words[MS_WORDS(ms_position)];
    _Atomic uint64_t statistics_words[MS_WORDS(ms_core_statistics)];
};

enum ms_order_kind {
    MS_ORDER_ADD = 1, MS_ORDER_REMOVE, MS_ORDER_COMMAND, MS_ORDER_CONNECT, MS_ORDER_DISCONNECT,
    MS_ORDER_BACKGROUND, MS_ORDER_RECORD, MS_ORDER_RECORD_CONTROL, MS_ORDER_MOVE
};

typedef struct ms_order { /* what crosses from the border to the engine thread */
    ms_handle stream;
    uint8_t kind; /* enum ms_order_kind */
    union {
        ms_command command;
        struct {
            uint32_t source; /* its place in the pool */
            uint8_t what;    /* enum ms_listen */
            float gain;
        } connection;
        ms_clip clip;
        ms_recording *recording;
        ms_record_control control;
        uint32_t slot;
    };
} ms_order;

typedef struct ms_members { /* the streams of one slot, in the order they came */
    uint32_t count;
    uint32_t *index; /* room for the whole pool */
} ms_members;

typedef struct ms_witness {
    pthread_t thread;
    bool running;
    _Atomic int64_t engine_late_from_ns, engine_late_until_ns; /* the engine's last lateness of note */
    _Atomic uint64_t stalls;
    _Atomic int64_t stall_max_ns;
} ms_witness;

struct ms_engine {
    ms_engine_config config;
    ms_stream *pool;
    ms_ring orders, events; /* ms_order in, ms_engine_event out */
    ms_ring datagrams;      /* ms_datagram out */
    ms_ring captured;       /* ms_captured out; without items when there is no room for any */
    _Atomic uint64_t moments; /* of captured streams, doubled; odd while one is under way */
    ms_recorder recorder;
    int64_t slot_ns;

    /* the border's */
    uint32_t streams;                    /* not FREE */
    uint32_t slot_load[MS_MAX_SLOTS];
    uint32_t ordinary_orders;            /* ring room that ADD and REMOVE leave to commands */
    bool started;
    pthread_t thread;

    /* the engine thread's */
    ms_members members[MS_MAX_SLOTS];
    int64_t *deadline_ns;                /* by pool index, INT64_MAX: none; dense, for it is scanned at each slot */
    uint32_t deadlines;                  /* one above the highest index ever live */
    int64_t due_ns;                      /* of the next slot; -1: the schedule has not begun */
    int64_t notified_ns;                 /* when the eventfd was last written */
    bool to_notify;
    ms_packet packets[MS_PACKETS_A_TICK]; /* those being sent */
    ms_engine_statistics tally;
    bool more_to_receive;                /* packets wait that the last slot had no time for */
    int epoll_fd;
    struct ms_net *net;

    /* manual mode */
    ms_ring inbox, outbox; /* ms_datagram, ms_out */
    bool again;            /* moments are repeated: no slot is run */

    /* across */
    int event_fd;
    _Atomic bool stopping;
    _Atomic int32_t policy;              /* what was got: enum ms_policy */
    sem_t begun;
    _Atomic uint32_t tally_sequence;
    _Atomic uint64_t tally_words[MS_WORDS(ms_engine_statistics)];
    ms_witness witness;
};

/* ms_engine_run.c: one slot, the same with and without a thread */
void ms_run_slot(ms_engine *engine, int64_t now_ns);
void ms_run_publish_tally(ms_engine *engine);
void ms_run_close_recordings(ms_engine *engine); /* when no slot will be run any more */
void ms_run_received(ms_engine *engine, ms_stream *stream, const uint8_t *packet, size_t n, const ms_address *from,
                     int64_t received_ns);
void ms_run_fault(ms_stream *stream, int32_t error);
int ms_run_again(ms_engine *engine, ms_stream *stream, const ms_captured *moment);

/* ms_engine_net.c: sockets */
int ms_net_open(ms_engine *engine);
void ms_net_close(ms_engine *engine);
int ms_net_prepare(int socket_fd);                       /* the border's, before ADD */
void ms_net_watch(ms_engine *engine, ms_stream *stream);
void ms_net_forget(ms_engine *engine, ms_stream *stream);
void ms_net_receive(ms_engine *engine, int64_t until_ns);
void ms_net_send(ms_engine *engine, ms_stream *stream, const ms_packet *packet);

void ms_net_send_datagram(const ms_stream *stream, const ms_packet *packet); /* the border's */

/* ms_engine_datagram.c */
bool ms_is_dtls(const uint8_t *packet, size_t n);
bool ms_hand_over(ms_engine *engine, ms_stream *stream, const ms_datagram *datagram); /* false: there were too many */

/* ms_engine_capture.c: the engine thread's */
typedef struct ms_passing { /* a packet where it lies */
    const uint8_t *data;
    size_t n;
    const ms_address *peer;
    int64_t at_ns;
    int64_t due_ns;
    enum ms_moment kind;
} ms_passing;
void ms_capture(ms_engine *engine, const ms_stream *stream, const ms_passing *packet);
void ms_moment_begins(ms_engine *engine, const ms_stream *stream, const ms_passing *moment);
void ms_moment_ends(ms_engine *engine);

/* ms_engine_manual.c: the same, without sockets */
void ms_manual_receive(ms_engine *engine, int64_t now_ns);
void ms_manual_send(ms_engine *engine, ms_stream *stream, const ms_packet *packet, int64_t now_ns);

/* ms_engine_policy.c: how the calling thread is scheduled */
void ms_policy_pin(int cpu);
int ms_policy_apply(int wanted, int priority);           /* returns the enum ms_policy that was got */

/* ms_engine.c: the border's */
ms_stream *ms_live_stream(ms_engine *engine, ms_handle handle); /* NULL: stale */
int ms_give_order(ms_engine *engine, const ms_order *order);    /* MS_E_FULL: the room for ordinary ones is used up */
/* ms_engine_listen.c: the border's */
void ms_links_forget(ms_engine *engine, const ms_stream *gone);
bool ms_is_linked(const ms_engine *engine, const ms_stream *stream);
bool ms_recording_over(ms_engine *engine, ms_engine_event *out);

int64_t ms_monotonic_ns(void);

#endif
