/* The inside of a jitter buffer, shared by ms_jitter.c (what comes in, what is told) and ms_jitter_take.c (what goes
 * out). */
#ifndef MS_JITTER_STATE_H
#define MS_JITTER_STATE_H

#include "ms_delay.h"
#include "ms_jitter.h"
#include "ms_conceal.h"
#include "ms_kernels.h"
#include "ms_timeline.h"

struct ms_jitter {
    ms_jitter_config config;
    ms_jitter_statistics statistics;
    ms_delay delay;
    ms_timeline timeline;
    ms_concealer *concealer;
    int16_t *last_frame;          /* what was put out last: what an expansion says again */
    int32_t frame;                /* samples in 20 ms */

    bool heard, playing;          /* a packet came; a frame was taken since */
    int32_t packet, grid;         /* samples in a packet; and in the steps in which the cursor is best placed */
    int64_t newest_rtp;           /* of the newest packet by its stamp, and the sample after it */
    int64_t newest_end;
    int64_t late_end;             /* after the last packet that was wholly late, */
    int32_t late_run;             /* and how many came so one after the other */

    int32_t gap;                  /* samples concealed without a break, 0: none */
    bool gap_in_voice;            /* somebody spoke when it began */
    bool splice;                  /* the next sample does not follow the last one */
    int32_t rest_ticks;           /* until speech may be stretched again */
    float voice_energy;           /* per sample, of the loud frames */
    float quiet_now, quiet_before; /* and of the quietest of this second and a half, and of the one before */
    int32_t quiet_frames;
};

/* Where the cursor should stand at `ns` for packets that take up to `delay`, with so much to spare. */
int64_t ms_jitter_place(const ms_jitter *j, int64_t ns, int32_t delay, int32_t margin);
/* Drops what stands before `at`. */
void ms_jitter_flush_to(ms_jitter *j, int64_t at);
int32_t ms_jitter_samples(const ms_jitter *j, int32_t ms);

#endif
