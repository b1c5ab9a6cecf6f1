/* Time stretching by one shift: WSOLA, after Verhelst and Roelands (1993). Theory: ms_stretch.c. */
#ifndef MS_STRETCH_H
#define MS_STRETCH_H

#include "ms_types.h"

#define MS_STRETCH_LONGEST_MS 15  /* of a shift in speech: the longest pitch period, or several short ones */
#define MS_STRETCH_SHORTEST_US 2500
#define MS_STRETCH_BLEND_MS 8

/* The shift, from `from` to `to`, at which sound[shift..] is most like sound[0..]; 0 when none is at least `likeness`
 * (-1 to 1) like it. Reads MS_STRETCH_BLEND_MS from either place: both must be there. */
int32_t ms_stretch_find(const int16_t *sound, int32_t rate_hz, int32_t from, int32_t to, float likeness);
/* n samples that begin as sound[0..] and go on as sound[shift..]: with a positive shift, sound was skipped; with a
 * negative one, said twice. */
void ms_stretch_apply(const int16_t *sound, int32_t rate_hz, int32_t shift, int16_t *out, size_t n);

#endif
