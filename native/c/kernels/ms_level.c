#include "ms_level.h"

#include <math.h>
#include <string.h>

static const double CORNER_HZ = 90;
enum { POWER_KEEPS_MS = 1000, FIRST_MS = 300 };            /* of speech: the mean's, and what it takes to believe it */
static const float AUDIBLE_POWER = 33.0f * 33.0f;          /* -60 dBFS: less is no speech, whatever the gate says */
enum { PIECE_MS = 60 };
static const float UP_DB_PER_S = 6, DOWN_DB_PER_S = 20;
static const float CEILING = 29204;                        /* -1 dBFS */
static const float RELEASE_S = 0.1f;
static const float FULL_SCALE_POWER = 32768.0f * 32768.0f;

static int16_t rounded(float value) {
    return (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

static bool is_rate(int32_t rate_hz) { return rate_hz >= 8000 && rate_hz <= MS_MAX_RATE_HZ; }

/* ---- high-pass: the analogue prototype through the bilinear transform ------------------------------------------- */

int ms_high_pass_init(ms_high_pass *h, int32_t rate_hz) {
    memset(h, 0, sizeof *h);
    if (!is_rate(rate_hz)) return MS_E_ARGUMENT;
    double w = tan(M_PI * CORNER_HZ / rate_hz), scale = 1 / (1 + M_SQRT2 * w + w * w);
    h->b = scale;
    h->a1 = 2 * (w * w - 1) * scale;
    h->a2 = (1 - M_SQRT2 * w + w * w) * scale;
    return MS_OK;
}

void ms_high_pass_process(ms_high_pass *h, int16_t *pcm, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double in = pcm[i], out = h->b * in + h->z1;
        h->z1 = -2 * h->b * in - h->a1 * out + h->z2;
        h->z2 = h->b * in - h->a2 * out;
        pcm[i] = rounded((float)out);
    }
}

/* ---- automatic gain ---------------------------------------------------------------------------------------------- */

int ms_agc_init(ms_agc *a, int32_t rate_hz, float target_dbfs) {
    memset(a, 0, sizeof *a);
    if (!is_rate(rate_hz) || !(target_dbfs >= -40 && target_dbfs <= -6)) return MS_E_ARGUMENT;
    a->rate_hz = rate_hz;
    a->target_dbfs = target_dbfs;
    a->gain = a->limit = 1;
    return MS_OK;
}

float ms_agc_gain_db(const ms_agc *a) { return a->gain_db; }

static float power_of(const int16_t *pcm, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += (float)pcm[i] * (float)pcm[i];
    return sum / (float)n;
}

static float within(float value, float least, float most) { return fminf(fmaxf(value, least), most); }

static int32_t samples_of(const ms_agc *a, int32_t ms) { return (int32_t)((int64_t)a->rate_hz * ms / 1000); }

static void learn(ms_agc *a, float power, int32_t n) {
    int32_t most = samples_of(a, POWER_KEEPS_MS);
    a->heard = a->heard + n < most ? a->heard + n : most;
    a->power += (float)n / (float)(a->heard > n ? a->heard : n) * (power - a->power);
    if (a->heard < samples_of(a, FIRST_MS)) return;
    float seconds = (float)n / (float)a->rate_hz, level_dbfs = 10 * log10f(a->power / FULL_SCALE_POWER);
    float wanted_db = within(a->target_dbfs - level_dbfs, MS_AGC_LEAST_DB, MS_AGC_MOST_DB);
    a->gain_db += within(wanted_db - a->gain_db, -DOWN_DB_PER_S * seconds, UP_DB_PER_S * seconds);
}

void ms_agc_process(ms_agc *a, int16_t *pcm, size_t n, bool speech) {
    if (n == 0) return;
    float power = power_of(pcm, n);
    if (speech && power > AUDIBLE_POWER) learn(a, power, (int32_t)n);
    float to = powf(10, a->gain_db / 20), step = (to - a->gain) / (float)n;
    float release = 1 / (RELEASE_S * (float)a->rate_hz);
    for (size_t i = 0; i < n; i++) {
        a->gain += step;
        float value = a->gain * (float)pcm[i], peak = fabsf(value);
        a->limit += release * (1 - a->limit);
        if (peak * a->limit > CEILING) a->limit = CEILING / peak;
        pcm[i] = rounded(value * a->limit);
    }
    a->gain = to;
}

static bool is_louder(const int16_t *pcm, size_t n, int32_t peak) {
    int32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t size = pcm[i] < 0 ? -(int32_t)pcm[i] : pcm[i];
        if (size > most) most = size;
    }
    return most > peak;
}

void ms_agc_level(ms_agc *a, int16_t *pcm, size_t n, int32_t pause_peak) {
    for (size_t piece = (size_t)samples_of(a, PIECE_MS); n > 0; pcm += piece, n -= piece) {
        if (piece > n) piece = n;
        ms_agc_process(a, pcm, piece, is_louder(pcm, piece, pause_peak));
    }
}
