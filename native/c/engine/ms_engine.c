/* The border's side of the engine: the pool and its handles, orders in, events out. See ms_engine.h.
 *
 * Room for the orders that matter most is set aside: a pool of N streams can have at most N ADDs and N REMOVEs on
 * their way, and commands leave that much of the ring alone. So a stream can always be added and removed, however
 * many commands are queued. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ms_engine_state.h"

enum { KEPT_CORES = 16 };

int64_t ms_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_NS_PER_S + now.tv_nsec;
}

/* ---- life of the engine ---------------------------------------------------------------------------------- */

static bool config_is_right(const ms_engine_config *config)
{
    return config->capacity >= 1 && config->capacity <= MS_MAX_CAPACITY && config->slots >= 1 &&
           config->slots <= MS_MAX_SLOTS && MS_FRAME_MS % config->slots == 0 && config->manual <= 1 &&
           config->policy <= MS_POLICY_BEST && config->priority >= 1 && config->priority <= 90 &&
           config->commands <= 1u << 20 && config->events <= 1u << 20 && config->captured <= 1u << 16;
}

static int allocate(ms_engine *engine)
{
    uint32_t capacity = engine->config.capacity;
    engine->pool = calloc(capacity, sizeof *engine->pool);
    engine->deadline_ns = malloc(capacity * sizeof *engine->deadline_ns);
    if (engine->pool == NULL || engine->deadline_ns == NULL)
        return MS_E_MEMORY;
    for (uint32_t i = 0; i < capacity; i++) {
        engine->pool[i].generation = 1;
        engine->pool[i].socket_fd[MS_CHANNEL_RTP] = engine->pool[i].socket_fd[MS_CHANNEL_RTCP] = -1;
        engine->deadline_ns[i] = INT64_MAX;
    }
    for (uint32_t slot = 0; slot < engine->config.slots; slot++) {
        engine->members[slot].index = calloc(capacity, sizeof *engine->members[slot].index);
        if (engine->members[slot].index == NULL)
            return MS_E_MEMORY;
    }
    int status = ms_ring_init(&engine->orders, engine->ordinary_orders + 2 * capacity, sizeof(ms_order));
    if (status == MS_OK)
        status = ms_ring_init(&engine->events, engine->config.events, sizeof(ms_engine_event));
    if (status == MS_OK)
        status = ms_ring_init(&engine->datagrams, MS_DATAGRAMS, sizeof(ms_datagram));
    if (status == MS_OK && engine->config.captured > 0)
        status = ms_ring_init(&engine->captured, engine->config.captured, sizeof(ms_captured));
    if (status == MS_OK && engine->config.manual)
        status = ms_ring_init(&engine->inbox, 256 + 4 * capacity, sizeof(ms_datagram));
    if (status == MS_OK && engine->config.manual)
        status = ms_ring_init(&engine->outbox, 256 + 16 * capacity, sizeof(ms_out));
    return status;
}

static int open_descriptors(ms_engine *engine)
{
    if (engine->config.manual)
        return MS_OK;
    engine->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return engine->event_fd < 0 ? MS_E_SYSTEM : ms_net_open(engine);
}

ms_engine *ms_engine_new(const ms_engine_config *config, int *status)
{
    *status = MS_E_ARGUMENT;
    if (!config_is_right(config))
        return NULL;
    *status = MS_E_MEMORY;
    ms_engine *engine = aligned_alloc(MS_CACHE_LINE, sizeof *engine);
    if (engine == NULL)
        return NULL;
    memset(engine, 0, sizeof *engine);
    engine->config = *config;
    if (engine->config.events == 0)
        engine->config.events = MS_DEFAULT_EVENTS;
    engine->ordinary_orders = config->commands != 0 ? config->commands : MS_DEFAULT_ORDERS;
    engine->slot_ns = MS_FRAME_NS / config->slots;
    engine->due_ns = -1;
    engine->event_fd = engine->epoll_fd = -1;
    atomic_init(&engine->policy, MS_POLICY_NORMAL);
    sem_init(&engine->begun, 0, 0);
    *status = allocate(engine);
    if (*status == MS_OK)
        *status = open_descriptors(engine);
    if (*status == MS_OK)
        *status = ms_recorder_init(&engine->recorder, config->capacity, engine->event_fd);
    if (*status != MS_OK) {
        int error = errno;
        ms_engine_free(engine);
        errno = error;
        return NULL;
    }
    return engine;
}

