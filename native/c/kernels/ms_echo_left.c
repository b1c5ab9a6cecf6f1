#include "ms_echo_left.h"

#include <math.h>
#include <string.h>

static const float SMOOTHS = 0.04f;  /* each 20 ms: half a second */
static const float QUIET_POWER = 33.0f * 33.0f;  /* -60 dBFS: less of the far end says nothing about its echo */
static const float FULL_SCALE_POWER = 32768.0f * 32768.0f;
static const float COUPLING_UNKNOWN_DB = -6;  /* what a bad echo path gives back, until it was measured */
static const float COUPLING_FALL = 0.03f, PATH_FALL = 0.013f, RISE_DB = 0.3f;  /* each 20 ms */
/* What the filter takes off is believed up to a credit, which doubles with each 1.2 s in which it could learn: one that
 * met a single vowel cancels that vowel by 20 dB, and the next, of other frequencies, hardly at all. */
static const float FIRST_CREDIT_DB = 0.8f, CREDIT_GROWTH = 1.012f;

void ms_echo_left_init(ms_echo_left *l, int32_t tail_ms) {
    memset(l, 0, sizeof *l);
    l->forgets = expf(-(float)MS_FRAME_MS / (float)(tail_ms > MS_FRAME_MS ? tail_ms : MS_FRAME_MS));
    l->path_db = l->coupling_db = COUPLING_UNKNOWN_DB;
    l->residual_dbfs = MS_NOTHING_DBFS;
    ms_echo_left_distrust(l);
}

void ms_echo_left_distrust(ms_echo_left *l) { l->credit_db = FIRST_CREDIT_DB; }

void ms_echo_left_rest(ms_echo_left *l) {
    l->far_recent = 0;
    l->residual_dbfs = MS_NOTHING_DBFS;
}

static float dbfs(float power) {
    return power < 1e-3f ? MS_NOTHING_DBFS : 10 * log10f(power / FULL_SCALE_POWER);
}

/* Follows a ratio near the upper end of what it has been lately. It falls over half a second or more, so that one lucky
 * frame is not taken for a filter that has learnt, and rises by a fixed pace, so slow that a near speaker is
 * noticed long before he has moved it. */
static float follow(float followed_db, float ratio_db, float fall) {
    float toward = ratio_db - followed_db;
    return fminf(followed_db + (toward < 0 ? fall * toward : fminf(toward, RISE_DB)), 0);
}

void ms_echo_left_frame(ms_echo_left *l, float far, float near, float out) {
    l->far_recent = fmaxf(far, l->far_recent * l->forgets);
    if (l->far_recent >= QUIET_POWER) {
        l->near_power += SMOOTHS * (near - l->near_power);
        l->out_power += SMOOTHS * (out - l->out_power);
        float far_dbfs = dbfs(l->far_recent);
        if (far > l->far_recent / 4) l->path_db = follow(l->path_db, dbfs(near) - far_dbfs, PATH_FALL);
        l->coupling_db = follow(l->coupling_db, dbfs(out) - far_dbfs, COUPLING_FALL);
        l->credit_db = fminf(l->credit_db * CREDIT_GROWTH, -MS_NOTHING_DBFS);
    }
    l->residual_dbfs = dbfs(l->far_recent) + fmaxf(l->coupling_db, l->path_db - l->credit_db);
}

float ms_echo_left_erle_db(const ms_echo_left *l) {
    return l->out_power > 0.1f && l->near_power > 0.1f ? 10 * log10f(l->near_power / l->out_power) : 0;
}
