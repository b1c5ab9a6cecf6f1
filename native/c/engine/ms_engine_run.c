/* One slot of the engine: what happens every 2 ms, on the engine thread or, in manual mode, on the caller's.
 *
 * The order is: orders, then packets, then deadlines, then the ticks of the streams whose slot it is. So a flush
 * that was queued before the slot silences the packet of this very slot, and a caller whose first syllable came in
 * is heard before the agent's next 20 ms are sent.
 *
 * A burst of packets must not delay what is to be sent: packets get half of the slot, what is left of it after the
 * ticks, and a few in any case. Those that wait longer lie in the kernel, with their time of arrival on them.
 *
 * The ticks of a slot come in two phases, so that streams may hear each other: first all gather, then all send
 * (ms_mix.h).
 *
 * Events move from a core to the ring after anything that may have made one. When the ring is full they stay where
 * they are, and the stream's next tick tries again. */
#include <math.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "ms_bridge.h"
#include "ms_engine_state.h"

#define STATISTICS_TICKS 5 /* people read them, not programs: every 100 ms */

/* ---- events out ------------------------------------------------------------------------------------------ */

/* The eventfd is written at once for what is urgent, else when the last time is 20 ms ago. */
static void notify(ms_engine *engine, int64_t now_ns, bool urgent)
{
    if (!engine->to_notify || (!urgent && now_ns - engine->notified_ns < MS_FRAME_NS))
        return;
    engine->to_notify = false;
    engine->notified_ns = now_ns;
    if (engine->event_fd >= 0)
        eventfd_write(engine->event_fd, 1);
}

static bool post(ms_engine *engine, const ms_stream *stream, const ms_event *event)
{
    ms_engine_event out = {.stream = stream->handle, .event = *event};
    engine->to_notify = true; /* even when the ring is full: then Python has reason to look */
    if (!ms_ring_push(&engine->events, &out)) {
        engine->tally.events_deferred++;
        return false;
    }
    engine->tally.events++;
    return true;
}

static bool post_own(ms_engine *engine, const ms_stream *stream, uint8_t kind, int64_t arg, int64_t now_ns)
{
    ms_event event = {.kind = kind, .arg = arg, .at_ns = now_ns};
    if (kind == MS_EVENT_FAULT)
        event.code = (uint16_t)stream->fault_errno;
    return post(engine, stream, &event);
}

static void pay_owed(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    static const struct { uint8_t owed, kind; } order[] = {
        {MS_OWED_ADDED, MS_EVENT_ADDED}, {MS_OWED_FAULT, MS_EVENT_FAULT}};
    for (size_t i = 0; i < sizeof order / sizeof *order && stream->owed != 0; i++)
        if ((stream->owed & order[i].owed) && post_own(engine, stream, order[i].kind, 0, now_ns))
            stream->owed &= (uint8_t)~order[i].owed;
}

static void tell_clips(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    ms_event event = {.kind = MS_EVENT_CLIP_DONE, .name = ms_mix_done(&stream->mix), .at_ns = now_ns};
    if (post(engine, stream, &event))
        stream->mix.told = event.name;
}

static void move_events(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    bool urgent = ms_urgent(stream->core) || (stream->owed & MS_OWED_FAULT);
    if (stream->owed != 0)
        pay_owed(engine, stream, now_ns);
    if (ms_mix_done(&stream->mix) != stream->mix.told)
        tell_clips(engine, stream, now_ns);
    ms_engine_event out = {.stream = stream->handle};
    while (ms_ring_room(&engine->events) > 0 && ms_next_event(stream->core, &out.event))
        post(engine, stream, &out.event);
    if (urgent)
        notify(engine, now_ns, true);
}

