/* What we sent, remembered for a second on our own clock, and readable between its samples.
 *
 * Positions count samples from the first that was ever written; what is not there (not yet written, or too long ago)
 * reads as silence. */
#ifndef MS_REFERENCE_H
#define MS_REFERENCE_H

#include "ms_types.h"

typedef struct ms_reference {
    int32_t rate_hz, size;         /* a power of two */
    bool begun;
    int64_t zero_ns;               /* of position 0 */
    int64_t end, loud_end;         /* after the newest sample, and after the newest audible frame */
    int16_t *ring;
} ms_reference;

size_t ms_reference_ring_samples(int32_t rate_hz);
void ms_reference_init(ms_reference *r, int32_t rate_hz, int16_t *ring);
void ms_reference_write(ms_reference *r, const int16_t *sent, size_t n, int64_t due_ns);
double ms_reference_position(const ms_reference *r, int64_t ns);
/* `n` samples from `position` on, `step` apart (near 1: the two clocks differ by their skew). */
void ms_reference_read(const ms_reference *r, double position, double step, int16_t *out, int32_t n);

#endif
