/* The measuring instrument: many telephone callers' media, in one C thread that has nothing to do with the engine.
 *
 * Each stream owns one UDP socket and sends a packet every 20 ms: its *bed*, a loop of mu-law (silence, or talk for a
 * background caller), over which `say` lays labelled speech at a given time; or a loop of packets that were coded
 * beforehand, of any codec. Everything sent and everything heard
 * is logged with the time it happened: sent packets when the send call was made, heard packets with the kernel's
 * receive time stamp, so that the punctuality of this thread is no part of what it measures. All times are ns on
 * the monotonic clock.
 *
 * Bounded: streams, pending utterances, both logs and the capture of payloads are allocated once. A log that nobody
 * empties loses its newest records and counts them.
 *
 * Witnesses: beside the wire thread one nearly idle thread for each processor, above every other in priority,
 * notes when it is woken late. Then the machine itself was away (a hypervisor took the processor): that is nobody's
 * gap. It only proves this with SCHED_FIFO; `witness_fifo` says whether it had it.
 *
 * Border: one thread uses this face. Streams change hands through an atomic state, utterances and logs through
 * single-producer, single-consumer rings. */
#ifndef MS_WIRE_H
#define MS_WIRE_H

#include "ms_types.h"

#define MS_WIRE_SLOTS 10               /* per 20 ms: a wake-up every 2 ms, stream i sends in slot i % 10 */
#define MS_WIRE_ANY_SLOT 0xffff
#define MS_WIRE_PAYLOAD 160            /* octets in 20 ms of G.711 */
#define MS_WIRE_UTTERANCES 16          /* pending per stream */
#define MS_WIRE_MAX_STREAMS 4096
#define MS_WIRE_STALLS 4096            /* stalls of the machine that are remembered */
#define MS_WIRE_STALL_NS (5 * MS_NS_PER_MS)
#define MS_WIRE_WITNESS_PRIORITY 95    /* above the engine and its own witness, or our own work would pass for a stall */
#define MS_WIRE_NONE UINT32_MAX
#define MS_WIRE_FLOOR_CENTIDB (-9600)  /* level of digital silence, and of what is not mu-law */

typedef struct ms_wire_config {
    uint32_t capacity;        /* streams, 1-4096 */
    uint32_t heard_records;   /* ring sizes, powers of two */
    uint32_t sent_records;
    uint32_t capture_octets;  /* payloads heard are kept one after the other until this is full; 0: none */
    int16_t cpu;              /* to pin the wire thread to, -1: not */
    uint16_t priority;        /* of SCHED_FIFO, where permitted, 1-89 */
} ms_wire_config;

typedef struct ms_wire_stream_config {
    int32_t socket_fd;        /* bound, non-blocking, IPv4; the caller's, until ms_wire_remove returned */
    uint32_t ssrc, first_timestamp;
    uint16_t first_sequence;
    uint16_t slot;            /* of the 20 ms to send in, 0-9, or MS_WIRE_ANY_SLOT; a tenth of the pool each */
    ms_address remote;
    const uint8_t *bed;       /* mu-law loop, outlives the stream; NULL: silence */
    uint32_t bed_octets, bed_start;
    uint8_t coded;            /* 1: `bed` is packets, each after its length in two octets, the higher first */
    uint8_t payload_type;     /* of coded packets */
    uint16_t frame_ticks;     /* what a coded packet adds to the time stamp; bed_start counts packets then */
} ms_wire_stream_config;

typedef struct ms_wire_sent { /* 40 octets, in host order: what Python unpacks */
    int64_t at_ns;            /* just before the send call */
    int64_t due_ns;
    uint32_t stream, timestamp;
    uint32_t utterance;       /* its number, 0: the bed */
    uint32_t offset;          /* of this packet's first octet in the utterance */
    uint16_t sequence;
    uint16_t reserved;
    uint32_t reserved2;
} ms_wire_sent;

typedef struct ms_wire_heard { /* 32 octets */
    int64_t at_ns;             /* kernel receive time stamp */
    uint32_t stream, timestamp, ssrc;
    uint32_t capture;          /* where its payload lies in the capture, MS_WIRE_NONE: not kept */
    uint16_t sequence, octets; /* octets of payload */
    int16_t level_centidb;     /* mean power of the payload, 0 = full-scale square wave */
    uint8_t payload_type, marker;
} ms_wire_heard;

typedef struct ms_wire_stall {
    int64_t due_ns, woke_ns;
} ms_wire_stall;

typedef struct ms_wire_statistics {
    uint64_t sent, heard, malformed, foreign, send_errors, receive_errors;
    uint64_t sent_lost, heard_lost;  /* records that found their log full */
    uint64_t stalls;                 /* of the machine, by the witnesses */
    int64_t stall_max_ns, late_max_ns; /* late: of the wire thread itself */
    uint64_t cpu_ns;
    uint32_t streams;
    uint8_t wire_fifo, witness_fifo;
} ms_wire_statistics;

typedef struct ms_wire ms_wire;

ms_wire *ms_wire_new(const ms_wire_config *config, int *status);
void ms_wire_free(ms_wire *wire);             /* stops; sockets are the caller's */
int ms_wire_start(ms_wire *wire);
void ms_wire_stop(ms_wire *wire);             /* joins the threads; idempotent */
int ms_wire_add(ms_wire *wire, const ms_wire_stream_config *config, uint32_t *stream);
int ms_wire_remove(ms_wire *wire, uint32_t stream); /* returns when the thread has let go, MS_E_STATE: it did not within 1 s */
/* The first packet due at or after at_ns begins the utterance; `payload` outlives it (ms_wire_said). */
/* Nothing can be laid over a coded bed. */
int ms_wire_say(ms_wire *wire, uint32_t stream, uint32_t utterance, int64_t at_ns, const uint8_t *payload, uint32_t n);
uint32_t ms_wire_said(const ms_wire *wire, uint32_t stream); /* utterances of this stream that are over, from its beginning */
uint32_t ms_wire_take_sent(ms_wire *wire, ms_wire_sent *out, uint32_t capacity);
uint32_t ms_wire_take_heard(ms_wire *wire, ms_wire_heard *out, uint32_t capacity);
uint32_t ms_wire_sent_readable(const ms_wire *wire);
uint32_t ms_wire_heard_readable(const ms_wire *wire);
int ms_wire_captured(const ms_wire *wire, uint32_t capture, uint8_t *out, uint32_t n);
uint32_t ms_wire_stalls(const ms_wire *wire, ms_wire_stall *out, uint32_t capacity); /* in the order they were noted */
void ms_wire_get_statistics(const ms_wire *wire, ms_wire_statistics *out);

#endif