/* A wish is granted once; one that finds the ring full stays. */
static void grant(ms_engine *engine, ms_stream *stream, _Atomic uint32_t *wanted, uint32_t have, uint8_t kind,
                  int64_t now_ns)
{
    uint32_t samples = atomic_load_explicit(wanted, memory_order_relaxed);
    if (samples != 0 && have >= samples && post_own(engine, stream, kind, have, now_ns))
        atomic_compare_exchange_strong(wanted, &samples, 0); /* a newer wish stays */
}

static void grant_wishes(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    if (atomic_load_explicit(&stream->wanted_ears, memory_order_relaxed) != 0)
        grant(engine, stream, &stream->wanted_ears, ms_ears_readable(stream->core), MS_EVENT_EARS, now_ns);
    if (atomic_load_explicit(&stream->wanted_room, memory_order_relaxed) != 0)
        grant(engine, stream, &stream->wanted_room, ms_room(stream->core), MS_EVENT_ROOM, now_ns);
}

static void publish_position(ms_stream *stream)
{
    ms_position position;
    ms_position_now(stream->core, &position);
    ms_publish(&stream->position_sequence, stream->position_words, &position, sizeof position);
}

static void publish_statistics(ms_stream *stream)
{
    ms_core_statistics statistics;
    ms_core_get_statistics(stream->core, &statistics);
    ms_publish(&stream->statistics_sequence, stream->statistics_words, &statistics, sizeof statistics);
}

static void note_deadline(ms_engine *engine, const ms_stream *stream)
{
    engine->deadline_ns[(uint32_t)stream->handle] = ms_next_deadline(stream->core);
}

static void send(ms_engine *engine, ms_stream *stream, const ms_packet *packet, int64_t now_ns)
{
    ms_capture(engine, stream, &(ms_passing){.data = packet->data, .n = packet->n, .peer = &packet->to,
                                             .at_ns = now_ns, .kind = MS_SENT});
    if (engine->config.manual)
        ms_manual_send(engine, stream, packet, now_ns);
    else if (stream->fault_errno == 0)
        ms_net_send(engine, stream, packet);
}

/* ---- orders in ------------------------------------------------------------------------------------------- */

static void welcome(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    uint32_t index = (uint32_t)stream->handle;
    ms_members *members = &engine->members[stream->ticks_in];
    members->index[members->count++] = index;
    if (engine->deadlines <= index)
        engine->deadlines = index + 1;
    stream->owed |= MS_OWED_ADDED;
    if (!engine->config.manual)
        ms_net_watch(engine, stream);
    note_deadline(engine, stream);
    move_events(engine, stream, now_ns);
}

static void close_recording(ms_stream *stream)
{
    if (stream->recording != NULL)
        ms_recording_close(stream->recording);
    stream->recording = NULL;
}

void ms_run_close_recordings(ms_engine *engine)
{
    const ms_order *order;
    while ((order = ms_ring_peek(&engine->orders)) != NULL) { /* given, and never begun */
        if (order->kind == MS_ORDER_RECORD)
            ms_recording_close(order->recording);
        ms_ring_drop(&engine->orders);
    }
    for (uint32_t i = 0; i < engine->config.capacity; i++)
        close_recording(&engine->pool[i]);
}

/* Nobody in its slot hears it any more. */
static void forget_in_slot(ms_engine *engine, const ms_stream *stream)
{
    ms_members *group = &engine->members[stream->ticks_in];
    for (uint32_t i = 0; i < group->count; i++)
        ms_mix_forget(&engine->pool[group->index[i]].mix, stream);
}

/* Nothing touches the core or the socket after this; REMOVED is posted where the stream leaves its slot. */
static void dismiss(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    if (ms_farewell(stream->core, now_ns, engine->packets) == 1)
        send(engine, stream, engine->packets, now_ns);
    if (!engine->config.manual)
        ms_net_forget(engine, stream);
    engine->deadline_ns[(uint32_t)stream->handle] = INT64_MAX;
    stream->leaving = true;
    close_recording(stream);
    forget_in_slot(engine, stream);
}

