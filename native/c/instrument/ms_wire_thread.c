/* The threads of the wire: one that sends and receives, and the witnesses that tell the machine's stalls from ours. */
#define _GNU_SOURCE
#include "ms_wire_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define SLOT_NS (MS_FRAME_NS / MS_WIRE_SLOTS)
#define RTP_HEADER 12
#define READY_AT_ONCE 256

static double ulaw_power[256]; /* square of each mu-law value, full scale 1 */

__attribute__((constructor)) static void fill_ulaw_power(void) {
    for (int octet = 0; octet < 256; octet++) { /* ITU-T G.711: sign, exponent, mantissa, all inverted */
        int bits = ~octet & 0xff;
        int magnitude = (((bits & 0x0f) << 3) + 0x84) << (bits >> 4 & 7);
        double value = (magnitude - 0x84) / 32768.0;
        ulaw_power[octet] = value * value;
    }
}

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * MS_NS_PER_S + t.tv_nsec;
}

int64_t ms_wire_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static void sleep_until(int64_t at_ns) {
    struct timespec t = {.tv_sec = at_ns / MS_NS_PER_S, .tv_nsec = at_ns % MS_NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static bool become_fifo(int priority) {
    struct sched_param param = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0;
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

static void write_header(uint8_t *packet, wire_stream *s) {
    packet[0] = 0x80;
    packet[1] = s->config.coded ? s->config.payload_type : 0; /* no marker: a caller who is silent sends silence */
    uint16_t sequence = htons(s->sequence);
    uint32_t timestamp = htonl(s->timestamp), ssrc = htonl(s->config.ssrc);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
}

const uint8_t *ms_wire_next_coded(wire_stream *s) {
    const uint8_t *next = s->config.bed + s->bed_cursor;
    s->bed_cursor += 2 + ((uint32_t)next[0] << 8 | next[1]);
    if (s->bed_cursor == s->config.bed_octets) s->bed_cursor = 0;
    return next;
}

/* Returns octets of payload. */
static size_t lay_coded(wire_stream *s, uint8_t *payload) {
    const uint8_t *next = ms_wire_next_coded(s);
    size_t n = (size_t)next[0] << 8 | next[1];
    memcpy(payload, next + 2, n);
    return n;
}

static size_t lay_bed(wire_stream *s, uint8_t *payload) {
    if (s->config.coded) return lay_coded(s, payload);
    if (!s->config.bed) {
        memset(payload, 0xff, MS_WIRE_PAYLOAD);
        return MS_WIRE_PAYLOAD;
    }
    for (uint32_t i = 0; i < MS_WIRE_PAYLOAD; i++) {
        payload[i] = s->config.bed[s->bed_cursor];
        if (++s->bed_cursor == s->config.bed_octets) s->bed_cursor = 0;
    }
    return MS_WIRE_PAYLOAD;
}

/* Lays the next 20 ms of the utterance that is due over the payload, and notes it in the record. */
static void lay_utterance(wire_stream *s, int64_t due_ns, uint8_t *payload, ms_wire_sent *record) {
    uint32_t said = atomic_load_explicit(&s->said, memory_order_relaxed);
    if (said == atomic_load_explicit(&s->asked, memory_order_acquire)) return;
    const wire_utterance *u = &s->utterances[said % MS_WIRE_UTTERANCES];
    if (due_ns < u->at_ns) return;
    uint32_t left = u->n - s->cursor;
    uint32_t n = left < MS_WIRE_PAYLOAD ? left : MS_WIRE_PAYLOAD;
    memset(payload, 0xff, MS_WIRE_PAYLOAD);
    memcpy(payload, u->payload + s->cursor, n);
    record->utterance = u->number;
    record->offset = s->cursor;
    s->cursor += n;
    if (s->cursor == u->n) {
        s->cursor = 0;
        atomic_store_explicit(&s->said, said + 1, memory_order_release);
    }
}

static void log_sent(ms_wire *w, const ms_wire_sent *record) {
    uint32_t head = atomic_load_explicit(&w->sent_head, memory_order_relaxed);
    if (head - atomic_load_explicit(&w->sent_tail, memory_order_acquire) >= w->config.sent_records) {
        atomic_fetch_add(&w->sent_lost, 1);
        return;
    }
    w->sent[head & (w->config.sent_records - 1)] = *record;
    atomic_store_explicit(&w->sent_head, head + 1, memory_order_release);
}

static void send_frame(ms_wire *w, uint32_t index, int64_t due_ns) {
    wire_stream *s = &w->streams[index];
    uint8_t packet[MS_MAX_PACKET];
    ms_wire_sent record = {.stream = index, .due_ns = due_ns, .timestamp = s->timestamp, .sequence = s->sequence};
    write_header(packet, s);
    size_t size = RTP_HEADER + lay_bed(s, packet + RTP_HEADER);
    lay_utterance(s, due_ns, packet + RTP_HEADER, &record);
    record.at_ns = ms_wire_now_ns();
    ssize_t n = sendto(s->config.socket_fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                       (struct sockaddr *)&s->remote, sizeof s->remote);
    atomic_fetch_add(n == (ssize_t)size ? &w->packets_sent : &w->send_errors, 1);
    s->sequence++;
    s->timestamp += s->config.coded ? s->config.frame_ticks : MS_WIRE_PAYLOAD;
    log_sent(w, &record);
}

/* ---- hearing ------------------------------------------------------------------------------------------------ */

static int16_t level_centidb(const uint8_t *payload, size_t n) {
    double power = 0;
    for (size_t i = 0; i < n; i++) power += ulaw_power[payload[i]];
    if (!n || power <= 0) return MS_WIRE_FLOOR_CENTIDB;
    double level = 1000.0 * log10(power / (double)n);
    return level < MS_WIRE_FLOOR_CENTIDB ? MS_WIRE_FLOOR_CENTIDB : (int16_t)lround(level);
}

/* RFC 3550 5.1: where the payload lies behind CSRCs, extension and before padding; false when it is not RTP */
static bool find_payload(const uint8_t *packet, size_t size, size_t *start, size_t *n) {
    if (size < RTP_HEADER || packet[0] >> 6 != 2) return false;
    size_t at = RTP_HEADER + 4u * (packet[0] & 0x0f);
    if (packet[0] & 0x10) {
        if (size < at + 4) return false;
        at += 4 + 4u * ((size_t)packet[at + 2] << 8 | packet[at + 3]);
    }
    size_t padding = packet[0] & 0x20 ? packet[size - 1] : 0;
    if (at + padding > size || (packet[0] & 0x20 && !padding)) return false;
    *start = at;
    *n = size - at - padding;
    return true;
}

static uint32_t keep_payload(ms_wire *w, const uint8_t *payload, size_t n) {
    uint32_t at = atomic_load_explicit(&w->captured, memory_order_relaxed);
    if (n > w->config.capture_octets - at || !n) return MS_WIRE_NONE;
    memcpy(w->capture + at, payload, n);
    atomic_store_explicit(&w->captured, at + (uint32_t)n, memory_order_release);
    return at;
}

static void log_heard(ms_wire *w, uint32_t index, const uint8_t *packet, size_t size, int64_t at_ns) {
    size_t start, n;
    if (!find_payload(packet, size, &start, &n)) {
        atomic_fetch_add(&w->malformed, 1);
        return;
    }
    uint32_t head = atomic_load_explicit(&w->heard_head, memory_order_relaxed);
    if (head - atomic_load_explicit(&w->heard_tail, memory_order_acquire) >= w->config.heard_records) {
        atomic_fetch_add(&w->heard_lost, 1);
        return;
    }
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    memcpy(&sequence, packet + 2, 2);
    memcpy(&timestamp, packet + 4, 4);
    memcpy(&ssrc, packet + 8, 4);
    uint8_t payload_type = packet[1] & 0x7f;
    w->heard[head & (w->config.heard_records - 1)] = (ms_wire_heard){
        .at_ns = at_ns, .stream = index, .timestamp = ntohl(timestamp), .ssrc = ntohl(ssrc),
        .capture = keep_payload(w, packet + start, n), .sequence = ntohs(sequence), .octets = (uint16_t)n,
        .level_centidb = payload_type == 0 ? level_centidb(packet + start, n) : MS_WIRE_FLOOR_CENTIDB,
        .payload_type = payload_type, .marker = packet[1] >> 7,
    };
    atomic_store_explicit(&w->heard_head, head + 1, memory_order_release);
    atomic_fetch_add(&w->packets_heard, 1);
}

/* The kernel stamps arrivals with the date; without a stamp, now is the best that is known. */
static int64_t arrival_ns(struct msghdr *message, int64_t date_minus_monotonic_ns) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return t.tv_sec * MS_NS_PER_S + t.tv_nsec - date_minus_monotonic_ns;
        }
    return ms_wire_now_ns();
}

static void drain_socket(ms_wire *w, uint32_t index, int64_t date_minus_monotonic_ns) {
    wire_stream *s = &w->streams[index];
    for (;;) {
        uint8_t packet[MS_MAX_PACKET];
        uint8_t control[CMSG_SPACE(sizeof(struct timespec))];
        struct sockaddr_in from;
        struct iovec part = {.iov_base = packet, .iov_len = sizeof packet};
        struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
                                 .msg_control = control, .msg_controllen = sizeof control};
        ssize_t n = recvmsg(s->config.socket_fd, &message, MSG_DONTWAIT);
        if (n < 0) {
            if (errno == EAGAIN) return;
            atomic_fetch_add(&w->receive_errors, 1);
            if (errno == ECONNREFUSED || errno == EINTR) continue; /* ICMP: the peer's port closed; others may follow */
            return;
        }
        if (from.sin_addr.s_addr != s->remote.sin_addr.s_addr || from.sin_port != s->remote.sin_port)
            atomic_fetch_add(&w->foreign, 1);
        else
            log_heard(w, index, packet, (size_t)n, arrival_ns(&message, date_minus_monotonic_ns));
    }
}

