/* The network's weights, packed for the way they are used: in blocks of 16 outputs, `[block][input][output in block]`,
 * so that one load serves every frame and no sum goes across a register. */
#ifndef MS_SILERO_WEIGHTS_H
#define MS_SILERO_WEIGHTS_H

#include "ms_silero.h"

enum {
    SILERO_BLOCK = 16,
    SILERO_WINDOW = 256,  /* samples of a Fourier transform, half of which the next one shares */
    SILERO_BINS = SILERO_WINDOW / 2 + 1,
    SILERO_TRANSFORM = 272,  /* 129 real parts, 129 imaginary ones, whole blocks of them */
    SILERO_TAPS = 3,
    SILERO_WIDE = 128,
    SILERO_NARROW = 64,
    SILERO_GATES = 4 * MS_SILERO_CELLS  /* of the LSTM: in, forget, cell, out */
};

struct ms_silero_weights {
    float transform[SILERO_TRANSFORM * SILERO_WINDOW];
    float encoder1[SILERO_WIDE * SILERO_TAPS * SILERO_BINS], encoder1_bias[SILERO_WIDE];
    float encoder2[SILERO_NARROW * SILERO_TAPS * SILERO_WIDE], encoder2_bias[SILERO_NARROW];
    float encoder3[SILERO_NARROW * SILERO_TAPS * SILERO_NARROW], encoder3_bias[SILERO_NARROW];
    float encoder4[SILERO_WIDE * SILERO_TAPS * SILERO_NARROW], encoder4_bias[SILERO_WIDE];
    float cells[SILERO_GATES * 2 * MS_SILERO_CELLS], cells_bias[SILERO_GATES];  /* inputs: encoded, then hidden */
    float decoder[MS_SILERO_CELLS], decoder_bias;
};

#endif
