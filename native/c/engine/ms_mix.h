/* Whom a stream's peer hears besides its own voice: other streams of the group, and a clip in the background.
 *
 * All streams of a group have their ticks in one slot. A slot has two phases: first every listener gathers what it is
 * to hear, then all tick. So whoever is connected with whom, and in whatever order they came, each hears of the others
 * what they heard up to this tick and said in the one before, and a conference has no loop in it.
 *
 * A connection begins, changes and ends in a ramp of 5 ms. One whose source leaves ends with it: there is nothing left
 * to ramp. Everything here belongs to the engine thread. */
#ifndef MS_MIX_H
#define MS_MIX_H

#include "ms_engine.h"
#include "ms_kernels.h"

#define MS_CLIP_FADE_MIN_MS 5
#define MS_CLIP_FADE_MAX_MS 2000
#define MS_RATES 4 /* 8, 16, 24, 48 kHz */

typedef struct ms_stream ms_stream;

typedef struct ms_connection {
    ms_stream *source;
    ms_gain gain;
    uint8_t what;      /* enum ms_listen */
    bool ending;       /* gone once silent */
} ms_connection;

typedef struct ms_clip_player {
    ms_clip clip;      /* pcm NULL: nothing plays */
    uint32_t at;
    ms_gain gain;
} ms_clip_player;

typedef struct ms_mix {
    ms_connection connections[MS_CONNECTIONS];
    uint32_t count;
    ms_clip_player playing, fading; /* the clip there is, and the one it took the place of */
    uint32_t newest, told;          /* clip that was given last, and the newest that the border knows to be let go of */
} ms_mix;

typedef struct ms_said_at {  /* a voice at another rate than its own, made once a tick */
    ms_resampler resampler;
    int64_t due_ns;
    int16_t pcm[MS_MAX_FRAME];
} ms_said_at;

int ms_rate_index(int32_t rate_hz); /* 0 to MS_RATES - 1, or -1 */

void ms_mix_init(ms_mix *mix);
bool ms_mix_connect(ms_mix *mix, ms_stream *listener, ms_stream *source, uint8_t what, float gain);
void ms_mix_disconnect(ms_mix *mix, ms_stream *listener, const ms_stream *source, uint8_t what);
/* `source` leaves. */
void ms_mix_forget(ms_mix *mix, const ms_stream *source);
void ms_mix_background(ms_mix *mix, int32_t rate_hz, const ms_clip *clip);
/* The newest clip of which, and of all before it, nothing is needed any more. */
uint32_t ms_mix_done(const ms_mix *mix);
/* The first phase: gathers into the core what its tick at `due_ns` will send besides its own voice. */
void ms_mix_gather(ms_stream *listener, int64_t due_ns);

#endif