/* Connections that were just ended may still be fading out: here they end at once. */
static void move(ms_engine *engine, ms_stream *stream, uint32_t slot)
{
    uint32_t index = (uint32_t)stream->handle, stay = 0;
    ms_members *from = &engine->members[stream->ticks_in], *to = &engine->members[slot];
    forget_in_slot(engine, stream);
    stream->mix.count = 0;
    for (uint32_t i = 0; i < from->count; i++)
        if (from->index[i] != index)
            from->index[stay++] = from->index[i];
    from->count = stay;
    to->index[to->count++] = index;
    stream->ticks_in = slot;
}

static void obey(ms_engine *engine, ms_stream *stream, const ms_command *command, int64_t now_ns)
{
    engine->tally.commands++;
    int status = ms_apply(stream->core, command, now_ns);
    if (status < 0 && status != MS_E_STALE) /* what comes too late is in order */
        engine->tally.commands_refused++;
    publish_position(stream);
    publish_statistics(stream);
    note_deadline(engine, stream);
    move_events(engine, stream, now_ns);
}

static void connect(ms_engine *engine, ms_stream *listener, const ms_order *order)
{
    ms_stream *source = &engine->pool[order->connection.source];
    engine->tally.commands++;
    if (!ms_mix_connect(&listener->mix, listener, source, order->connection.what, order->connection.gain))
        engine->tally.commands_refused++;
}

static void control_recording(ms_stream *stream, const ms_record_control *control)
{
    if (stream->recording == NULL)
        return;
    stream->recording->pause = control->pause;
    stream->recording->masked = control->masked;
    if (control->stop)
        close_recording(stream);
}

static void take_order(ms_engine *engine, ms_stream *stream, const ms_order *order, int64_t now_ns)
{
    switch ((enum ms_order_kind)order->kind) {
    case MS_ORDER_ADD: welcome(engine, stream, now_ns); break;
    case MS_ORDER_REMOVE: dismiss(engine, stream, now_ns); break;
    case MS_ORDER_COMMAND: obey(engine, stream, &order->command, now_ns); break;
    case MS_ORDER_CONNECT: connect(engine, stream, order); break;
    case MS_ORDER_DISCONNECT:
        ms_mix_disconnect(&stream->mix, stream, &engine->pool[order->connection.source], order->connection.what);
        break;
    case MS_ORDER_BACKGROUND: ms_mix_background(&stream->mix, ms_say_hz(stream->core), &order->clip); break;
    case MS_ORDER_RECORD: stream->recording = order->recording; break;
    case MS_ORDER_RECORD_CONTROL: control_recording(stream, &order->control); break;
    case MS_ORDER_MOVE: move(engine, stream, order->slot); break;
    }
}

static void follow(ms_engine *engine, const ms_order *order, int64_t now_ns)
{
    ms_stream *stream = &engine->pool[(uint32_t)order->stream];
    if (order->kind == MS_ORDER_MOVE) { /* which slot it ticks in is no part of what a call that is repeated does */
        take_order(engine, stream, order, now_ns);
        return;
    }
    ms_moment_begins(engine, stream, &(ms_passing){.at_ns = now_ns, .kind = MS_OBEYED});
    take_order(engine, stream, order, now_ns);
    ms_moment_ends(engine);
}

static void take_orders(ms_engine *engine, int64_t now_ns)
{
    const ms_order *order;
    while ((order = ms_ring_peek(&engine->orders)) != NULL) {
        follow(engine, order, now_ns);
        ms_ring_drop(&engine->orders);
    }
}

/* ---- sound in and out ------------------------------------------------------------------------------------ */

static void hand_over(ms_engine *engine, ms_stream *stream, const uint8_t *packet, size_t n, const ms_address *from,
                      int64_t received_ns)
{
    ms_datagram datagram = {.stream = stream->handle, .received_ns = received_ns, .source = *from};
    datagram.n = (uint16_t)(n < sizeof datagram.data ? n : sizeof datagram.data);
    memcpy(datagram.data, packet, datagram.n);
    if (ms_hand_over(engine, stream, &datagram))
        engine->to_notify = true;
}

