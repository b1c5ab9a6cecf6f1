#include "ms_confirm.h"

enum { BLOCK = MS_SILERO_RATE_HZ / 1000 * MS_CONFIRM_BLOCK_MS };
static const float VOICE = 0.5f; /* probability */

void ms_confirm_init(ms_confirm *c, const ms_silero_weights *weights) {
    ms_silero_init(&c->silero, weights);
    c->found = c->denied = false;
    c->asked_ms = c->torn_ms = 0;
}

void ms_confirm_restart(ms_confirm *c, bool torn) {
    ms_confirm_init(c, c->silero.weights);
    c->torn_ms = torn ? MS_CONFIRM_BEGINS_MS : 0;
}

static bool is_time_up(const ms_confirm *c) {
    return c->asked_ms > (c->torn_ms > 0 ? MS_CONFIRM_TORN_MS : MS_CONFIRM_MS);
}

static enum ms_confirm_verdict ask(ms_confirm *c, const int16_t *block) {
    float probability;
    c->found = ms_silero_process(&c->silero, block, BLOCK, &probability) && probability >= VOICE;
    if (c->found) return MS_CONFIRM_VOICE;
    if (c->denied) return MS_CONFIRM_NOTHING;
    c->asked_ms += MS_CONFIRM_BLOCK_MS;
    c->denied = is_time_up(c);
    return c->denied ? MS_CONFIRM_NO_VOICE : MS_CONFIRM_NOTHING;
}

static void keep(ms_confirm *c, const int16_t *block, enum ms_confirm_sound sound) {
    ms_silero_remember(&c->silero, block, BLOCK);
    if (sound == MS_CONFIRM_LOST) c->torn_ms = MS_CONFIRM_BEGINS_MS;
    else if (c->torn_ms > 0) c->torn_ms -= MS_CONFIRM_BLOCK_MS;
}

enum ms_confirm_verdict ms_confirm_hear(ms_confirm *c, const int16_t *block, bool gate_open, enum ms_confirm_sound sound) {
    if (gate_open && !c->found && sound == MS_CONFIRM_HEARD) return ask(c, block);
    keep(c, block, sound);
    if (gate_open) return MS_CONFIRM_NOTHING;
    c->found = c->denied = false;
    c->asked_ms = 0;
    return MS_CONFIRM_NOTHING;
}
