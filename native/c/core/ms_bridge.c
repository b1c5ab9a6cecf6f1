#include "ms_bridge.h"

#include "ms_core_state.h"

#include <string.h>

enum { RATES = 4 };
static const int32_t RATES_HZ[RATES] = {8000, 16000, 24000, 48000};

/* The tick's frame at one rate. */
typedef struct rendering {
    bool made;                  /* for the tick in progress */
    ms_resampler resampler;     /* from hear_hz */
} rendering;

struct ms_bridge {
    ms_jitter *jitter;
    size_t frame;               /* samples of 20 ms at hear_hz */
    bool asked;                 /* a tick was asked for: the one that is due at due_ns */
    int64_t due_ns;
    int16_t *heard;             /* its frame at hear_hz */
    int16_t *pcm[RATES];        /* and at each rate */
    rendering renderings[RATES];
};

static size_t frame_samples(int32_t rate_hz) { return (size_t)rate_hz / 1000 * MS_FRAME_MS; }

static ms_jitter_config jitter_config(const ms_config *config) {
    return (ms_jitter_config){
        .rate_hz = config->hear_hz, .min_ms = config->bridge_min_ms, .max_ms = config->bridge_max_ms,
    };
}

static size_t aligned(size_t n) { return (n + MS_CORE_ALIGNMENT - 1) / MS_CORE_ALIGNMENT * MS_CORE_ALIGNMENT; }

static size_t all_frames(const ms_config *config) {
    size_t samples = frame_samples(config->hear_hz);
    for (int k = 0; k < RATES; k++) samples += frame_samples(RATES_HZ[k]);
    return samples * sizeof(int16_t);
}

size_t ms_bridge_size(const ms_config *config) {
    ms_jitter_config jitter = jitter_config(config);
    size_t size = config->bridge ? ms_jitter_size(&jitter) : 0;
    return size ? aligned(sizeof(ms_bridge)) + aligned(all_frames(config)) + size : 0;
}

int ms_bridge_init(ms_bridge *b, const ms_config *config) {
    memset(b, 0, sizeof *b);
    b->frame = frame_samples(config->hear_hz);
    b->heard = (int16_t *)((uint8_t *)b + aligned(sizeof *b));
    int16_t *next = b->heard + b->frame;
    int status = MS_OK;
    for (int k = 0; k < RATES && status == MS_OK; k++) {
        b->pcm[k] = next;
        next += frame_samples(RATES_HZ[k]);
        status = ms_resampler_init(&b->renderings[k].resampler, config->hear_hz, RATES_HZ[k]);
    }
    b->jitter = (ms_jitter *)((uint8_t *)b->heard + aligned(all_frames(config)));
    ms_jitter_config jitter = jitter_config(config);
    return status == MS_OK ? ms_jitter_init(b->jitter, &jitter) : status;
}

void ms_bridge_hear(ms_bridge *b, const int16_t *pcm, size_t n, int64_t samples_extended, int64_t arrival_ns,
                    uint32_t flags) {
    ms_jitter_put(b->jitter, pcm, n, samples_extended, arrival_ns, flags);
}

/* A rate that nobody asked for in a while goes on from what it heard last: 2.7 ms of the old sound at the seam. */
static void begin_tick(ms_bridge *b, int64_t due_ns) {
    if (b->asked && due_ns <= b->due_ns) return;
    b->asked = true;
    b->due_ns = due_ns;
    for (int k = 0; k < RATES; k++) b->renderings[k].made = false;
    if (ms_jitter_take(b->jitter, b->heard, b->frame, due_ns, NULL) != MS_OK)
        memset(b->heard, 0, b->frame * sizeof *b->heard);
}

const int16_t *ms_bridge_frame(ms_core *core, int64_t due_ns, int32_t rate_hz) {
    ms_bridge *b = core->bridge;
    if (!b) return NULL;
    begin_tick(b, due_ns);
    for (int k = 0; k < RATES; k++) {
        rendering *r = &b->renderings[k];
        if (RATES_HZ[k] != rate_hz) continue;
        if (!r->made) ms_resampler_process(&r->resampler, b->heard, b->frame, b->pcm[k]);
        r->made = true;
        return b->pcm[k];
    }
    return NULL;
}

bool ms_bridge_get_statistics(const ms_core *core, ms_jitter_statistics *out) {
    if (!core->bridge) return false;
    ms_jitter_get_statistics(core->bridge->jitter, out);
    return true;
}
