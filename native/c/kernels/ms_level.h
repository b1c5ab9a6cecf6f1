/* The level of a voice: what lies below it taken off, and the voice brought to where recognisers and people want it. */
#ifndef MS_LEVEL_H
#define MS_LEVEL_H

#include "ms_types.h"

/* ---- High-pass: hum and rumble below a voice; two poles at 90 Hz (Butterworth) ---------------------------------- */
typedef struct ms_high_pass {
    double b, a1, a2;              /* the zeros lie at 0 Hz: b (1 - 2 z + z^2) */
    double z1, z2;                 /* at 48 kHz the poles lie so near to 1 that float would add noise */
} ms_high_pass;
int ms_high_pass_init(ms_high_pass *h, int32_t rate_hz);
void ms_high_pass_process(ms_high_pass *h, int16_t *pcm, size_t n);    /* in place */

/* ---- Automatic gain ---------------------------------------------------------------------------------------------
 * The level is learnt from speech only, so that pauses are not pumped up; the gain moves slowly, faster down than up,
 * between -18 and +30 dB. Behind it a limiter keeps peaks below -1 dBFS. */
#define MS_AGC_LEAST_DB (-18.0f)
#define MS_AGC_MOST_DB 30.0f
typedef struct ms_agc {
    int32_t rate_hz;
    float target_dbfs;
    float power;                   /* of speech, smoothed; 0: none was heard */
    int32_t heard;                 /* samples of speech so far, up to a second's */
    float gain_db, gain;           /* what is aimed at, and what the last sample got */
    float limit;                   /* of the limiter, at most 1 */
} ms_agc;
int ms_agc_init(ms_agc *a, int32_t rate_hz, float target_dbfs);        /* of speech, -40 to -6 */
void ms_agc_process(ms_agc *a, int16_t *pcm, size_t n, bool speech);   /* up to 60 ms, in place */
void ms_agc_level(ms_agc *a, int16_t *pcm, size_t n, int32_t pause_peak);
        /* Sound of which no gate has said what is speech, of any length: 60 ms no louder than that are a pause. */
float ms_agc_gain_db(const ms_agc *a);

#endif
