/* The face of the wire: pool, rings, start and stop. The threads are in ms_wire_thread.c. */
#define _GNU_SOURCE
#include "ms_wire_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool power_of_two(uint32_t n) { return n && !(n & (n - 1)); }

static bool config_is_right(const ms_wire_config *c) {
    return c->capacity >= 1 && c->capacity <= MS_WIRE_MAX_STREAMS && power_of_two(c->heard_records)
        && power_of_two(c->sent_records) && c->priority >= 1 && c->priority <= 89;
}

ms_wire *ms_wire_new(const ms_wire_config *config, int *status) {
    *status = MS_E_ARGUMENT;
    if (!config_is_right(config)) return NULL;
    *status = MS_E_MEMORY;
    ms_wire *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->config = *config;
    pthread_mutex_init(&w->stall_lock, NULL);
    w->streams = calloc(config->capacity, sizeof *w->streams);
    w->sent = calloc(config->sent_records, sizeof *w->sent);
    w->heard = calloc(config->heard_records, sizeof *w->heard);
    w->capture = calloc(config->capture_octets ? config->capture_octets : 1, 1);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->streams && w->sent && w->heard && w->capture && w->epoll_fd >= 0) {
        *status = MS_OK;
        return w;
    }
    if (w->epoll_fd < 0) *status = MS_E_SYSTEM;
    ms_wire_free(w);
    return NULL;
}

void ms_wire_free(ms_wire *w) {
    if (!w) return;
    ms_wire_stop(w);
    if (w->epoll_fd >= 0) close(w->epoll_fd);
    pthread_mutex_destroy(&w->stall_lock);
    free(w->streams);
    free(w->sent);
    free(w->heard);
    free(w->capture);
    free(w);
}

static void start_witnesses(ms_wire *w) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
    for (int cpu = 0; cpu < CPU_SETSIZE && w->witness_count < MS_WIRE_MAX_WITNESSES; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        wire_witness *witness = &w->witnesses[w->witness_count];
        *witness = (wire_witness){.wire = w, .cpu = cpu};
        if (pthread_create(&witness->thread, NULL, ms_wire_witness_run, witness) == 0) w->witness_count++;
    }
}

int ms_wire_start(ms_wire *w) {
    if (w->started) return MS_E_STATE;
    atomic_store(&w->running, 1);
    errno = pthread_create(&w->thread, NULL, ms_wire_run, w);
    if (errno) return MS_E_SYSTEM;
    w->started = true;
    start_witnesses(w);
    return MS_OK;
}

void ms_wire_stop(ms_wire *w) {
    if (!w->started) return;
    atomic_store(&w->running, 0);
    pthread_join(w->thread, NULL);
    for (uint32_t i = 0; i < w->witness_count; i++) pthread_join(w->witnesses[i].thread, NULL);
    w->witness_count = 0;
    w->started = false;
}

static int stamp_arrivals(int socket_fd) {
    int on = 1;
    return setsockopt(socket_fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) ? MS_E_SYSTEM : MS_OK;
}

static wire_stream *take_free(ms_wire *w, uint32_t slot, uint32_t *index) {
    uint32_t step = slot == MS_WIRE_ANY_SLOT ? 1 : MS_WIRE_SLOTS;
    for (uint32_t i = slot == MS_WIRE_ANY_SLOT ? 0 : slot; i < w->config.capacity; i += step)
        if (atomic_load_explicit(&w->streams[i].state, memory_order_acquire) == WIRE_FREE) {
            *index = i;
            return &w->streams[i];
        }
    return NULL;
}

static bool is_whole_packets(const ms_wire_stream_config *config) {
    if (!config->bed || config->payload_type > 127) return false;
    uint32_t at = 0;
    while (at + 2 <= config->bed_octets) {
        uint32_t n = (uint32_t)config->bed[at] << 8 | config->bed[at + 1];
        if (n == 0 || n > MS_MAX_PAYLOAD) return false;
        at += 2 + n;
    }
    return at == config->bed_octets;
}

int ms_wire_add(ms_wire *w, const ms_wire_stream_config *config, uint32_t *index) {
    if (config->remote.family != 4 || !config->remote.port || config->socket_fd < 0) return MS_E_ARGUMENT;
    if (config->bed && !config->bed_octets) return MS_E_ARGUMENT;
    if (config->coded && !is_whole_packets(config)) return MS_E_ARGUMENT;
    if (config->slot >= MS_WIRE_SLOTS && config->slot != MS_WIRE_ANY_SLOT) return MS_E_ARGUMENT;
    wire_stream *s = take_free(w, config->slot, index);
    if (!s) return MS_E_FULL;
    if (stamp_arrivals(config->socket_fd)) return MS_E_SYSTEM;
    s->config = *config;
    s->remote = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(config->remote.port)};
    memcpy(&s->remote.sin_addr, config->remote.ip, 4);
    s->sequence = config->first_sequence;
    s->timestamp = config->first_timestamp;
    s->bed_cursor = config->bed && !config->coded ? config->bed_start % config->bed_octets : 0;
    for (uint32_t i = 0; config->coded && i < config->bed_start; i++) ms_wire_next_coded(s);
    s->cursor = 0;
    atomic_store(&s->asked, 0);
    atomic_store(&s->said, 0);
    atomic_store_explicit(&s->state, WIRE_READY, memory_order_release);
    return MS_OK;
}

