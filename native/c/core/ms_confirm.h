/* A second opinion on what the gate took for speech.
 *
 * The gate tells an onset at once, and the engine holds the agent's voice: that can be undone, so it may be early and
 * wrong. Silero (ms_silero.h), which knows a voice from music and machines, begins with the 128 ms before the gate
 * opened and listens until it has found a voice, or MS_CONFIRM_MS are over: then the onset is *denied*. It goes on
 * listening as long as the gate is open, since a voice may begin within music.
 *
 * While the gate is closed, and once a voice was found, sound is only kept: silence and speech cost nothing. So is what
 * fills a gap: it is not the caller, and neither confirms nor denies. An onset that a lost packet has torn is asked about
 * for twice as long: Silero needs some hundred ms of a voice to forget a tear in it. */
#ifndef MS_CONFIRM_H
#define MS_CONFIRM_H

#include "ms_silero.h"

#define MS_CONFIRM_MS 130      /* of the caller's sound after the onset */
#define MS_CONFIRM_TORN_MS 260 /* where some of the sound that it is judged by was lost */
#define MS_CONFIRM_BEGINS_MS 130 /* before the onset: what Silero begins with, in whole blocks */
#define MS_CONFIRM_BLOCK_MS 10

enum ms_confirm_sound { MS_CONFIRM_HEARD = 0, MS_CONFIRM_UNSENT = 1, MS_CONFIRM_LOST = 2 };
enum ms_confirm_verdict { MS_CONFIRM_NOTHING = 0, MS_CONFIRM_VOICE = 1, MS_CONFIRM_NO_VOICE = 2 };

typedef struct ms_confirm {
    ms_silero silero;
    bool found, denied;        /* a voice, or the onset, since the gate opened */
    uint32_t asked_ms;         /* since then */
    uint32_t torn_ms;          /* of sound, until Silero has nothing more of the last that was lost */
} ms_confirm;

void ms_confirm_init(ms_confirm *c, const ms_silero_weights *weights);
/* The time line jumped: what was heard has nothing to do with what comes, which is torn if it was lost up to there. */
void ms_confirm_restart(ms_confirm *c, bool torn);
/* 10 ms at 16 kHz, whether the gate is open for them, and whether they were heard or fill a gap, of what was never sent
 * or of what was lost. Each verdict is given once. */
enum ms_confirm_verdict ms_confirm_hear(ms_confirm *c, const int16_t *block, bool gate_open, enum ms_confirm_sound sound);

#endif