static void hear(ms_engine *engine, ms_stream *stream, const uint8_t *packet, size_t n, const ms_address *from,
                 int64_t received_ns)
{
    if (stream->takes_dtls && ms_is_dtls(packet, n)) {
        hand_over(engine, stream, packet, n, from, received_ns);
        return;
    }
    int status = ms_receive(stream->core, packet, n, from, received_ns);
    note_deadline(engine, stream);
    if (status == MS_URGENT)
        move_events(engine, stream, received_ns);
    if (atomic_load_explicit(&stream->wanted_ears, memory_order_relaxed) != 0)
        grant(engine, stream, &stream->wanted_ears, ms_ears_readable(stream->core), MS_EVENT_EARS, received_ns);
}

void ms_run_received(ms_engine *engine, ms_stream *stream, const uint8_t *packet, size_t n, const ms_address *from,
                     int64_t received_ns)
{
    engine->tally.packets_received++;
    ms_moment_begins(engine, stream, &(ms_passing){.data = packet, .n = n <= MS_MAX_PACKET ? n : MS_MAX_PACKET + 1,
                                                   .peer = from, .at_ns = received_ns, .kind = MS_RECEIVED});
    hear(engine, stream, packet, n, from, received_ns);
    ms_moment_ends(engine);
}

void ms_run_fault(ms_stream *stream, int32_t error)
{
    if (stream->fault_errno != 0)
        return;
    stream->fault_errno = error;
    stream->owed |= MS_OWED_FAULT;
}

static void meet_deadline(ms_engine *engine, ms_stream *stream, int64_t now_ns)
{
    ms_moment_begins(engine, stream, &(ms_passing){.at_ns = now_ns, .kind = MS_DEADLINE_MET});
    int status = ms_handle_deadline(stream->core, now_ns);
    note_deadline(engine, stream);
    if (status == MS_URGENT)
        move_events(engine, stream, now_ns);
    ms_moment_ends(engine);
}

static void meet_deadlines(ms_engine *engine, int64_t now_ns)
{
    for (uint32_t i = 0; i < engine->deadlines; i++)
        if (engine->deadline_ns[i] <= now_ns)
            meet_deadline(engine, &engine->pool[i], now_ns);
}

static void record(ms_stream *stream, int64_t due_ns)
{
    ms_core *core = stream->core;
    const int16_t *heard = ms_bridge_frame(core, due_ns, ms_say_hz(core));
    if (!ms_recording_put(stream->recording, heard, ms_sent(core), due_ns))
        close_recording(stream);
}

static void tick(ms_engine *engine, ms_stream *stream, int64_t due_ns, int64_t now_ns)
{
    engine->tally.ticks++;
    stream->due_ns = due_ns;
    ms_moment_begins(engine, stream, &(ms_passing){.at_ns = now_ns, .due_ns = due_ns, .kind = MS_TICKED});
    stream->datagrams = 0;
    if (now_ns - due_ns > MS_MAX_LATE_NS)
        engine->tally.late_ticks_skipped++;
    int count = ms_tick(stream->core, due_ns, now_ns, engine->packets, MS_PACKETS_A_TICK);
    for (int i = 0; i < count; i++)
        send(engine, stream, &engine->packets[i], now_ns);
    if (stream->recording != NULL)
        record(stream, due_ns);
    grant_wishes(engine, stream, now_ns);
    publish_position(stream);
    if (++stream->ticks % STATISTICS_TICKS == 0 || (engine->config.manual && !engine->again))
        publish_statistics(stream);
    note_deadline(engine, stream);
    move_events(engine, stream, now_ns);
    ms_moment_ends(engine);
}