static void free_core(ms_stream *stream)
{
    if (stream->core != NULL)
        munmap(stream->core, stream->memory_bytes);
    stream->core = NULL;
    stream->memory_bytes = 0;
}

static void free_said(ms_stream *stream)
{
    for (int i = 0; i < MS_RATES; i++) {
        free(stream->said_at[i]);
        stream->said_at[i] = NULL;
    }
}

void ms_engine_free(ms_engine *engine)
{
    if (engine == NULL)
        return;
    ms_engine_stop(engine);
    for (uint32_t i = 0; engine->pool != NULL && i < engine->config.capacity; i++) {
        if (engine->pool[i].life != MS_LIFE_FREE)
            ms_release(engine->pool[i].core);
        free_said(&engine->pool[i]);
        free_core(&engine->pool[i]);
    }
    ms_recorder_free(&engine->recorder);
    ms_net_close(engine);
    if (engine->event_fd >= 0)
        close(engine->event_fd);
    for (uint32_t slot = 0; slot < MS_MAX_SLOTS; slot++)
        free(engine->members[slot].index);
    ms_ring_release(&engine->orders);
    ms_ring_release(&engine->events);
    ms_ring_release(&engine->datagrams);
    ms_ring_release(&engine->captured);
    ms_ring_release(&engine->inbox);
    ms_ring_release(&engine->outbox);
    sem_destroy(&engine->begun);
    free(engine->deadline_ns);
    free(engine->pool);
    free(engine);
}

int ms_engine_eventfd(const ms_engine *engine) { return engine->event_fd; }

/* ---- the pool -------------------------------------------------------------------------------------------- */

ms_stream *ms_live_stream(ms_engine *engine, ms_handle handle)
{
    uint32_t index = (uint32_t)handle;
    if (index >= engine->config.capacity)
        return NULL;
    ms_stream *stream = &engine->pool[index];
    return stream->generation == (uint32_t)(handle >> 32) && stream->life == MS_LIFE_LIVE ? stream : NULL;
}

static ms_stream *free_stream(ms_engine *engine)
{
    for (uint32_t i = 0; i < engine->config.capacity; i++)
        if (engine->pool[i].life == MS_LIFE_FREE)
            return &engine->pool[i];
    return NULL;
}

/* Streams of one call meet in one slot, so that what passes between them waits for nobody. */
static uint32_t slot_for(const ms_engine *engine, uint32_t group)
{
    for (uint32_t i = 0; i < engine->config.capacity; i++)
        if (engine->pool[i].life != MS_LIFE_FREE && engine->pool[i].group == group)
            return engine->pool[i].slot;
    uint32_t least = 0;
    for (uint32_t slot = 1; slot < engine->config.slots; slot++)
        if (engine->slot_load[slot] < engine->slot_load[least])
            least = slot;
    return least;
}

