/* Noise suppression: speexdsp's preprocessor.
 *
 * Only the suppressor is used. Its AGC would pump between speaker and echo, its dereverberation costs more than
 * recognisers gain, and speech is detected by our own gate. */
#include "ms_arena.h"
#include "ms_kernels.h"

#include <math.h>
#include <speex/speex_preprocess.h>
#include <string.h>

static const float SUPPRESS_MOST_DB = -30;

struct ms_noise {
    SpeexPreprocessState *speex;
    int32_t frame;
};

/* What speexdsp asks for: 35 floats for each sample of the frame, the filter bank and the FFT's tables among them. */
static size_t library_bytes(int32_t rate_hz) {
    size_t frame = (size_t)rate_hz / 1000 * MS_FRAME_MS;
    return 2816 + frame * 35 * sizeof(float);
}

static size_t own_bytes(void) {
    return (sizeof(ms_noise) + MS_ARENA_ALIGNMENT - 1) / MS_ARENA_ALIGNMENT * MS_ARENA_ALIGNMENT;
}

size_t ms_noise_size(int32_t rate_hz) {
    return rate_hz < 8000 || rate_hz > MS_MAX_RATE_HZ ? 0 : own_bytes() + library_bytes(rate_hz);
}

int ms_noise_init(ms_noise *s, int32_t rate_hz, float strength) {
    if (!ms_noise_size(rate_hz) || !(strength > 0 && strength <= 1)) return MS_E_ARGUMENT;
    memset(s, 0, sizeof *s);
    s->frame = rate_hz / 1000 * MS_FRAME_MS;
    ms_arena_enter((uint8_t *)s + own_bytes(), library_bytes(rate_hz));
    s->speex = speex_preprocess_state_init(s->frame, rate_hz);
    ms_arena_leave();
    int on = 1, off = 0, suppress_db = (int)lrintf(strength * SUPPRESS_MOST_DB);
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_DENOISE, &on);
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &suppress_db);
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_AGC, &off);
    speex_preprocess_ctl(s->speex, SPEEX_PREPROCESS_SET_DEREVERB, &off);
    return MS_OK;
}

void ms_noise_process(ms_noise *s, int16_t *pcm, size_t n) {
    if (n != (size_t)s->frame) return;
    speex_preprocess_run(s->speex, pcm);
}
