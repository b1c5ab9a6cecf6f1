#include "ms_tones.h"

#include "ms_goertzel.h"

#include <math.h>
#include <string.h>

#define TURN 4294967296.0
#define FULL_SCALE 32767.0

enum { SHORTEST_ON_MS = 10, LOW_DBFS = -9, HIGH_DBFS = -7 };

static bool is_rate(int32_t hz) { return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000; }

/* Written so that NaN is refused. */
static bool is_sine(float hz, float dbfs, int32_t rate_hz) {
    return hz > 0 && hz < (float)rate_hz / 2 && dbfs >= -60 && dbfs <= 0;
}

static bool is_bounded(const ms_tones_config *c) {
    bool second = c->hz[1] > 0 || c->hz[1] < 0;
    double peak = pow(10, c->dbfs[0] / 20.0) + (second ? pow(10, c->dbfs[1] / 20.0) : 0);
    return is_sine(c->hz[0], c->dbfs[0], c->rate_hz) &&
           (!second || is_sine(c->hz[1], c->dbfs[1], c->rate_hz)) && peak <= 1.0 + 1e-6;
}

int ms_tones_init(ms_tones *t, const ms_tones_config *c) {
    /* by their bits: NaN compares as nothing does */
    if (!is_rate(c->rate_hz) || c->on_ms < SHORTEST_ON_MS) return MS_E_ARGUMENT;
    for (int i = 0; i < 2; i++)
        if (ms_is_not_finite(c->hz[i]) || ms_is_not_finite(c->dbfs[i])) return MS_E_ARGUMENT;
    if (!is_bounded(c)) return MS_E_ARGUMENT;
    uint32_t per_ms = (uint32_t)c->rate_hz / 1000;
    *t = (ms_tones){
        .on = c->on_ms * per_ms, .period = (uint32_t)(c->on_ms + c->off_ms) * per_ms,
        .edge = MS_TONES_EDGE_MS * per_ms, .left = c->total_ms ? (uint64_t)c->total_ms * per_ms : UINT64_MAX,
    };
    for (int i = 0; i < 2; i++) {
        if (c->hz[i] <= 0) continue;
        t->step[i] = (uint32_t)llround((double)c->hz[i] / c->rate_hz * TURN);
        t->amplitude[i] = (float)(FULL_SCALE * pow(10, c->dbfs[i] / 20.0));
    }
    return MS_OK;
}

int ms_tones_init_key(ms_tones *t, int32_t rate_hz, uint8_t key, uint16_t duration_ms) {
    float hz[2];
    if (ms_goertzel_key_hz(key, hz) != MS_OK) return MS_E_ARGUMENT;
    ms_tones_config config = {
        .rate_hz = rate_hz, .hz = {hz[0], hz[1]}, .dbfs = {LOW_DBFS, HIGH_DBFS},
        .on_ms = duration_ms, .total_ms = duration_ms,
    };
    return ms_tones_init(t, &config);
}

/* How far from the nearest end of the burst, or of the whole. */
static uint32_t inside(const ms_tones *t) {
    if (t->at >= t->on) return 0;
    uint64_t nearest = t->at + 1;
    if (t->period > t->on && t->on - t->at < nearest) nearest = t->on - t->at;
    if (t->left < nearest) nearest = t->left;
    return nearest < t->edge ? (uint32_t)nearest : t->edge;
}

static int16_t next_sample(ms_tones *t) {
    float sum = 0;
    for (int i = 0; i < 2; i++) {
        sum += t->amplitude[i] * sinf((float)t->phase[i] * (float)(2 * M_PI / TURN));
        t->phase[i] += t->step[i];
    }
    uint32_t depth = inside(t);
    t->at++;
    if (t->at == t->period) t->at = t->period > t->on ? 0 : t->edge; /* without pauses no edge comes again */
    return (int16_t)lrintf(sum * (float)depth / (float)t->edge);
}

size_t ms_tones_process(ms_tones *t, int16_t *out, size_t n) {
    size_t sounding = t->left < n ? (size_t)t->left : n;
    for (size_t i = 0; i < sounding; i++) {
        out[i] = next_sample(t);
        if (t->left != UINT64_MAX) t->left--;
    }
    memset(out + sounding, 0, (n - sounding) * sizeof *out);
    return sounding;
}
