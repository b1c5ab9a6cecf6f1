/* Keys that are sounds: a DTMF detector for streams whose keys do not come as RFC 4733 packets.
 *
 * Blocks of 12.75 ms, each overlapping the last by half. A block bears a key when one tone of each group stands out in
 * it: both together hold most of its energy, each is well above the rest of its group, they differ by no more than a
 * telephone line makes them differ (ITU-T Q.24, Annex A: the high one at most 4 dB above the low one and at most
 * 8 dB below it), and neither has a second harmonic, as a voice would. Four such blocks on end are a key: a key of
 * 40 ms holds as many wherever it begins. Five on end without it (a break of 10 ms touches four) end the key, and it
 * is told then, once.
 *
 * What is not aimed at: keys under loud speech. Q.24 asks for 15 dB, and so do we. */
#ifndef MS_GOERTZEL_H
#define MS_GOERTZEL_H

#include "ms_types.h"

#define MS_GOERTZEL_LONGEST 204  /* samples of a block, at 16 kHz */
#define MS_GOERTZEL_FILTERS 16   /* four low, four high, and twice each of the eight */

typedef struct ms_goertzel {
    float coefficient[MS_GOERTZEL_FILTERS];
    float block[MS_GOERTZEL_LONGEST];
    int32_t rate_hz, thinning;   /* of the blocks; samples averaged into one before */
    int32_t length, filled;      /* of a block, and what of it is there */
    int32_t thin_sum, thin_n;
    int8_t candidate;            /* key of the blocks in progress, -1: none */
    uint8_t misses;              /* blocks without it since the last one that bore it */
    uint32_t hits, span;         /* blocks that bore it; blocks from the first to the last of these */
} ms_goertzel;

typedef struct ms_goertzel_key {
    uint8_t code;                /* 0-15, RFC 4733's numbering: digits, *, #, A-D */
    uint32_t duration_ms;
} ms_goertzel_key;

/* 8, 16, 24 or 48 kHz */
int ms_goertzel_init(ms_goertzel *g, int32_t rate_hz);
/* Up to 20 ms in any pieces. 1 and the key when one has ended, else 0; MS_E_ARGUMENT: more than 20 ms. */
int ms_goertzel_process(ms_goertzel *g, const int16_t *pcm, size_t n, ms_goertzel_key *key);
/* Whether the last block bore a key, told of or not: what should not be taken for speech. */
bool ms_goertzel_sounds(const ms_goertzel *g);
/* The low and the high tone of a key, 0-15. */
int ms_goertzel_key_hz(uint8_t key, float hz[2]);
/* -ffast-math takes NaN for what never happens; their bits cannot lie. */
static inline bool ms_is_not_finite(float value) {
    union { float f; uint32_t bits; } u = {value};
    return (u.bits & 0x7f800000u) == 0x7f800000u;
}

#endif
