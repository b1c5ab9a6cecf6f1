/* Comfort noise: what a line sounds like while nobody speaks, in ten numbers or (RFC 3389) up to nine octets.
 *
 * Noise is described by its power and by the reflection coefficients of an all-pole model, k1 = -r1/r0 and so on, which
 * a lattice filter takes as they are: it is stable whatever they are, and so while they glide from one description to the
 * next. The coefficients belong to a sample rate.
 *
 *   listener   learns the line's quiet from what is heard
 *   generator  makes noise after a description
 *   sender     describes the silence we would send, and says when to tell the other side
 */
#ifndef MS_COMFORT_H
#define MS_COMFORT_H

#include "ms_types.h"

#define MS_COMFORT_ORDER 8
#define MS_COMFORT_PAYLOAD (1 + MS_COMFORT_ORDER) /* octets, at most */
#define MS_COMFORT_LOUDEST_DBOV (-30)             /* louder noise comforts nobody: it is turned down to this */

typedef struct ms_comfort_noise {
    float power;                   /* per sample; 32767 squared is 0 dBov */
    float reflections[MS_COMFORT_ORDER]; /* 0: white */
} ms_comfort_noise;

/* ---- RFC 3389 ------------------------------------------------------------------------------------------------------ */

/* MS_E_ARGUMENT: no octets. Coefficients beyond the eighth are left out, as section 3 permits. */
int ms_comfort_parse(const uint8_t *payload, size_t n, ms_comfort_noise *out);
/* Returns octets, 1 to MS_COMFORT_PAYLOAD. */
size_t ms_comfort_write(const ms_comfort_noise *noise, uint8_t *payload);
/* The same noise for another sample rate: what lies above the lower rate's band is left out, or nearly empty. */
void ms_comfort_at_rate(ms_comfort_noise *noise, int32_t from_hz, int32_t to_hz);

/* ---- its shape, as correlations of lags 0 to MS_COMFORT_ORDER (ms_comfort_shape.c) --------------------------------- */
void ms_comfort_correlate(const int16_t *pcm, size_t n, float *correlation);
void ms_comfort_reflect(const float *correlation, float *reflections);
void ms_comfort_correlation_of(const ms_comfort_noise *noise, int32_t from_hz, int32_t to_hz, float *correlation);

/* ---- what makes it ------------------------------------------------------------------------------------------------- */

typedef struct ms_comfort_generator {
    int32_t step, left;            /* samples between two steps of the glide; to the next one */
    bool begun;
    uint32_t chance;
    ms_comfort_noise now, target;
    float gain;
    float back[MS_COMFORT_ORDER + 1];
} ms_comfort_generator;
void ms_comfort_generator_init(ms_comfort_generator *g, int32_t rate_hz, uint32_t seed);
/* The first description holds at once, later ones are glided to within about 100 ms. */
void ms_comfort_aim(ms_comfort_generator *g, const ms_comfort_noise *noise);
float ms_comfort_next(ms_comfort_generator *g);
void ms_comfort_fill(ms_comfort_generator *g, int16_t *pcm, size_t n);

/* ---- what learns it ------------------------------------------------------------------------------------------------ */

typedef struct ms_comfort_listener {
    int32_t rate_hz, step, filled; /* samples of 10 ms, and how many of them are there */
    int32_t steps;                 /* of the window in progress */
    float quiet_now, quiet_before; /* least power of a step in this window and in the last; FLT_MAX: none yet */
    float loudest;                 /* that quiet may be */
    float correlation[MS_COMFORT_ORDER + 1]; /* of quiet steps, smoothed; [0] 0: none yet */
    int16_t pcm[MS_MAX_RATE_HZ / 100];
} ms_comfort_listener;
void ms_comfort_listener_init(ms_comfort_listener *l, int32_t rate_hz);
void ms_comfort_listen(ms_comfort_listener *l, const int16_t *pcm, size_t n);
/* The other side says what its quiet is like; that holds until it is heard to be otherwise. */
void ms_comfort_told(ms_comfort_listener *l, const ms_comfort_noise *noise);
/* Nothing before the first window is over; and, unless it was told, no louder than -50 dBov: a line that loud is no
 * quiet one, but one whose speaker has not paused. */
void ms_comfort_learnt(const ms_comfort_listener *l, ms_comfort_noise *out);

/* ---- what tells it ------------------------------------------------------------------------------------------------- */

typedef struct ms_comfort_sender {
    bool begun;                    /* a silence is in progress, and was told of */
    int32_t since_samples;         /* since it was told of last */
    float correlation[MS_COMFORT_ORDER + 1];
    ms_comfort_noise sent;
} ms_comfort_sender;
/* The voice goes on: the next silence is a new one. */
void ms_comfort_sender_interrupt(ms_comfort_sender *s);
/* 10 to 60 ms of silence at rate_hz, to be described at codec_hz. Returns octets of payload to send now: at its
 * beginning, when it has changed, 200 ms after the last one at the earliest, and every second; 0: none. */
size_t ms_comfort_sender_describe(ms_comfort_sender *s, const int16_t *pcm, size_t n, int32_t rate_hz,
                                  int32_t codec_hz, uint8_t *payload);

#endif
