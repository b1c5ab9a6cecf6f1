/* speexdsp's own door for another allocator: its memory is the caller's (native/c/kernels/ms_arena.h). */
#include "ms_arena.h"

#define OVERRIDE_SPEEX_ALLOC
#define OVERRIDE_SPEEX_ALLOC_SCRATCH
#define OVERRIDE_SPEEX_REALLOC
#define OVERRIDE_SPEEX_FREE
#define OVERRIDE_SPEEX_FREE_SCRATCH

static inline void *speex_alloc(int size) { return ms_arena_take((size_t)size); }
static inline void speex_free(void *memory) { (void)memory; }