/* splitmix64: neighbouring streams get seeds that have nothing in common */
static uint64_t seed_of(const ms_engine *engine, ms_handle handle)
{
    uint64_t z = engine->config.seed + handle * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* Mapped, not of the heap: what a crowd of calls took is the system's again when they have gone. Fresh pages cost four
 * times what the rest of a beginning does, so the first places, which are always taken first, keep theirs. */
static int make_core(const ms_engine *engine, ms_stream *stream, const ms_config *config)
{
    size_t bytes = ms_size(config);
    if (bytes == 0)
        return MS_E_ARGUMENT;
    if (bytes > stream->memory_bytes) {
        free_core(stream);
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return MS_E_MEMORY;
        stream->core = memory;
        stream->memory_bytes = bytes;
    }
    return ms_init(stream->core, stream->memory_bytes, config, seed_of(engine, stream->handle));
}

static void leave_core(const ms_engine *engine, ms_stream *stream)
{
    ms_release(stream->core);
    if (stream - engine->pool >= KEPT_CORES)
        free_core(stream);
}

static void reset_published(ms_stream *stream)
{
    ms_position position;
    ms_core_statistics statistics;
    ms_position_now(stream->core, &position);
    ms_core_get_statistics(stream->core, &statistics);
    ms_publish(&stream->position_sequence, stream->position_words, &position, sizeof position);
    ms_publish(&stream->statistics_sequence, stream->statistics_words, &statistics, sizeof statistics);
}

static int prepare_sockets(const ms_engine *engine, ms_sockets sockets)
{
    if (engine->config.manual)
        return sockets.rtp_fd < 0 && sockets.rtcp_fd < 0 ? MS_OK : MS_E_ARGUMENT;
    if (sockets.rtp_fd < 0)
        return MS_E_ARGUMENT;
    int status = ms_net_prepare(sockets.rtp_fd);
    return status == MS_OK && sockets.rtcp_fd >= 0 ? ms_net_prepare(sockets.rtcp_fd) : status;
}

/* Everything that is not memory of the core; its place is of nobody yet. */
static void reset_stream(ms_stream *stream, ms_sockets sockets)
{
    stream->socket_fd[MS_CHANNEL_RTP] = sockets.rtp_fd;
    stream->socket_fd[MS_CHANNEL_RTCP] = sockets.rtcp_fd;
    stream->owed = 0;
    stream->leaving = false;
    stream->is_crowded = false;
    stream->received_ns = 0;
    stream->fault_errno = 0;
    stream->link_count = stream->recording_id = 0;
    stream->recording = NULL;
    ms_mix_init(&stream->mix);
    stream->ticks = 0;
    stream->due_ns = INT64_MIN;
    atomic_store_explicit(&stream->is_captured, sockets.captured, memory_order_relaxed);
    atomic_store_explicit(&stream->wanted_room, 0, memory_order_relaxed);
    atomic_store_explicit(&stream->wanted_ears, 0, memory_order_relaxed);
    reset_published(stream);
}

int ms_engine_add(ms_engine *engine, const ms_config *config, ms_sockets sockets, uint32_t group, ms_handle *out)
{
    ms_stream *stream = free_stream(engine);
    if (stream == NULL)
        return MS_E_FULL;
    int status = sockets.captured && engine->captured.items == NULL ? MS_E_STATE : prepare_sockets(engine, sockets);
    if (status != MS_OK)
        return status;
    stream->handle = (ms_handle)stream->generation << 32 | (uint32_t)(stream - engine->pool);
    status = make_core(engine, stream, config);
    if (status != MS_OK)
        return status;
    stream->slot = stream->ticks_in = slot_for(engine, group);
    stream->group = group;
    stream->has_bridge = config->bridge;
    stream->takes_dtls = config->keying == MS_KEYING_DTLS;
    reset_stream(stream, sockets);
    ms_order order = {.stream = stream->handle, .kind = MS_ORDER_ADD};
    ms_ring_push(&engine->orders, &order);
    stream->life = MS_LIFE_LIVE;
    engine->streams++;
    engine->slot_load[stream->slot]++;
    *out = stream->handle;
    return MS_OK;
}

int ms_engine_move(ms_engine *engine, ms_handle handle, uint32_t group)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    if (ms_is_linked(engine, stream))
        return MS_E_STATE;
    ms_order order = {.stream = handle, .kind = MS_ORDER_MOVE, .slot = slot_for(engine, group)};
    int status = ms_give_order(engine, &order);
    if (status != MS_OK)
        return status;
    engine->slot_load[stream->slot]--;
    engine->slot_load[order.slot]++;
    stream->slot = order.slot;
    stream->group = group;
    return MS_OK;
}

int ms_engine_remove(ms_engine *engine, ms_handle handle)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    ms_order order = {.stream = handle, .kind = MS_ORDER_REMOVE};
    ms_ring_push(&engine->orders, &order);
    ms_links_forget(engine, stream);
    stream->life = MS_LIFE_REMOVING;
    return MS_OK;
}

int ms_engine_reclaim(ms_engine *engine, ms_handle handle)
{
    uint32_t index = (uint32_t)handle;
    if (index >= engine->config.capacity || engine->pool[index].generation != (uint32_t)(handle >> 32) ||
        engine->pool[index].life == MS_LIFE_FREE)
        return MS_E_STALE;
    ms_stream *stream = &engine->pool[index];
    if (stream->life != MS_LIFE_REMOVED)
        return MS_E_STATE;
    leave_core(engine, stream);
    free_said(stream);
    stream->life = MS_LIFE_FREE;
    stream->generation = stream->generation == UINT32_MAX ? 1 : stream->generation + 1;
    engine->streams--;
    engine->slot_load[stream->slot]--;
    return MS_OK;
}

/* ---- orders in ------------------------------------------------------------------------------------------- */

