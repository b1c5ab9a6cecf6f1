/* The inside of a stream, shared by the three files that make it up: ms_core.c (set-up, commands, what is told),
 * ms_core_receive.c (packets in) and ms_core_send.c (the tick). */
#ifndef MS_CORE_STATE_H
#define MS_CORE_STATE_H

#include "ms_coder.h"
#include "ms_ears.h"
#include "ms_mixer.h"
#include "ms_rtp.h"

struct ms_core {
    ms_config config;
    ms_core_statistics statistics;
    ms_events events;
    ms_coders coders;

    /* who speaks to us */
    ms_rtp_source source;
    ms_reorder reorder;
    uint32_t missing;          /* packets given up since the last one that was heard */
    ms_dtmf_receiver dtmf;
    ms_ears ears;
    ms_address remote;         /* where packets go */
    ms_address heard_from;     /* the locked source */
    ms_address left;           /* where we were told to leave; not believed again before `left_until_ns` */
    int64_t left_until_ns;
    int64_t last_packet_ns;
    bool locked, hearing, timed_out;
    bool started;              /* last_packet_ns is set: the first call told us the time */

    /* what we say */
    ms_playout playout;
    bool sending, talking;     /* talking: the last packet held voice */
    uint16_t sequence;
    uint32_t timestamp;        /* of the tick that comes */
    int16_t *said;             /* 20 ms at say_hz: the voice alone */
    int16_t *sent;             /* and with the others */
    float *mix;                /* 20 ms at say_hz: the others, for the next tick */
    ms_limiter limiter;
    bool mixing;               /* there is something in `mix` */
    int16_t *pending;          /* encoded when ptime_ms of it are there */
    uint32_t pending_n;
    bool pending_voice;
};

/* Every entry that knows the time begins with this. */
void ms_core_enter(ms_core *core, int64_t now_ns);
/* Reorder, lease, quiet, time-out: whatever is due at the time of ms_core_enter. */
void ms_core_run_deadlines(ms_core *core);
/* Leaves the source: the next valid one is taken. */
void ms_core_forget_source(ms_core *core);
bool ms_address_equal(const ms_address *a, const ms_address *b);
uint32_t ms_core_frame(const ms_core *core); /* samples at say_hz in a tick */
/* What was not yet enough for a packet is dropped. */
void ms_core_forget_pending(ms_core *core);
/* ms_core_mix.c: 20 ms of our own voice become what is sent; or there are none. */
void ms_core_add_others(ms_core *core, int16_t *pcm);
void ms_core_say_nothing(ms_core *core);

#endif