/* One that has just come from another slot may have ticked less than 20 ms ago: it waits a round. */
static bool is_due(const ms_stream *stream, int64_t due_ns)
{
    return !stream->leaving && stream->due_ns <= due_ns - MS_FRAME_NS;
}

/* A stream that leaves is not looked at again once REMOVED is in the ring: its place may be another's by then. */
static void tick_members(ms_engine *engine, uint32_t slot, int64_t due_ns, int64_t now_ns)
{
    ms_members *members = &engine->members[slot];
    uint32_t stay = 0;
    for (uint32_t i = 0; i < members->count; i++)
        if (is_due(&engine->pool[members->index[i]], due_ns))
            ms_mix_gather(&engine->pool[members->index[i]], due_ns);
    for (uint32_t i = 0; i < members->count; i++) {
        ms_stream *stream = &engine->pool[members->index[i]];
        if (is_due(stream, due_ns))
            tick(engine, stream, due_ns, now_ns);
        else if (stream->leaving && post_own(engine, stream, MS_EVENT_REMOVED, 0, now_ns))
            continue;
        members->index[stay++] = members->index[i];
    }
    members->count = stay;
}

/* ---- once more ------------------------------------------------------------------------------------------- */

/* A moment of a call that was, in a call that repeats it: each does what it did, and with what it finds now. */
int ms_run_again(ms_engine *engine, ms_stream *stream, const ms_captured *moment)
{
    const ms_order *order;
    switch ((enum ms_moment)moment->kind) {
    case MS_RECEIVED:
        ms_run_received(engine, stream, moment->data, moment->n, &moment->peer, moment->at_ns);
        return MS_OK;
    case MS_OBEYED:
        if ((order = ms_ring_peek(&engine->orders)) == NULL)
            return MS_E_STATE;
        follow(engine, order, moment->at_ns);
        ms_ring_drop(&engine->orders);
        return MS_OK;
    case MS_DEADLINE_MET:
        meet_deadline(engine, stream, moment->at_ns);
        return MS_OK;
    case MS_TICKED:
        ms_mix_gather(stream, moment->due_ns);
        tick(engine, stream, moment->due_ns, moment->at_ns);
        return MS_OK;
    case MS_SENT:
        break;
    }
    return MS_E_ARGUMENT;
}

/* ---- the slot -------------------------------------------------------------------------------------------- */

static void note_lateness(ms_engine_statistics *tally, int64_t late_ns)
{
    double us = (double)late_ns / 1000;
    int bucket = us > 1 ? (int)(4 * log2(us)) : 0;
    tally->lateness[bucket < MS_HISTOGRAM ? bucket : MS_HISTOGRAM - 1]++;
    if (late_ns > tally->lateness_max_ns)
        tally->lateness_max_ns = late_ns;
}

void ms_run_publish_tally(ms_engine *engine)
{
    struct timespec used;
    if (!engine->config.manual && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0)
        engine->tally.cpu_ns = (uint64_t)used.tv_sec * MS_NS_PER_S + (uint64_t)used.tv_nsec;
    ms_publish(&engine->tally_sequence, engine->tally_words, &engine->tally, sizeof engine->tally);
}

/* The slot at engine->due_ns, which is not in the future; moves due_ns on to the next. */
void ms_run_slot(ms_engine *engine, int64_t now_ns)
{
    int64_t due_ns = engine->due_ns;
    uint32_t slot = (uint32_t)(due_ns / engine->slot_ns % engine->config.slots);
    note_lateness(&engine->tally, now_ns - due_ns);
    take_orders(engine, now_ns);
    if (engine->config.manual)
        ms_manual_receive(engine, now_ns);
    else
        ms_net_receive(engine, due_ns + engine->slot_ns / 2);
    meet_deadlines(engine, now_ns);
    tick_members(engine, slot, due_ns, now_ns);
    notify(engine, now_ns, false);
    if (slot == 0)
        ms_run_publish_tally(engine);
    engine->due_ns = due_ns + engine->slot_ns;
}
