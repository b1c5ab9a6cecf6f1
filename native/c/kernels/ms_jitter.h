/* The jitter buffer for what people hear: decoded frames in as the network brings them, 20 ms out every 20 ms.
 * How it decides stands in ms_jitter.c. */
#ifndef MS_JITTER_H
#define MS_JITTER_H

#include "ms_comfort.h"

#define MS_JITTER_MIN_MS 20
#define MS_JITTER_MAX_MS 1000
#define MS_JITTER_SPARE_MS 200 /* room beyond max_ms, for what comes in bursts */

typedef struct ms_jitter_config {
    int32_t rate_hz;           /* 8000, 16000, 24000 or 48000 */
    uint16_t min_ms, max_ms;   /* of the target delay; 0: 40 and 200 */
    float quantile;            /* of the delays the target is to cover, 0.05-0.9999; 0: MS_DELAY_QUANTILE */
} ms_jitter_config;

enum ms_jitter_flag {
    MS_JITTER_CONCEALED = 1,   /* made up before us for what was lost: it fills its place, and may be skipped */
    MS_JITTER_QUIET = 2        /* nothing was sent here on purpose (DTX, comfort noise): no loss */
};

enum ms_jitter_verdict {
    MS_JITTER_TAKEN = 0,
    MS_JITTER_LATE = 1,        /* its time was over */
    MS_JITTER_PARTLY_LATE = 2, /* what could still be played was kept */
    MS_JITTER_DUPLICATE = 3
};

/* What one frame was made of, in samples of output. */
typedef struct ms_jitter_made {
    uint16_t played, concealed, noise;  /* add up to the frame; `noise`: quiet on purpose, or nothing heard yet */
    uint16_t stretched, shrunk;         /* what time stretching added to, or took from, what was played */
    int64_t rtp_begin, rtp_end;         /* time stamps the frame led from and to */
} ms_jitter_made;

typedef struct ms_jitter_statistics {
    uint64_t packets, duplicate, late, partly_late, out_of_order, restarts;
    uint64_t in_samples;                    /* of all packets that were put */
    uint64_t refused_samples;               /* of them: late, twice, or in the place of what came after all */
    uint64_t held_samples;                  /* of them: waiting to be played */
    /* in_samples - refused_samples - held_samples - flushed = played - stretched + shrunk */
    uint64_t out_samples;                   /* = played + concealed_voice + concealed_silence + noise */
    uint64_t played, concealed_voice, concealed_silence, noise;
    uint64_t stretched, shrunk;             /* samples that time stretching made and took */
    uint64_t flushed;                       /* samples that were dropped unheard, to come down to the target */
    uint64_t filled_before_us;              /* samples played that were concealed before us */
    float current_ms, target_ms;            /* from capture to play, beyond the network's least delay */
    float jitter_ms;                        /* RFC 3550 6.4.1 */
    float loss;                             /* recent share of time that was lost, 0-1 */
} ms_jitter_statistics;

typedef struct ms_jitter ms_jitter;
size_t ms_jitter_size(const ms_jitter_config *config);  /* 0: out of range */
int ms_jitter_init(ms_jitter *j, const ms_jitter_config *config);
/* The sender began anew: what is buffered is dropped; what is known of the network stays. */
void ms_jitter_reset(ms_jitter *j);
/* A frame of up to MS_MAX_PTIME_MS; time stamp in samples, unwrapped. Returns enum ms_jitter_verdict, or MS_E_ARGUMENT.
 * O(1): nothing is searched. */
int ms_jitter_put(ms_jitter *j, const int16_t *pcm, size_t n, int64_t rtp_extended, int64_t arrival_ns, uint32_t flags);
/* Exactly 20 ms, for the tick at `due_ns`; `made` may be NULL. */
int ms_jitter_take(ms_jitter *j, int16_t *out, size_t n, int64_t due_ns, ms_jitter_made *made);
/* What the quiet is like that gaps end in (ms_concealer_told). */
void ms_jitter_told(ms_jitter *j, const ms_comfort_noise *noise);
void ms_jitter_get_statistics(const ms_jitter *j, ms_jitter_statistics *out);

#endif
