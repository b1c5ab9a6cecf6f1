#include "ms_bridge.h"

#include <string.h>

#include "ms_core_state.h"

enum { RATES = 4, NOISE_SEED = 3389 };
static const int32_t RATE_HZ[RATES] = {8000, 16000, 24000, 48000};

/* The frame of the last tick, once more at another rate. */
typedef struct copy {
    ms_resampler resampler;
    int64_t due_ns;            /* of the tick it was made for; INT64_MIN: never */
    int16_t pcm[MS_MAX_FRAME];
} copy;

struct ms_bridge {
    int32_t hear_hz, clock_hz;
    int64_t due_ns;            /* of the frame; INT64_MIN: none was asked for yet */
    int16_t frame[MS_MAX_FRAME];
    ms_jitter *jitter;
    bool described;            /* `noise` takes the place of silence that was not sent */
    ms_comfort_generator noise;
    copy copies[RATES];        /* the one at hear_hz is not used */
};

static ms_jitter_config jitter_config(const ms_config *c) {
    return (ms_jitter_config){.rate_hz = c->hear_hz, .min_ms = c->bridge_min_ms, .max_ms = c->bridge_max_ms};
}

static size_t own_bytes(void) { return (sizeof(ms_bridge) + 63) / 64 * 64; }

size_t ms_bridge_size(const ms_config *config) {
    ms_jitter_config jitter = jitter_config(config);
    size_t size = config->bridge ? ms_jitter_size(&jitter) : 0;
    return size ? own_bytes() + size : 0;
}

int ms_bridge_init(ms_bridge *b, const ms_config *config, int32_t clock_hz) {
    ms_jitter_config jitter = jitter_config(config);
    memset(b, 0, sizeof *b);
    b->hear_hz = config->hear_hz;
    b->clock_hz = clock_hz;
    b->due_ns = INT64_MIN;
    ms_comfort_generator_init(&b->noise, b->hear_hz, NOISE_SEED);
    b->jitter = (ms_jitter *)((uint8_t *)b + own_bytes());
    int status = ms_jitter_init(b->jitter, &jitter);
    for (int i = 0; i < RATES && status == MS_OK; i++) {
        b->copies[i].due_ns = INT64_MIN;
        status = ms_resampler_init(&b->copies[i].resampler, b->hear_hz, RATE_HZ[i]);
    }
    return status;
}

/* In two steps, because a sender whose clock jumps all the time makes large stamps. */
static int64_t in_samples(const ms_bridge *b, int64_t ticks) {
    return ticks / b->clock_hz * b->hear_hz + ticks % b->clock_hz * b->hear_hz / b->clock_hz;
}

void ms_bridge_put(ms_bridge *b, const int16_t *pcm, uint32_t n, int64_t rtp_extended, int64_t arrival_ns,
                   uint32_t flags) {
    int16_t noise[MS_MAX_FRAME];
    if (flags & MS_JITTER_QUIET && b->described) {
        ms_comfort_fill(&b->noise, noise, n);
        pcm = noise;
    }
    ms_jitter_put(b->jitter, pcm, n, in_samples(b, rtp_extended), arrival_ns, flags);
}

void ms_bridge_describe(ms_bridge *b, const ms_comfort_noise *noise) {
    b->described = true;
    ms_comfort_aim(&b->noise, noise);
    ms_jitter_told(b->jitter, noise);
}

static uint32_t samples_in_frame(int32_t rate_hz) { return (uint32_t)rate_hz / 1000 * MS_FRAME_MS; }

/* A copy that missed a tick begins with silence: what its filter remembers lies elsewhere in time. Between two frames
 * the filter has no other state. */
static const int16_t *copy_at(ms_bridge *b, copy *c) {
    if (c->due_ns == b->due_ns) return c->pcm;
    if (c->due_ns != b->due_ns - MS_FRAME_NS) memset(c->resampler.history, 0, sizeof c->resampler.history);
    ms_resampler_process(&c->resampler, b->frame, samples_in_frame(b->hear_hz), c->pcm);
    c->due_ns = b->due_ns;
    return c->pcm;
}

const int16_t *ms_bridge_frame(ms_core *core, int64_t due_ns, int32_t rate_hz) {
    ms_bridge *b = core->ears.bridge;
    if (!b) return NULL;
    if (due_ns != b->due_ns) ms_jitter_take(b->jitter, b->frame, samples_in_frame(b->hear_hz), due_ns, NULL);
    b->due_ns = due_ns;
    if (rate_hz == b->hear_hz) return b->frame;
    for (int i = 0; i < RATES; i++)
        if (RATE_HZ[i] == rate_hz) return copy_at(b, &b->copies[i]);
    return NULL;
}

bool ms_bridge_get_statistics(const ms_core *core, ms_jitter_statistics *out) {
    if (!core->ears.bridge) return false;
    ms_jitter_get_statistics(core->ears.bridge->jitter, out);
    return true;
}
