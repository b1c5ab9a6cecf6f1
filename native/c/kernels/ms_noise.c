/* Noise and residual echo suppression: speexdsp's preprocessor, in the canceller's frames.
 *
 * Only the suppressor is used. Its AGC would pump between speaker and echo, its dereverberation costs more than
 * recognisers gain, and speech is detected by our own gate. */
#include "ms_echo_state.h"
#include "ms_kernels.h"

#include <speex/speex_preprocess.h>
#include <string.h>

struct ms_noise {
    SpeexPreprocessState *speex;
    ms_echo *echo;
    int32_t frame;
    bool echo_attached;
};

size_t ms_noise_size(int32_t rate_hz) {
    return rate_hz < 8000 || rate_hz > MS_MAX_RATE_HZ ? 0 : sizeof(ms_noise);
}

/* speexdsp does not tell; measured on 1.2.1 at 8, 16 and 48 kHz: 35 floats for each sample of the frame, the filter
 * bank and the FFT's tables among them. */
size_t ms_noise_library_bytes(int32_t rate_hz) {
    size_t frame = (size_t)rate_hz / 1000 * MS_FRAME_MS;
    return ms_noise_size(rate_hz) ? 2304 + frame * 35 * sizeof(float) : 0;
}

static void attach_echo(ms_noise *s, bool attach) {
    if (attach == s->echo_attached) return;
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_ECHO_STATE, attach ? ms_echo_speex(s->echo) : NULL);
    s->echo_attached = attach;
}

int ms_noise_init(ms_noise *s, int32_t rate_hz, ms_echo *echo) {
    memset(s, 0, sizeof *s);
    if (!ms_noise_size(rate_hz)) return MS_E_ARGUMENT;
    s->frame = rate_hz / 1000 * MS_FRAME_MS;
    s->echo = echo;
    s->speex = speex_preprocess_state_init(s->frame, rate_hz);
    if (!s->speex) return MS_E_MEMORY;
    int on = 1, off = 0;
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_DENOISE, &on);
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_AGC, &off);
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_DEREVERB, &off);
    return MS_OK;
}

void ms_noise_release(ms_noise *s) {
    if (s->speex) speex_preprocess_state_destroy(s->speex);
    s->speex = NULL;
}

void ms_noise_process(ms_noise *s, int16_t *pcm, size_t n) {
    if (n != (size_t)s->frame) return;
    /* While the canceller rests, the echo estimate it left behind is old and would be cut out of clean speech. */
    attach_echo(s, s->echo && !ms_echo_resting(s->echo));
    speex_preprocess_run(s->speex, pcm);
}
