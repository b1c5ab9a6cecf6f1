/* Concealment of lost audio. Feed every good frame with `good`; ask `lost` for each missing one, of whatever length.
 * The first good frame after a gap is merged smoothly: it is altered in place, and time never shifts.
 *
 *   waveform  the voice goes on: its last pitch periods excite a filter of its own colour (ms_conceal_voice.c)
 *   repeat    the last 20 ms again and again
 *   linear    what a linear predictor makes of the last samples, left to itself
 *   spectral  each line of the last spectra goes on in phase
 *   auto      one of these by recent loss: below 5 % linear, below 10 % spectral, else waveform
 *
 * All but the first lose 30 % with every 20 ms. After 60 to 100 ms whatever is left gives way to comfort noise that sounds
 * as the line's own quiet does (ms_comfort.h). */
#ifndef MS_CONCEAL_H
#define MS_CONCEAL_H

#include "ms_comfort.h"

enum ms_conceal_method {
    MS_CONCEAL_WAVEFORM = 0,
    MS_CONCEAL_REPEAT = 1,
    MS_CONCEAL_LINEAR = 2,
    MS_CONCEAL_SPECTRAL = 3,
    MS_CONCEAL_AUTO = 4
};

typedef struct ms_concealer ms_concealer;
size_t ms_concealer_size(int32_t rate_hz, int method);
int ms_concealer_init(ms_concealer *c, int32_t rate_hz, int method);
void ms_concealer_good(ms_concealer *c, int16_t *pcm, size_t n);
void ms_concealer_lost(ms_concealer *c, int16_t *out, size_t n);
/* The other side says what its quiet is like (RFC 3389). */
void ms_concealer_told(ms_concealer *c, const ms_comfort_noise *noise);
/* Recent loss, 0-1, as `auto` sees it. */
float ms_concealer_loss(const ms_concealer *c);

#endif
