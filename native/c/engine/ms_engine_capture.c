/* Packets as they are on the wire, for a file that somebody will look at: copied into a ring beside everything else; and
 * with them every other moment at which the engine touches the stream, so that the same can be done once more.
 *
 * It is off but for the streams that are asked for, and costs those a copy of some 200 bytes a packet. The ring has the
 * room that the engine was made with; who is late loses the newest, and every loss is counted.
 *
 * The moments are numbered. While one is under way the number is odd: what the border does meanwhile cannot be said to
 * lie before or after it, and the border, which alone may wait, looks again. */
#include <string.h>

#include "ms_engine_state.h"

static bool is_captured(const ms_stream *stream)
{
    return atomic_load_explicit(&((ms_stream *)stream)->is_captured, memory_order_relaxed);
}

void ms_capture(ms_engine *engine, const ms_stream *stream, const ms_passing *packet)
{
    if (!is_captured(stream) || packet->n > sizeof((ms_captured *)0)->data)
        return;
    uint64_t moments = atomic_load_explicit(&engine->moments, memory_order_relaxed);
    ms_captured copy = {.stream = stream->handle, .at_ns = packet->at_ns, .due_ns = packet->due_ns,
                        .number = (moments + 1) / 2, .n = (uint16_t)packet->n, .kind = (uint8_t)packet->kind};
    if (packet->peer != NULL)
        copy.peer = *packet->peer;
    if (packet->n > 0)
        memcpy(copy.data, packet->data, packet->n);
    if (!ms_ring_push(&engine->captured, &copy))
        engine->tally.captured_lost++;
}

void ms_moment_begins(ms_engine *engine, const ms_stream *stream, const ms_passing *moment)
{
    if (!is_captured(stream))
        return;
    atomic_fetch_add_explicit(&engine->moments, 1, memory_order_seq_cst);
    ms_capture(engine, stream, moment);
}

/* Captures begin and end at the border, so a stream's first moment may end that had no beginning. */
void ms_moment_ends(ms_engine *engine)
{
    uint64_t moments = atomic_load_explicit(&engine->moments, memory_order_relaxed);
    if (moments % 2 != 0)
        atomic_store_explicit(&engine->moments, moments + 1, memory_order_seq_cst);
}

int ms_engine_capture(ms_engine *engine, ms_handle handle, bool on)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    if (engine->captured.items == NULL)
        return MS_E_STATE;
    atomic_store_explicit(&stream->is_captured, on, memory_order_relaxed);
    return MS_OK;
}

int ms_engine_next_captured(ms_engine *engine, ms_captured *out)
{
    return engine->captured.items != NULL && ms_ring_pop(&engine->captured, out);
}

uint64_t ms_engine_moments(const ms_engine *engine)
{
    return atomic_load_explicit(&((ms_engine *)engine)->moments, memory_order_seq_cst);
}
