/* What others say to this stream's peer, added to its own voice; and what came of it, for whoever records it. */
#include "ms_core_state.h"

#include <string.h>

void ms_mix_in(ms_core *core, const int16_t *pcm, ms_gain *gain) {
    uint32_t frame = ms_core_frame(core);
    if (!core->mixing) memset(core->mix, 0, frame * sizeof *core->mix);
    core->mixing = true;
    ms_mixer_add(core->mix, pcm, frame, gain);
}

/* A voice alone passes to the bit. After a loud mixture the limiter still has its way back to go. */
void ms_core_add_others(ms_core *core, int16_t *pcm) {
    uint32_t frame = ms_core_frame(core);
    memcpy(core->said, pcm, frame * sizeof *pcm);
    if (core->mixing || core->limiter.gain < 1) {
        if (!core->mixing) memset(core->mix, 0, frame * sizeof *core->mix);
        for (uint32_t i = 0; i < frame; i++) core->mix[i] += (float)pcm[i];
        ms_limiter_process(&core->limiter, core->mix, pcm, frame);
    }
    memcpy(core->sent, pcm, frame * sizeof *pcm);
    core->mixing = false;
}

void ms_core_say_nothing(ms_core *core) {
    memset(core->said, 0, ms_core_frame(core) * sizeof *core->said);
    memset(core->sent, 0, ms_core_frame(core) * sizeof *core->sent);
    ms_limiter_init(&core->limiter);
    core->mixing = false;
}

const int16_t *ms_said(const ms_core *core) { return core->said; }

const int16_t *ms_sent(const ms_core *core) { return core->sent; }

int32_t ms_say_hz(const ms_core *core) { return core->config.say_hz; }
