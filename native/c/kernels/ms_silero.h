/* Silero VAD (https://github.com/snakers4/silero-vad, versions 5 and 6, 16 kHz): how likely a voice is in the last 32 ms.
 *
 * The gate (ms_kernels.h) is quick and cheap, and takes some music and other people's machines for a voice; this
 * network is dearer and knows better. So it is run only where the gate thinks that somebody may be speaking, and until
 * then merely keeps the last sound, from which it begins.
 *
 * A chunk of 512 samples, with the 64 before it, goes through a short Fourier transform (4 frames), four convolutions,
 * an LSTM of 128 cells and one weighted sum. The weights are read once and shared by every stream. */
#ifndef MS_SILERO_H
#define MS_SILERO_H

#include "ms_types.h"

#define MS_SILERO_RATE_HZ 16000
#define MS_SILERO_CHUNK 512   /* samples */
#define MS_SILERO_CONTEXT 64  /* samples before them */
#define MS_SILERO_CELLS 128
#define MS_SILERO_REMEMBERED 4 /* chunks: of fewer than these it judges nothing well, its cells being empty */

typedef struct ms_silero_weights ms_silero_weights;  /* read only once they are loaded */

size_t ms_silero_weights_size(void);
/* A safetensors file with the network's fifteen tensors of float32; MS_E_ARGUMENT when it is anything else: nothing
 * in it is believed, and no weight may be so large that the network could overflow. */
int ms_silero_weights_load(ms_silero_weights *w, const void *file, size_t n);

typedef struct ms_silero {
    const ms_silero_weights *weights;
    uint32_t fresh;               /* samples at the end of the window that have not been judged */
    int16_t window[MS_SILERO_CONTEXT + MS_SILERO_REMEMBERED * MS_SILERO_CHUNK];
    float hidden[MS_SILERO_CELLS], cell[MS_SILERO_CELLS];
} ms_silero;

void ms_silero_init(ms_silero *s, const ms_silero_weights *weights);
/* What was heard so far has nothing to do with what comes: window and cells are forgotten. */
void ms_silero_reset(ms_silero *s);
/* Keeps the sound and judges nothing; the cells forget. A later judgement begins with the last 128 ms of it. */
void ms_silero_remember(ms_silero *s, const int16_t *pcm, size_t n);
/* Takes samples in and judges every chunk that is full, those remembered among them. Whether there was one, and the
 * highest probability of a voice, 0-1. */
bool ms_silero_process(ms_silero *s, const int16_t *pcm, size_t n, float *probability);

#endif
