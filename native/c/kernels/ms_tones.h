/* One or two sines with a cadence: keys in band, ringing, dial and busy tones. Every burst fades in and out over 4 ms,
 * so that no edge clicks. The same sound whatever the pieces it is asked for in. */
#ifndef MS_TONES_H
#define MS_TONES_H

#include "ms_types.h"

#define MS_TONES_EDGE_MS 4

typedef struct ms_tones_config {
    int32_t rate_hz;             /* 8000, 16000, 24000, 48000 */
    float hz[2];                 /* above 0, below half the rate; the second may be 0: one sine */
    float dbfs[2];               /* each sine's peak, -60 to 0; together they must not pass full scale */
    uint16_t on_ms, off_ms;      /* on 10 or more; off 0: no pauses */
    uint32_t total_ms;           /* 0: for ever */
} ms_tones_config;

typedef struct ms_tones {
    uint32_t phase[2], step[2];  /* a whole turn is 2^32 */
    float amplitude[2];
    uint32_t on, period, edge;   /* samples */
    uint32_t at;                 /* within the period */
    uint64_t left;               /* samples; UINT64_MAX: for ever */
} ms_tones;

int ms_tones_init(ms_tones *t, const ms_tones_config *config);
/* A key, 0-15, of RFC 4733's numbering: low group at -9 dBFS, high group at -7 (the line takes more off it). */
int ms_tones_init_key(ms_tones *t, int32_t rate_hz, uint8_t key, uint16_t duration_ms);
/* Writes n samples, silence after the end; returns how many of them came before it. */
size_t ms_tones_process(ms_tones *t, int16_t *out, size_t n);

#endif