int ms_give_order(ms_engine *engine, const ms_order *order)
{
    uint32_t reserved = engine->orders.capacity - engine->ordinary_orders;
    if (ms_ring_room(&engine->orders) <= reserved)
        return MS_E_FULL;
    return ms_ring_push(&engine->orders, order) ? MS_OK : MS_E_FULL;
}

int ms_engine_command(ms_engine *engine, ms_handle handle, const ms_command *command)
{
    if (ms_live_stream(engine, handle) == NULL)
        return MS_E_STALE;
    ms_order order = {.stream = handle, .kind = MS_ORDER_COMMAND, .command = *command};
    return ms_give_order(engine, &order);
}

int ms_engine_set_keys(ms_engine *engine, ms_handle handle, const ms_srtp_keys *keys)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    int status = ms_offer_keys(stream->core, keys);
    ms_command command = {.op = MS_OP_KEYS};
    return status == MS_OK ? ms_engine_command(engine, handle, &command) : status;
}

int ms_engine_play(ms_engine *engine, ms_handle handle, uint32_t generation, const ms_arming *arming,
                   const int16_t *pcm, uint32_t n)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    return stream == NULL ? MS_E_STALE : ms_play(stream->core, generation, arming, pcm, n);
}

int ms_engine_finish(ms_engine *engine, ms_handle handle, uint32_t generation)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    return stream == NULL ? MS_E_STALE : ms_finish(stream->core, generation);
}

int ms_engine_want_room(ms_engine *engine, ms_handle handle, uint32_t samples)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    atomic_store_explicit(&stream->wanted_room, samples, memory_order_relaxed);
    return MS_OK;
}

/* ---- answers out ----------------------------------------------------------------------------------------- */

int ms_engine_read_ears(ms_engine *engine, ms_handle handle, int16_t *pcm, int capacity, ms_span *span)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    return stream == NULL ? MS_E_STALE : ms_read_ears(stream->core, pcm, capacity, span);
}

int ms_engine_ears_readable(ms_engine *engine, ms_handle handle)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    return stream == NULL ? MS_E_STALE : (int)ms_ears_readable(stream->core);
}

int ms_engine_want_ears(ms_engine *engine, ms_handle handle, uint32_t samples)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    atomic_store_explicit(&stream->wanted_ears, samples, memory_order_relaxed);
    return MS_OK;
}

int ms_engine_next_event(ms_engine *engine, ms_engine_event *out)
{
    if (!ms_ring_pop(&engine->events, out))
        return ms_recording_over(engine, out);
    if (out->event.kind == MS_EVENT_REMOVED)
        engine->pool[(uint32_t)out->stream].life = MS_LIFE_REMOVED;
    return 1;
}

int ms_engine_position(ms_engine *engine, ms_handle handle, ms_position *out)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    ms_read_published(&stream->position_sequence, stream->position_words, out, sizeof *out);
    return MS_OK;
}

int ms_engine_stream_statistics(ms_engine *engine, ms_handle handle, ms_core_statistics *out)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    ms_read_published(&stream->statistics_sequence, stream->statistics_words, out, sizeof *out);
    return MS_OK;
}

void ms_engine_get_statistics(const ms_engine *engine, ms_engine_statistics *out)
{
    ms_engine *shared = (ms_engine *)engine; /* reading a seqlock writes nothing, but C's atomic loads want it so */
    ms_read_published(&shared->tally_sequence, shared->tally_words, out, sizeof *out);
    out->machine_stalls = atomic_load_explicit(&shared->witness.stalls, memory_order_relaxed);
    out->machine_stall_max_ns = atomic_load_explicit(&shared->witness.stall_max_ns, memory_order_relaxed);
    out->streams = engine->streams;
    out->capacity = engine->config.capacity;
    out->policy = (uint8_t)atomic_load_explicit(&shared->policy, memory_order_relaxed);
    out->cpu = engine->config.cpu;
}

size_t ms_engine_bytes_per_stream(const ms_config *config)
{
    size_t core = ms_size(config);
    size_t playout = (size_t)config->say_hz / 1000 * config->playout_ms * sizeof(int16_t);
    if (core == 0)
        return 0;
    size_t keys = config->srtp.profile == MS_SRTP_NONE ? 0 : ms_srtp_bytes();
    return sizeof(ms_stream) + core + keys - (playout < core ? playout : 0);
}
