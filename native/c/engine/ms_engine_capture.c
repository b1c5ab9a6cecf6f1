/* Packets as they are on the wire, for a file that somebody will look at: copied into a ring beside everything else.
 *
 * It is off but for the streams that are asked for, and costs those a copy of some 200 bytes a packet. The ring has the
 * room that the engine was made with; who is late loses the newest, and every loss is counted. */
#include <string.h>

#include "ms_engine_state.h"

void ms_capture(ms_engine *engine, const ms_stream *stream, const ms_passing *packet)
{
    if (!atomic_load_explicit(&stream->is_captured, memory_order_relaxed) || packet->n > MS_MAX_PACKET)
        return;
    ms_captured copy = {.stream = stream->handle, .at_ns = packet->at_ns, .peer = *packet->peer,
                        .n = (uint16_t)packet->n, .sent = packet->sent};
    memcpy(copy.data, packet->data, packet->n);
    if (!ms_ring_push(&engine->captured, &copy))
        engine->tally.captured_lost++;
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
