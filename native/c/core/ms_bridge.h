/* What people hear of a stream: bridges, conferences, supervisors, recordings.
 *
 * The ears hear each frame as it comes; people must hear 20 ms every 20 ms. A stream that was set up with `bridge`
 * hands each cleaned frame (decoded, concealed, echo and noise taken off) to a jitter buffer, and once a tick whoever
 * listens asks for the 20 ms of that tick. It is made once, by whoever asks first, and kept until the next tick at
 * every rate that was asked for, so that ten listeners cost one buffer.
 *
 * A stream without a bridge pays neither memory nor time for it. */
#ifndef MS_BRIDGE_H
#define MS_BRIDGE_H

#include "ms_core.h"
#include "ms_jitter.h"

/* The 20 ms of the tick that is due at `due_ns`, at 8, 16, 24 or 48 kHz; silence before anything was heard. Due times
 * only grow; asking again for the same tick gives the same sound. The memory is the core's, good until the next tick.
 * NULL: the stream has no bridge, or not at that rate. */
const int16_t *ms_bridge_frame(ms_core *core, int64_t due_ns, int32_t rate_hz);

/* The jitter buffer's counters; false: the stream has no bridge. */
bool ms_bridge_get_statistics(const ms_core *core, ms_jitter_statistics *out);

/* ---- the core's own part ----------------------------------------------------------------------------------------- */
typedef struct ms_bridge ms_bridge;
/* Bytes to provide; 0: the configuration has no bridge, or a wrong one. */
size_t ms_bridge_size(const ms_config *config);
int ms_bridge_init(ms_bridge *b, const ms_config *config, int32_t clock_hz);
/* A cleaned frame of 20 ms or less at hear_hz that begins at the time stamp, and came with the packet of `arrival_ns`; flags: enum
 * ms_jitter_flag. A clock that jumps is the jitter buffer's own affair. */
void ms_bridge_put(ms_bridge *b, const int16_t *pcm, uint32_t n, int64_t rtp_extended, int64_t arrival_ns,
                   uint32_t flags);
/* The sender describes its silence (RFC 3389), at hear_hz: what was not sent on purpose sounds like this from now on. */
void ms_bridge_describe(ms_bridge *b, const ms_comfort_noise *noise);

#endif
