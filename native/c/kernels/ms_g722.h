/* G.722 (ITU-T G.722, 64 kbit/s): 16 kHz in two ADPCM bands, six bits for the lower one and two for the upper, an octet
 * for each pair of samples. Integer arithmetic as the recommendation has it, bit for bit. */
#ifndef MS_G722_H
#define MS_G722_H

#include "ms_types.h"

#define MS_G722_QMF_TAPS 24

/* One band's adaptive quantiser and predictor: six zeros, two poles (clause 3.6). Names as in the recommendation. */
typedef struct ms_g722_band {
    int32_t s, sz;             /* predicted signal, and the part of it from the zeros */
    int32_t r[3], p[3];        /* reconstructed and partially reconstructed signal, newest first */
    int32_t a[3], b[7], d[7];  /* poles, zeros, quantised differences; [0] is unused of a and b */
    int32_t nb, det;           /* logarithmic and linear scale of the quantiser */
} ms_g722_band;

typedef struct ms_g722 {
    ms_g722_band low, high;
    int32_t qmf[MS_G722_QMF_TAPS];
} ms_g722;

/* One direction: an encoder and a decoder each need a state. */
void ms_g722_init(ms_g722 *g);
/* 2 n samples out of n octets */
void ms_g722_decode(ms_g722 *g, const uint8_t *octets, size_t n, int16_t *pcm);
/* n octets out of 2 n samples */
void ms_g722_encode(ms_g722 *g, const int16_t *pcm, size_t n, uint8_t *octets);

#endif
