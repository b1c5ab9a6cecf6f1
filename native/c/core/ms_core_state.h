/* The inside of a stream, shared by the files that make it up: ms_core.c (set-up, commands, what is told),
 * ms_core_receive.c (packets in), ms_core_send.c (the tick), ms_core_secure.c (SRTP) and ms_core_control.c (RTCP). */
#ifndef MS_CORE_STATE_H
#define MS_CORE_STATE_H

#include <stdatomic.h>

#include "ms_coder.h"
#include "ms_ears.h"
#include "ms_emodel.h"
#include "ms_mixer.h"
#include "ms_rtcp_reporter.h"
#include "ms_rtp.h"
#include "ms_tones.h"

typedef struct ms_secure {
    ms_srtp *now;              /* NULL: plain RTP */
    ms_srtp *before;           /* earlier keys, which still open what was on its way */
    int64_t before_until_ns;
    _Atomic(ms_srtp *) offered; /* from the border: to be put in force */
    _Atomic(ms_srtp *) spent;   /* to the border: to be freed */
} ms_secure;

typedef struct ms_control {
    ms_rtcp_reporter reporter;
    ms_address heard_from;     /* where their reports come from, when that is a port of its own */
    uint64_t reported_packets; /* packets_sent when we last reported */
    /* what the rating goes by */
    int64_t rated_ns;          /* when the loss was last looked at; 0: never */
    uint64_t lost, loss_runs;  /* as of then */
    uint32_t received;
    float loss, run;           /* smoothed: share of packets, and how many are lost in a row */
    bool has_rating;
    ms_emodel_rating rating;
} ms_control;

struct ms_core {
    ms_config config;
    ms_core_statistics statistics;
    ms_events events;
    ms_coders coders;

    /* who speaks to us */
    ms_rtp_source source;
    ms_reorder reorder;
    uint32_t missing;          /* packets given up since the last one that was heard */
    uint64_t loss_runs;        /* how often packets were given up, however many in a row */
    ms_secure secure;
    ms_control control;
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
    uint8_t next_ptime_ms;     /* of the packets after what is pending */
    ms_dtmf_sender keys;       /* that we press */
    ms_tones tone;             /* of the one in progress, in band */
    ms_comfort_sender silence;
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

/* ms_core_secure.c */
int ms_core_secure_init(ms_core *core, const ms_srtp_keys *keys);
void ms_core_secure_release(ms_core *core);
bool ms_core_awaits_keys(const ms_core *core); /* nothing may be sent or heard yet */
int ms_core_take_keys(ms_core *core);                   /* MS_OP_KEYS */
void ms_core_retire_keys(ms_core *core);                /* those whose time is over */
/* Opens a packet into `plain`; false: refused and counted. */
bool ms_core_unprotect(ms_core *core, enum ms_channel channel, const uint8_t *data, size_t n, uint8_t *plain,
                       size_t *plain_n);
bool ms_core_protect(ms_core *core, ms_packet *packet); /* false: it cannot be sent */

/* ms_core_control.c */
void ms_core_control_init(ms_core *core, uint64_t seed);
void ms_core_control_restart(ms_core *core);            /* their stream is another */
void ms_core_hear_report(ms_core *core, const uint8_t *data, size_t n, const ms_address *from);
/* Once a tick: rates what is heard; returns 1 and a report when one is due. */
int ms_core_report(ms_core *core, int64_t due_ns, ms_packet *out);
void ms_core_control_statistics(const ms_core *core, ms_core_statistics *out);

/* ms_core_keys.c */
int ms_core_press(ms_core *core, const ms_command *command);
/* Whether this tick is a key's: packets instead of sound, or a tone instead of the voice. */
bool ms_core_keys_replace_sound(const ms_core *core);
bool ms_core_keys_sound(const ms_core *core);
/* 20 ms of it: returns packets written (in packets), or fills a frame at say_hz (in band). */
int ms_core_send_key(ms_core *core, int16_t *pcm, ms_packet *out);

#endif