static void drain(ms_wire *w) {
    struct epoll_event ready[READY_AT_ONCE];
    int n = epoll_wait(w->epoll_fd, ready, READY_AT_ONCE, 0);
    if (n <= 0) return;
    int64_t date_minus_monotonic_ns = clock_ns(CLOCK_REALTIME) - ms_wire_now_ns();
    for (int i = 0; i < n; i++) drain_socket(w, ready[i].data.u32, date_minus_monotonic_ns);
}

/* ---- the loop ----------------------------------------------------------------------------------------------- */

static void open_stream(ms_wire *w, uint32_t index) {
    wire_stream *s = &w->streams[index];
    struct epoll_event interest = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, s->config.socket_fd, &interest)) atomic_fetch_add(&w->receive_errors, 1);
    atomic_fetch_add(&w->live, 1);
    atomic_store_explicit(&s->state, WIRE_LIVE, memory_order_release);
}

static void close_stream(ms_wire *w, uint32_t index) {
    wire_stream *s = &w->streams[index];
    epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, s->config.socket_fd, NULL);
    atomic_fetch_sub(&w->live, 1);
    atomic_store_explicit(&s->state, WIRE_FREE, memory_order_release);
}

static void run_slot(ms_wire *w, uint32_t slot, int64_t due_ns) {
    for (uint32_t i = slot; i < w->config.capacity; i += MS_WIRE_SLOTS) {
        switch (atomic_load_explicit(&w->streams[i].state, memory_order_acquire)) {
        case WIRE_READY: open_stream(w, i); /* and it speaks at once */ __attribute__((fallthrough));
        case WIRE_LIVE: send_frame(w, i, due_ns); break;
        case WIRE_CLOSING: close_stream(w, i); break;
        default: break;
        }
    }
}