static wire_stream *find(const ms_wire *w, uint32_t stream) {
    if (stream >= w->config.capacity) return NULL;
    wire_stream *s = &w->streams[stream];
    int state = atomic_load_explicit(&s->state, memory_order_acquire);
    return state == WIRE_READY || state == WIRE_LIVE ? s : NULL;
}

int ms_wire_remove(ms_wire *w, uint32_t stream) {
    wire_stream *s = find(w, stream);
    if (!s) return MS_E_STALE;
    if (!w->started) {  /* no thread is looking; epoll forgets the socket when it is closed */
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, s->config.socket_fd, NULL);
        atomic_store(&s->state, WIRE_FREE);
        return MS_OK;
    }
    for (int tries = 0; tries < 1000; tries++) {
        int live = WIRE_LIVE;  /* READY becomes LIVE within 20 ms; only then can it close */
        atomic_compare_exchange_strong(&s->state, &live, WIRE_CLOSING);
        if (live == WIRE_FREE) return MS_OK;
        nanosleep(&(struct timespec){.tv_nsec = MS_NS_PER_MS}, NULL);
    }
    return MS_E_STATE;
}

int ms_wire_say(ms_wire *w, uint32_t stream, uint32_t utterance, int64_t at_ns, const uint8_t *payload, uint32_t n) {
    if (!payload || !n || !utterance) return MS_E_ARGUMENT;
    wire_stream *s = find(w, stream);
    if (!s) return MS_E_STALE;
    if (s->config.coded) return MS_E_STATE;
    uint32_t asked = atomic_load_explicit(&s->asked, memory_order_relaxed);
    if (asked - atomic_load_explicit(&s->said, memory_order_acquire) >= MS_WIRE_UTTERANCES) return MS_E_FULL;
    s->utterances[asked % MS_WIRE_UTTERANCES] =
        (wire_utterance){.at_ns = at_ns, .payload = payload, .n = n, .number = utterance};
    atomic_store_explicit(&s->asked, asked + 1, memory_order_release);
    return MS_OK;
}

uint32_t ms_wire_said(const ms_wire *w, uint32_t stream) {
    return stream < w->config.capacity ? atomic_load_explicit(&w->streams[stream].said, memory_order_acquire) : 0;
}

uint32_t ms_wire_sent_readable(const ms_wire *w) {
    return atomic_load_explicit(&w->sent_head, memory_order_acquire) - atomic_load(&w->sent_tail);
}

uint32_t ms_wire_heard_readable(const ms_wire *w) {
    return atomic_load_explicit(&w->heard_head, memory_order_acquire) - atomic_load(&w->heard_tail);
}

uint32_t ms_wire_take_sent(ms_wire *w, ms_wire_sent *out, uint32_t capacity) {
    uint32_t n = ms_wire_sent_readable(w), tail = atomic_load(&w->sent_tail);
    if (n > capacity) n = capacity;
    for (uint32_t i = 0; i < n; i++) out[i] = w->sent[(tail + i) & (w->config.sent_records - 1)];
    atomic_store_explicit(&w->sent_tail, tail + n, memory_order_release);
    return n;
}

uint32_t ms_wire_take_heard(ms_wire *w, ms_wire_heard *out, uint32_t capacity) {
    uint32_t n = ms_wire_heard_readable(w), tail = atomic_load(&w->heard_tail);
    if (n > capacity) n = capacity;
    for (uint32_t i = 0; i < n; i++) out[i] = w->heard[(tail + i) & (w->config.heard_records - 1)];
    atomic_store_explicit(&w->heard_tail, tail + n, memory_order_release);
    return n;
}

int ms_wire_captured(const ms_wire *w, uint32_t capture, uint8_t *out, uint32_t n) {
    uint32_t captured = atomic_load_explicit(&w->captured, memory_order_acquire);
    if (capture > captured || n > captured - capture) return MS_E_ARGUMENT;
    memcpy(out, w->capture + capture, n);
    return MS_OK;
}

uint32_t ms_wire_stalls(const ms_wire *w, ms_wire_stall *out, uint32_t capacity) {
    pthread_mutex_lock((pthread_mutex_t *)&w->stall_lock);
    uint32_t n = w->stall_count < capacity ? w->stall_count : capacity;
    memcpy(out, w->stalls, n * sizeof *out);
    pthread_mutex_unlock((pthread_mutex_t *)&w->stall_lock);
    return n;
}

void ms_wire_get_statistics(const ms_wire *w, ms_wire_statistics *out) {
    *out = (ms_wire_statistics){
        .sent = atomic_load(&w->packets_sent), .heard = atomic_load(&w->packets_heard),
        .malformed = atomic_load(&w->malformed), .foreign = atomic_load(&w->foreign),
        .send_errors = atomic_load(&w->send_errors), .receive_errors = atomic_load(&w->receive_errors),
        .sent_lost = atomic_load(&w->sent_lost), .heard_lost = atomic_load(&w->heard_lost),
        .stalls = atomic_load(&w->stalls_seen), .late_max_ns = atomic_load(&w->late_max_ns),
        .cpu_ns = atomic_load(&w->cpu_ns), .streams = atomic_load(&w->live),
        .wire_fifo = (uint8_t)atomic_load(&w->wire_fifo),
        .witness_fifo = (uint8_t)(w->witness_count > 0 && atomic_load(&w->witnesses_without_fifo) == 0),
    };
    pthread_mutex_lock((pthread_mutex_t *)&w->stall_lock);
    out->stall_max_ns = w->stall_max_ns;
    pthread_mutex_unlock((pthread_mutex_t *)&w->stall_lock);
}
