/* What the face of the wire (ms_wire.c) and its threads (ms_wire_thread.c) share. */
#ifndef MS_WIRE_STATE_H
#define MS_WIRE_STATE_H

#include "ms_wire.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define MS_WIRE_MAX_WITNESSES 64

/* FREE -> READY by the face, READY -> LIVE by the thread, LIVE -> CLOSING by the face, CLOSING -> FREE by the thread */
enum ms_wire_state { WIRE_FREE = 0, WIRE_READY, WIRE_LIVE, WIRE_CLOSING };

typedef struct wire_utterance {
    int64_t at_ns;
    const uint8_t *payload;
    uint32_t n, number;
} wire_utterance;

typedef struct wire_stream {
    _Atomic int state;
    ms_wire_stream_config config;
    struct sockaddr_in remote;
    uint32_t timestamp, bed_cursor, cursor; /* cursor: in the utterance that is being said */
    uint16_t sequence;
    _Atomic uint32_t asked, said;           /* utterances put in by the face, done with by the thread */
    wire_utterance utterances[MS_WIRE_UTTERANCES];
} wire_stream;

typedef struct wire_witness {
    struct ms_wire *wire;
    pthread_t thread;
    int cpu;
} wire_witness;

struct ms_wire {
    ms_wire_config config;
    wire_stream *streams;
    ms_wire_sent *sent;
    ms_wire_heard *heard;
    uint8_t *capture;
    _Atomic uint32_t sent_head, sent_tail, heard_head, heard_tail; /* head: written so far; tail: taken so far */
    _Atomic uint32_t captured;
    _Atomic int running;
    bool started;
    int epoll_fd;
    pthread_t thread;
    wire_witness witnesses[MS_WIRE_MAX_WITNESSES];
    uint32_t witness_count;
    pthread_mutex_t stall_lock;      /* witnesses are many and late already */
    ms_wire_stall stalls[MS_WIRE_STALLS];
    uint32_t stall_count;
    int64_t stall_max_ns;
    _Atomic uint64_t stalls_seen;
    _Atomic uint64_t packets_sent, packets_heard, malformed, foreign, send_errors, receive_errors;
    _Atomic uint64_t sent_lost, heard_lost, cpu_ns;
    _Atomic int64_t late_max_ns;
    _Atomic uint32_t live;
    _Atomic int wire_fifo, witnesses_without_fifo;
};

/* The coded packet that is next, and moves on: its length in two octets stands before it. */
const uint8_t *ms_wire_next_coded(wire_stream *s);
void *ms_wire_run(void *wire);
void *ms_wire_witness_run(void *witness);
int64_t ms_wire_now_ns(void);

#endif