void *ms_wire_run(void *argument) {
    ms_wire *w = argument;
    if (w->config.cpu >= 0) pin(w->config.cpu);
    atomic_store(&w->wire_fifo, become_fifo(w->config.priority));
    int64_t due_ns = ms_wire_now_ns() + SLOT_NS;
    for (uint32_t slot = 0; atomic_load_explicit(&w->running, memory_order_relaxed); slot = (slot + 1) % MS_WIRE_SLOTS) {
        sleep_until(due_ns);
        int64_t late_ns = ms_wire_now_ns() - due_ns;
        if (late_ns > atomic_load(&w->late_max_ns)) atomic_store(&w->late_max_ns, late_ns);
        drain(w);
        run_slot(w, slot, due_ns);
        if (slot == 0) atomic_store(&w->cpu_ns, (uint64_t)clock_ns(CLOCK_THREAD_CPUTIME_ID));
        due_ns += SLOT_NS;
    }
    return NULL;
}

/* ---- witnesses ---------------------------------------------------------------------------------------------- */

static void note_stall(ms_wire *w, int64_t due_ns, int64_t woke_ns) {
    pthread_mutex_lock(&w->stall_lock);
    if (w->stall_count < MS_WIRE_STALLS) w->stalls[w->stall_count++] = (ms_wire_stall){due_ns, woke_ns};
    if (woke_ns - due_ns > w->stall_max_ns) w->stall_max_ns = woke_ns - due_ns;
    pthread_mutex_unlock(&w->stall_lock);
    atomic_fetch_add(&w->stalls_seen, 1);
}

void *ms_wire_witness_run(void *argument) {
    wire_witness *witness = argument;
    ms_wire *w = witness->wire;
    pin(witness->cpu);
    if (!become_fifo(MS_WIRE_WITNESS_PRIORITY)) atomic_fetch_add(&w->witnesses_without_fifo, 1);
    while (atomic_load_explicit(&w->running, memory_order_relaxed)) {
        int64_t due_ns = ms_wire_now_ns() + SLOT_NS;
        sleep_until(due_ns);
        int64_t woke_ns = ms_wire_now_ns();
        if (woke_ns - due_ns > MS_WIRE_STALL_NS) note_stall(w, due_ns, woke_ns);
    }
    return NULL;
}
