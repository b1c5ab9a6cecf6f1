#include "ms_confirm.h"

enum { BLOCK = MS_SILERO_RATE_HZ / 1000 * MS_CONFIRM_BLOCK_MS };
static const float VOICE = 0.5f; /* probability */

void ms_confirm_init(ms_confirm *c, const ms_silero_weights *weights) {
    ms_silero_init(&c->silero, weights);
    c->found = false;
    c->asked_ms = 0;
}

void ms_confirm_restart(ms_confirm *c) { ms_confirm_init(c, c->silero.weights); }

static enum ms_confirm_verdict ask(ms_confirm *c, const int16_t *block) {
    float probability;
    c->found = ms_silero_process(&c->silero, block, BLOCK, &probability) && probability >= VOICE;
    if (c->found) return MS_CONFIRM_VOICE;
    if (c->asked_ms > MS_CONFIRM_MS) return MS_CONFIRM_NOTHING;
    c->asked_ms += MS_CONFIRM_BLOCK_MS;
    return c->asked_ms > MS_CONFIRM_MS ? MS_CONFIRM_NO_VOICE : MS_CONFIRM_NOTHING;
}

enum ms_confirm_verdict ms_confirm_hear(ms_confirm *c, const int16_t *block, bool gate_open, bool made_up) {
    if (gate_open && !c->found && !made_up) return ask(c, block);
    ms_silero_remember(&c->silero, block, BLOCK);
    if (gate_open) return MS_CONFIRM_NOTHING;
    c->found = false;
    c->asked_ms = 0;
    return MS_CONFIRM_NOTHING;
}
