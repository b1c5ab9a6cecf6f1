/* What the caller says, on its way to recognition: decoded once, gaps filled and labelled, echo taken off, speech
 * noticed, noise taken off, 16 kHz. Runs when a packet comes.
 *
 * Time is the sender's: `expected` is the extended time stamp of the next sample, in ticks of the RTP clock, which
 * are not samples (G.722, Opus): so samples are counted from the last jump, and ticks are made of them. A packet that
 * stands later leaves a gap. What was lost is concealed for a while, then silent; what was never sent (the sequence has no hole: the
 * sender was silent on purpose) is silent; a gap of more than a second, or a step back, is a jump of the clock and is
 * not filled at all. Extended time stamps only grow: after a jump they go on in the next cycle of 2^32 if need be.
 *
 * What we make up is not the caller: no speech begins in it. None ends in what was lost, either, which may have been
 * anything: whoever spoke before it and speaks after it has not stopped. That much is believed of so many ms; beyond them
 * it was quiet. When no packets come at all, it is the line that fails, and not he who has stopped, as long as his
 * telephone never fell silent on purpose: that is told as a lull, and as an end only when it lasts.
 *
 * Frames that are wholly filled with silence pass by the echo canceller: nothing came through the room, so there is
 * nothing to learn from it. */
#ifndef MS_EARS_H
#define MS_EARS_H

#include "ms_bridge.h"
#include "ms_coder.h"
#include "ms_confirm.h"
#include "ms_conceal.h"
#include "ms_goertzel.h"
#include "ms_ears_ring.h"
#include "ms_kernels.h"
#include "ms_playout.h"
#include "ms_refine.h"
#include "ms_reorder.h"

#define MS_EARS_CONCEAL_MS 200     /* lost audio that is made up for */
#define MS_EARS_MAX_GAP_MS 1000    /* a longer one is a jump */
#define MS_EARS_QUIET_MS 100       /* without a packet: whoever spoke is taken to have stopped, if he pauses that way */
#define MS_EARS_DEAD_MS 500        /* without a packet of one who never did */
#define MS_EARS_LOST_HALVES 30     /* since the gate last heard a sound: what is lost beyond them is quiet */
#define MS_EARS_HANGOVER_MS 200    /* quiet that the gate waits for before it says that speech ended */
#define MS_EARS_HANGOVER_HALVES (MS_EARS_HANGOVER_MS / MS_EARS_BLOCK_MS)
#define MS_EARS_LULL_MS 60         /* without sound in speech that has not ended: told, since a hold waits for it */
#define MS_EARS_LULL_HALVES (MS_EARS_LULL_MS / MS_EARS_BLOCK_MS)
#define MS_EARS_WARY_MS 3000       /* after a denial: music that deceived the gate once goes on doing so */
#define MS_EARS_ARRIVALS 32        /* 10 ms each: longer than the hangover */

typedef struct ms_ears {
    ms_concealer *concealer;
    ms_echo *echo;                 /* NULL: off */
    ms_refine refine;
    ms_bridge *bridge;             /* NULL: no people listen */
    ms_goertzel *keys;             /* NULL: keys are not listened for */
    ms_confirm *confirm;           /* NULL: the gate is believed */
    bool has_gate;
    int32_t hear_hz, say_hz, clock_hz;
    ms_gate gate;
    ms_resampler resampler;        /* to 16 kHz */
    ms_resampler *reference;       /* what was sent, to hear_hz; NULL: it has that rate already */
    ms_ears_ring ring;
    ms_events *events;
    ms_playout *playout;           /* speech onset acts on it */

    ms_coder *coder;               /* of the packet heard last; NULL: none yet */
    bool begun, restart;           /* restart: the next packet begins a new time line */
    bool pauses;                   /* this source has sent nothing on purpose before, or comfort noise */
    bool gate_open, speaking;      /* what the gate said last; what was told */
    bool half_open[2];             /* what it said of each half of the frame */
    bool denied;                   /* it is open, but there is no voice */
    uint64_t wary_until;           /* in halves: until then the gate is not believed before a voice was found */
    bool lulled;                   /* told, and not yet taken back */
    uint32_t still_halves;         /* without sound, within speech */
    uint32_t onset_hold;           /* that the last onset took, or 0 */
    int64_t onset_ns, onset_rtp;
    bool jumped;                   /* the next span stands after a jump */
    int64_t expected;              /* base + the ticks of `samples` */
    int64_t base, samples;         /* time stamp of the last jump, and samples since */
    int64_t mask_from, mask_to;    /* time stamps in which a key sounds */
    int64_t last_audio_ns;
    uint64_t halves;               /* 10 ms pieces so far */
    uint64_t judged;               /* by the gate, of them; of the last ones, when each came, and where it stands */
    int64_t arrivals[MS_EARS_ARRIVALS], places[MS_EARS_ARRIVALS];
    uint32_t lost_halves;          /* since the gate last heard a sound */

    /* samples gathered; how many of them fill a gap; and how many are silence of ours */
    uint32_t frame_n, frame_filled, frame_silent;
    uint32_t half_flags[2];
    int16_t frame[MS_MAX_FRAME];
    uint32_t block_n;
    int16_t block[2 * MS_EARS_BLOCK];       /* resampled, not yet 10 ms of it */

    uint64_t concealed_samples, resyncs, onsets, denials;
    uint64_t concealed_speech_samples; /* of them: while the caller was speaking */
} ms_ears;

/* Places of the parts that have their own memory; NULL where the configuration has them off. */
typedef struct ms_ears_parts {
    ms_concealer *concealer;
    ms_echo *echo;
    void *refine;
    ms_bridge *bridge;
    ms_goertzel *keys;
    ms_confirm *confirm;
    ms_resampler *reference;
    ms_ears_block *blocks;
    size_t block_count;
    ms_events *events;
    ms_playout *playout;
} ms_ears_parts;

int ms_ears_init(ms_ears *e, const ms_config *config, const ms_ears_parts *parts);
/* The source began anew: its next packet has nothing to do with what was heard before. */
void ms_ears_restart(ms_ears *e);
/* A packet of one of the codecs, in its order; `lost` packets before it are missing. MS_OK, or MS_E_ARGUMENT when it
 * would not decode: it is concealed then. */
int ms_ears_hear(ms_ears *e, const ms_reorder_packet *packet, ms_coder *coder, uint32_t lost);
/* A comfort noise packet, in its order: what follows is silence on purpose, and what it sounds like. */
void ms_ears_describe(ms_ears *e, const ms_reorder_packet *packet, uint32_t lost);
/* 20 ms at say_hz that were sent, or silence: the canceller's reference. */
void ms_ears_said(ms_ears *e, const int16_t *pcm, uint32_t n, int64_t due_ns);
/* Whether what is sent must be resampled for the canceller. */
bool ms_ears_need_reference(const ms_config *config);
/* Unwraps a time stamp next to what is expected. */
int64_t ms_ears_extend(const ms_ears *e, uint32_t timestamp);
/* Keys come as telephone events here: what sounds like one is none. */
void ms_ears_forget_keys(ms_ears *e);
/* A key sounds from `from` to `to`; what was masked before stays so. */
void ms_ears_mask(ms_ears *e, int64_t from, int64_t to);
/* When speech must be taken to have ended because nothing comes any more; INT64_MAX: nobody speaks. */
int64_t ms_ears_deadline(const ms_ears *e);
void ms_ears_handle_deadline(ms_ears *e, int64_t now_ns);

#endif
