/* Manual mode: the caller's clock, and a network that is two queues.
 *
 * Packets are pushed in the order in which they arrive. Each waits for the first slot at or after its time, as it
 * would in a socket; what is sent lies in the outbox until it is taken. */
#include <string.h>

#include "ms_engine_state.h"

/* The schedule begins with the first step, on the grid of slots that starts at 0. */
static void begin_schedule(ms_engine *engine, int64_t now_ns)
{
    if (engine->due_ns < 0)
        engine->due_ns = (now_ns + engine->slot_ns - 1) / engine->slot_ns * engine->slot_ns;
}

int ms_engine_push(ms_engine *engine, ms_handle handle, const uint8_t *packet, size_t n, const ms_address *from,
                   int64_t received_ns)
{
    uint32_t index = (uint32_t)handle;
    if (!engine->config.manual)
        return MS_E_STATE;
    if (index >= engine->config.capacity || engine->pool[index].handle != handle ||
        engine->pool[index].life != MS_LIFE_LIVE)
        return MS_E_STALE;
    ms_datagram pushed = {.stream = handle, .received_ns = received_ns, .source = *from};
    pushed.n = (uint16_t)(n < sizeof pushed.data ? n : sizeof pushed.data);
    memcpy(pushed.data, packet, pushed.n);
    return ms_ring_push(&engine->inbox, &pushed) ? MS_OK : MS_E_FULL;
}

int ms_engine_step(ms_engine *engine, int64_t now_ns)
{
    if (!engine->config.manual)
        return MS_E_STATE;
    if (now_ns < 0)
        return MS_E_ARGUMENT;
    begin_schedule(engine, now_ns);
    while (engine->due_ns <= now_ns)
        ms_run_slot(engine, engine->due_ns);
    ms_recorder_work(&engine->recorder);
    ms_run_publish_tally(engine);
    return MS_OK;
}

/* Something lies ready for the border: a packet, an event, a datagram, a recording that is over. */
static bool has_news(ms_engine *engine)
{
    return ms_ring_peek(&engine->outbox) != NULL || ms_ring_peek(&engine->events) != NULL ||
           ms_ring_peek(&engine->datagrams) != NULL || ms_ring_peek(&engine->recorder.over) != NULL;
}

int ms_engine_step_on(ms_engine *engine, int64_t before_ns, int64_t *slot_ns)
{
    if (!engine->config.manual || engine->due_ns < 0)
        return MS_E_STATE;
    do {
        *slot_ns = engine->due_ns;
        ms_run_slot(engine, engine->due_ns);
        ms_recorder_work(&engine->recorder);
    } while (engine->due_ns < before_ns && !has_news(engine));
    ms_run_publish_tally(engine);
    return MS_OK;
}

int ms_engine_again(ms_engine *engine, ms_handle handle, const ms_captured *moment)
{
    uint32_t index = (uint32_t)handle;
    if (!engine->config.manual)
        return MS_E_STATE;
    if (index >= engine->config.capacity || engine->pool[index].handle != handle ||
        engine->pool[index].life != MS_LIFE_LIVE)
        return MS_E_STALE;
    engine->again = true;
    return ms_run_again(engine, &engine->pool[index], moment);
}

int64_t ms_engine_next_step(const ms_engine *engine) { return engine->due_ns < 0 ? 0 : engine->due_ns; }

int ms_engine_take_packet(ms_engine *engine, ms_out *out)
{
    return engine->config.manual && ms_ring_pop(&engine->outbox, out);
}

void ms_manual_receive(ms_engine *engine, int64_t now_ns)
{
    const ms_datagram *pushed;
    while ((pushed = ms_ring_peek(&engine->inbox)) != NULL && pushed->received_ns <= now_ns) {
        ms_stream *stream = &engine->pool[(uint32_t)pushed->stream];
        if (stream->handle == pushed->stream && !stream->leaving)
            ms_run_received(engine, stream, pushed->data, pushed->n, &pushed->source, pushed->received_ns);
        ms_ring_drop(&engine->inbox);
    }
}

void ms_manual_send(ms_engine *engine, ms_stream *stream, const ms_packet *packet, int64_t now_ns)
{
    ms_out out = {.stream = stream->handle, .at_ns = now_ns, .packet = *packet};
    if (ms_ring_push(&engine->outbox, &out))
        engine->tally.packets_sent++;
    else
        engine->tally.send_errors++;
}
