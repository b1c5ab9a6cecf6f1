/* The line's quiet, learnt from what is heard; and our own, told to the other side.
 *
 * Quiet is what the least 10 ms of the last 1.5 to 3 s had: two windows, so that a pause is enough to find a quieter
 * line at once, and a louder one is believed after a while. Silence to the bit says nothing: nobody heard it. Power
 * and shape are averages over the steps that are about as quiet: the least one alone would be too low. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ms_comfort.h"

enum { STEP_MS = 10, WINDOW_STEPS = 150, REFRESH_MS = 1000, CHANGE_MS = 200 };
static const float LEARNT_MOST = 100.0f * 100.0f;   /* power: -50 dBov */
static const float ABOUT_AS_QUIET = 4.0f;
static const float SMOOTHING = 0.125f;              /* of the shape, a step of 10 ms */
static const float SILENCE_SMOOTHING = 0.25f;       /* of our own silence, a packet */
static const float CHANGE = 2.0f, SHAPE_CHANGE = 0.25f; /* of power, 3 dB; of a coefficient */

void ms_comfort_listener_init(ms_comfort_listener *l, int32_t rate_hz) {
    memset(l, 0, sizeof *l);
    l->rate_hz = rate_hz;
    l->step = rate_hz / 1000 * STEP_MS;
    l->quiet_now = l->quiet_before = FLT_MAX;
    l->loudest = LEARNT_MOST;
}

static float quiet_of(const ms_comfort_listener *l) {
    return l->quiet_now < l->quiet_before ? l->quiet_now : l->quiet_before;
}

static void smooth(float *correlation, const float *now, float share) {
    for (int lag = 0; lag <= MS_COMFORT_ORDER; lag++) correlation[lag] += share * (now[lag] - correlation[lag]);
}

static float power_of(const int16_t *pcm, size_t n) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += (int32_t)pcm[i] * pcm[i];
    return (float)sum / (float)n;
}

static void take_in(ms_comfort_listener *l) {
    float correlation[MS_COMFORT_ORDER + 1], power = power_of(l->pcm, (size_t)l->step);
    if (power == 0) return;
    if (power < l->quiet_now) l->quiet_now = power;
    if (power <= ABOUT_AS_QUIET * quiet_of(l)) {
        ms_comfort_correlate(l->pcm, (size_t)l->step, correlation);
        smooth(l->correlation, correlation, l->correlation[0] > 0 ? SMOOTHING : 1);
    }
    if (++l->steps < WINDOW_STEPS) return;
    l->quiet_before = l->quiet_now;
    l->quiet_now = FLT_MAX;
    l->loudest = LEARNT_MOST;
    l->steps = 0;
}

void ms_comfort_listen(ms_comfort_listener *l, const int16_t *pcm, size_t n) {
    for (size_t done = 0, piece; done < n; done += piece) {
        size_t left = (size_t)(l->step - l->filled);
        piece = n - done < left ? n - done : left;
        memcpy(l->pcm + l->filled, pcm + done, piece * sizeof *pcm);
        l->filled += (int32_t)piece;
        if (l->filled < l->step) return;
        l->filled = 0;
        take_in(l);
    }
}

void ms_comfort_told(ms_comfort_listener *l, const ms_comfort_noise *noise) {
    ms_comfort_correlation_of(noise, l->rate_hz, l->rate_hz, l->correlation);
    l->quiet_now = l->quiet_before = noise->power;
    if (noise->power > l->loudest) l->loudest = noise->power;
    l->steps = 0;
}

void ms_comfort_learnt(const ms_comfort_listener *l, ms_comfort_noise *out) {
    float power = l->quiet_before < FLT_MAX ? l->correlation[0] : 0;
    ms_comfort_reflect(l->correlation, out->reflections);
    out->power = power < l->loudest ? power : l->loudest;
}

/* ---- our own --------------------------------------------------------------------------------------------------------- */

void ms_comfort_sender_interrupt(ms_comfort_sender *s) { s->begun = false; }

static bool has_changed(const ms_comfort_noise *now, const ms_comfort_noise *sent) {
    if (now->power > CHANGE * sent->power + 1 || CHANGE * now->power + 1 < sent->power) return true;
    for (int i = 0; i < MS_COMFORT_ORDER && now->power > 1; i++)
        if (fabsf(now->reflections[i] - sent->reflections[i]) > SHAPE_CHANGE) return true;
    return false;
}

static bool is_due(const ms_comfort_sender *s, const ms_comfort_noise *now, int32_t rate_hz) {
    int32_t since_ms = s->since_samples / (rate_hz / 1000);
    return !s->begun || since_ms >= REFRESH_MS || (since_ms >= CHANGE_MS && has_changed(now, &s->sent));
}

size_t ms_comfort_sender_describe(ms_comfort_sender *s, const int16_t *pcm, size_t n, int32_t rate_hz,
                                  int32_t codec_hz, uint8_t *payload) {
    float correlation[MS_COMFORT_ORDER + 1];
    ms_comfort_noise now;
    ms_comfort_correlate(pcm, n, correlation);
    smooth(s->correlation, correlation, s->begun ? SILENCE_SMOOTHING : 1);
    ms_comfort_reflect(s->correlation, now.reflections);
    now.power = s->correlation[0];
    s->since_samples += (int32_t)n;
    if (!is_due(s, &now, rate_hz)) return 0;
    s->begun = true;
    s->since_samples = 0;
    s->sent = now;
    ms_comfort_at_rate(&now, rate_hz, codec_hz);
    return ms_comfort_write(&now, payload);
}
