/* How much of the far end comes back, and how much of that the filter leaves: what a gate must not take for speech. */
#ifndef MS_ECHO_LEFT_H
#define MS_ECHO_LEFT_H

#include "ms_types.h"

#define MS_NOTHING_DBFS (-120.0f)

typedef struct ms_echo_left {
    float forgets;                 /* share of the far end's power that still sounds after a frame */
    float far_recent, near_power, out_power;  /* smoothed powers while the far end is heard */
    float path_db, coupling_db;    /* of the far end: what comes in, and what the filter leaves of it */
    float credit_db;               /* how far below path_db coupling_db is believed to be */
    float residual_dbfs;
} ms_echo_left;

void ms_echo_left_init(ms_echo_left *l, int32_t tail_ms);
/* A filter that begins anew has no credit. */
void ms_echo_left_distrust(ms_echo_left *l);
void ms_echo_left_rest(ms_echo_left *l);
/* Powers of a frame: said, come in, left. */
void ms_echo_left_frame(ms_echo_left *l, float far, float near, float out);
float ms_echo_left_erle_db(const ms_echo_left *l);

#endif
