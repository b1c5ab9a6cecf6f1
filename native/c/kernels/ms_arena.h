/* Memory for a library that allocates for itself: speexdsp asks for some forty pieces when a filter is set up.
 *
 * Between enter and leave, what it asks for on this thread is cut from the caller's memory instead (its allocator is
 * replaced through os_support_custom.h, a door it has for that); giving back does nothing, the memory is the caller's
 * again when the filter is not used any more. So a stream's set-up allocates nothing and cannot fail half way, and
 * its memory is one piece of known size. */
#ifndef MS_ARENA_H
#define MS_ARENA_H

#include <stddef.h>

#define MS_ARENA_ALIGNMENT 16

/* `memory` is aligned to MS_ARENA_ALIGNMENT, and large enough: too small a piece is our own mistake, and ends the
 * process. */
void ms_arena_enter(void *memory, size_t n);
/* Returns how much of it was used. */
size_t ms_arena_leave(void);
/* What the library calls: `n` bytes of zeros. */
void *ms_arena_take(size_t n);

#endif
