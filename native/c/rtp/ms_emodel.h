/* How good a call sounds, guessed from its numbers: the E-model of ITU-T G.107, with all that we cannot measure at the
 * Recommendation's default values.
 *
 *     R = 93.2 - Id - Ie,eff       (Id less what is in the 93.2 already: 0.15 of it, at no delay)
 *
 * Ie,eff is what codec and loss take away, Id what delay does. Wide-band codecs are rated on the scale of G.107.1, which
 * ends at 129 and is brought back by dividing R by 1.29. So a wide-band figure and a narrow-band figure are each
 * right about calls of their own kind, and say little beside one another: both kinds reach about the same MOS at best.
 *
 * Two figures. *Listening* is what one side hears, delay apart; *conversational* takes the delay off too. */
#ifndef MS_EMODEL_H
#define MS_EMODEL_H

#include "ms_types.h"

enum ms_emodel_codec { MS_EMODEL_G711 = 0, MS_EMODEL_G711_BARE, MS_EMODEL_G722, MS_EMODEL_L16, MS_EMODEL_OPUS };

typedef struct ms_emodel_call {
    uint8_t codec;           /* enum ms_emodel_codec; BARE: loss is not concealed */
    float loss;              /* share of packets, 0-1 */
    float burst_ratio;       /* mean run of losses against that of random loss; 1: random, more: in bursts */
    float one_way_ms;        /* mouth to ear */
} ms_emodel_call;

typedef struct ms_emodel_rating {
    float r;                 /* conversational, 0-100 */
    float listening_mos, conversational_mos; /* 1-4.5 */
} ms_emodel_rating;

/* What is out of range, NaN too, is taken as the nearest that is in it; an unknown codec as G.711. */
ms_emodel_rating ms_emodel_rate(const ms_emodel_call *call);

#endif
