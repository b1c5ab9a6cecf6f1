/* The engine under a sanitizer: real threads, real sockets on loopback, everything at once.
 *
 * One thread plays Python: it adds and removes streams, plays, holds, flushes, reads, connects them with each other,
 * puts clips behind them, records them, takes events. Another plays the callers: it sends each stream a packet every few
 * milliseconds, some of them nonsense, to both of its sockets. The engine and the recorder run between them. What is checked besides the sanitizer's own findings: every flush is acknowledged, every stream that was
 * removed is given back, stale handles are refused, and stopping in the middle of it all ends. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ms_codec.h"
#include "ms_engine_state.h"

#define STREAMS 12
#define ROUNDS 6
#define ROUND_NS (700 * MS_NS_PER_MS)
#define RATE_HZ 8000
#ifdef __SANITIZE_THREAD__ /* all is ten times slower: faster than this the engine would only skip, and send nothing */
#define PACE_NS (40 * MS_NS_PER_MS)
#else
#define PACE_NS (5 * MS_NS_PER_MS)
#endif

#define REQUIRE(condition)                                                             \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
            exit(1);                                                                   \
        }                                                                              \
    } while (0)

typedef struct line { /* one stream, and the socket that calls it */
    ms_handle handle;
    int engine_fd, rtcp_fd, caller_fd;
    struct sockaddr_in engine_at, rtcp_at;
    uint32_t generation, hold, flushes_asked, flushes_answered, clip, recording;
    int record_fd;
} line;

typedef struct callers {
    line *lines;
    _Atomic bool over;
} callers;

static int udp_socket(struct sockaddr_in *bound)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    REQUIRE(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
    *bound = at;
    return fd;
}

/* Patience is counted in processor time: what a busy machine takes from us is no silence of the engine's. */
#define PATIENCE_NS (20 * MS_NS_PER_S)

static int64_t used_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * MS_NS_PER_S + used.tv_nsec;
}

static void nap(int64_t ns)
{
    struct timespec t = {.tv_nsec = ns};
    nanosleep(&t, NULL);
}

/* ---- the callers ----------------------------------------------------------------------------------------- */

static size_t make_packet(uint8_t *packet, uint32_t k)
{
    uint32_t timestamp = htonl(k * 160);
    uint16_t sequence = htons((uint16_t)k);
    memset(packet, 0xFF, 172);
    packet[0] = 0x80;
    packet[1] = 0;
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    for (int i = 12; i < 172; i++)
        packet[i] = (uint8_t)(k * 7 + (uint32_t)i * 31);
    return k % 17 == 0 ? k % 13 : 172; /* now and then one that is cut off */
}

static void *call(void *argument)
{
    callers *c = argument;
    uint8_t packet[MS_MAX_PACKET + 200] = {0}, heard[2048];
    for (uint32_t k = 0; !atomic_load(&c->over); k++) {
        for (int i = 0; i < STREAMS; i++) {
            size_t n = make_packet(packet, k);
            sendto(c->lines[i].caller_fd, packet, k % 101 == 0 ? sizeof packet : n, 0,
                   (struct sockaddr *)&c->lines[i].engine_at, sizeof c->lines[i].engine_at);
            if (k % 10 == 0) /* a receiver report, or something that looks like one */
                sendto(c->lines[i].caller_fd, packet, n % 40, 0, (struct sockaddr *)&c->lines[i].rtcp_at,
                       sizeof c->lines[i].rtcp_at);
            while (recv(c->lines[i].caller_fd, heard, sizeof heard, 0) > 0)
                ;
        }
        nap(PACE_NS);
    }
    return NULL;
}

/* ---- Python ---------------------------------------------------------------------------------------------- */

static ms_config config_of(const line *l, uint32_t k)
{
    struct sockaddr_in caller;
    socklen_t n = sizeof caller;
    getsockname(l->caller_fd, (struct sockaddr *)&caller, &n);
    ms_config config = {.say_hz = RATE_HZ, .hear_hz = RATE_HZ, .coding_count = 1, .aec = 1, .ns = 1, .vad = 1,
                        .telephone_event_type = 101, .lock_source = 1, .bridge = 1, .reorder_ms = 40, .playout_ms = 400,
                        .rewind_ms = 200, .ears_ms = 400, .media_timeout_ms = 300, .ssrc = k};
    config.codings[0].codec = config.codings[0].payload_type = k % 2 ? MS_PCMA : MS_PCMU;
    config.remote.family = 4;
    config.remote.port = ntohs(caller.sin_port);
    memcpy(config.remote.ip, &caller.sin_addr, 4);
    return config;
}

/* Those that write to a full disk must fail, and the others must not. */
static void recording_over(line *l, const ms_event *event)
{
    REQUIRE(l->recording == event->name);
    REQUIRE((event->reason == MS_RECORD_FAILED) == (event->code != 0));
    close(l->record_fd);
    l->record_fd = -1;
    l->recording = 0;
}

static uint64_t captured[MS_TICKED + 1]; /* moments, by kind */

static void take_events(ms_engine *engine, line *lines)
{
    static ms_captured packet;
    while (ms_engine_next_captured(engine, &packet))
        captured[packet.kind]++;
    ms_engine_event e;
    while (ms_engine_next_event(engine, &e)) {
        for (int i = 0; i < STREAMS; i++) {
            if (e.event.kind == MS_EVENT_RECORDING && lines[i].recording == e.event.name)
                recording_over(&lines[i], &e.event);
            if (lines[i].handle != e.stream)
                continue;
            if (e.event.kind == MS_EVENT_FLUSHED)
                lines[i].flushes_answered++;
            if (e.event.kind == MS_EVENT_REMOVED) {
                REQUIRE(ms_engine_reclaim(engine, e.stream) == MS_OK);
                REQUIRE(ms_engine_reclaim(engine, e.stream) == MS_E_STALE);
                lines[i].handle = 0;
            }
        }
    }
}

static void speak(ms_engine *engine, line *l, unsigned *seed)
{
    static int16_t pcm[RATE_HZ / 10];
    ms_arming arming = {.lease_ms = 50, .on_onset = (uint8_t)(rand_r(seed) % 3)};
    for (size_t i = 0; i < sizeof pcm / sizeof *pcm; i++)
        pcm[i] = (int16_t)(rand_r(seed) % 20000 - 10000);
    int taken = ms_engine_play(engine, l->handle, l->generation, &arming, pcm, RATE_HZ / 10);
    REQUIRE(taken >= 0 || taken == MS_E_STALE || taken == MS_E_STATE);
    ms_engine_want_room(engine, l->handle, 400);
}

static void listen_in(ms_engine *engine, line *l)
{
    int16_t pcm[640];
    ms_span span;
    ms_position position;
    ms_core_statistics statistics;
    int n;
    while ((n = ms_engine_read_ears(engine, l->handle, pcm, 640, &span)) > 0)
        REQUIRE((uint32_t)n == span.n);
    REQUIRE(ms_engine_want_ears(engine, l->handle, 320) == MS_OK);
    REQUIRE(ms_engine_position(engine, l->handle, &position) == MS_OK);
    REQUIRE(position.wire >= 0 && position.heard <= position.source);
    REQUIRE(ms_engine_stream_statistics(engine, l->handle, &statistics) == MS_OK);
}

static void command(ms_engine *engine, line *l, unsigned *seed)
{
    ms_command c = {.generation = l->generation, .hold = l->hold};
    switch (rand_r(seed) % 8) {
    case 0: c.op = MS_OP_HOLD; c.hold = ++l->hold; c.arg = 30; break;
    case 1: c.op = MS_OP_RELEASE; c.arg = rand_r(seed) % 2 ? -1 : 0; break;
    case 2: c.op = MS_OP_FLUSH; l->flushes_asked++; l->generation++; break;
    case 3: c.op = MS_OP_MARK; c.arg = rand_r(seed) % 4000; c.name = 1; break;
    case 4: c.op = MS_OP_SENDING; c.arg = rand_r(seed) % 4 != 0; break;
    case 5: c.op = MS_OP_HEARING; c.arg = rand_r(seed) % 4 != 0; break;
    case 6: c.op = MS_OP_DUCK; c.hold = ++l->hold; c.arg = 30; break;
    default: ms_engine_finish(engine, l->handle, l->generation); return;
    }
    REQUIRE(ms_engine_command(engine, l->handle, &c) == MS_OK);
}

/* Pairs share a group: only within one may anybody listen. */
static void listen_to_each_other(ms_engine *engine, line *lines, int i, unsigned *seed)
{
    ms_handle listener = lines[i].handle, source = lines[i ^ 1].handle, stranger = lines[(i + 2) % STREAMS].handle;
    enum ms_listen what = rand_r(seed) % 2 ? MS_LISTEN_SAID : MS_LISTEN_HEARD;
    REQUIRE(ms_engine_connect(engine, listener, stranger, what, 1) == MS_E_ARGUMENT);
    if (rand_r(seed) % 3 == 0)
        ms_engine_disconnect(engine, listener, source, what);
    else
        REQUIRE(ms_engine_connect(engine, listener, source, what, (float)(rand_r(seed) % 4) / 2) == MS_OK);
}

static void play_behind(ms_engine *engine, line *l, unsigned *seed)
{
    static const int16_t music[RATE_HZ] = {1000, -1000, 500};
    ms_clip clip = {.pcm = rand_r(seed) % 4 ? music : NULL, .samples = 1 + rand_r(seed) % RATE_HZ, .id = ++l->clip,
                    .gain = 0.5f, .fade_ms = (uint16_t)(5 + rand_r(seed) % 100), .loop = rand_r(seed) % 2};
    REQUIRE(ms_engine_background(engine, l->handle, &clip) == MS_OK);
}

static void record(ms_engine *engine, line *l, unsigned *seed)
{
    static uint32_t count;
    ms_record_control control = {.pause = (uint8_t)(rand_r(seed) % 3), .masked = (uint8_t)(rand_r(seed) % 4),
                                 .stop = rand_r(seed) % 8 == 0};
    if (l->recording != 0) {
        int status = ms_engine_record_control(engine, l->handle, l->recording, &control);
        REQUIRE(status == MS_OK);
        return;
    }
    char path[] = "/tmp/engine_main_XXXXXX";
    bool full = rand_r(seed) % 4 == 0;
    l->record_fd = full ? open("/dev/full", O_WRONLY) : mkstemp(path);
    REQUIRE(l->record_fd >= 0);
    if (!full)
        unlink(path);
    ms_record_config config = {.fd = l->record_fd, .id = ++count, .bit_rate = 32000,
                               .format = rand_r(seed) % 2 ? MS_RECORD_OPUS : MS_RECORD_WAV};
    REQUIRE(ms_engine_record(engine, l->handle, &config) == MS_OK);
    REQUIRE(ms_engine_record(engine, l->handle, &config) == MS_E_STATE);
    l->recording = count;
}

static ms_sockets sockets_of(const line *l) { return (ms_sockets){.rtp_fd = l->engine_fd, .rtcp_fd = l->rtcp_fd}; }

static void add_all(ms_engine *engine, line *lines, uint32_t round)
{
    for (uint32_t i = 0; i < STREAMS; i++) {
        ms_config config = config_of(&lines[i], round + i);
        lines[i].generation = 1;
        lines[i].hold = lines[i].flushes_asked = lines[i].flushes_answered = lines[i].clip = 0;
        REQUIRE(ms_engine_add(engine, &config, sockets_of(&lines[i]), i / 2, &lines[i].handle) == MS_OK);
        REQUIRE(ms_engine_capture(engine, lines[i].handle, i % 2 == 0) == MS_OK);
    }
    ms_handle none;
    ms_config config = config_of(&lines[0], 0);
    REQUIRE(ms_engine_add(engine, &config, sockets_of(&lines[0]), 0, &none) == MS_E_FULL);
}

static void give_up(const ms_engine *engine, int missing)
{
    ms_engine_statistics s;
    ms_engine_get_statistics(engine, &s);
    fprintf(stderr,
            "line %d got no answer: %lu wake-ups, %lu ticks, %lu skipped, %lu overruns, latest %lld ms, longest slot %lld ms\n",
            missing, s.wakeups, s.ticks, s.late_ticks_skipped, s.overruns, (long long)(s.lateness_max_ns / MS_NS_PER_MS),
            (long long)(s.slot_work_max_ns / MS_NS_PER_MS));
    exit(1);
}

static void wait_for_answers(ms_engine *engine, line *lines, bool (*answered)(const line *))
{
    int64_t patience_ns = used_ns() + PATIENCE_NS;
    for (int i = 0; i < STREAMS;) {
        take_events(engine, lines);
        if (used_ns() >= patience_ns)
            give_up(engine, i);
        if (answered(&lines[i]))
            i++;
        else
            nap(MS_NS_PER_MS);
    }
}

static bool flushes_are_answered(const line *l) { return l->flushes_answered == l->flushes_asked; }
static bool is_reclaimed(const line *l) { return l->handle == 0; }
static bool is_not_recorded(const line *l) { return l->recording == 0; }

static void stop_recordings(ms_engine *engine, line *lines)
{
    ms_record_control stop = {.stop = 1};
    for (int i = 0; i < STREAMS; i++)
        if (lines[i].recording != 0)
            REQUIRE(ms_engine_record_control(engine, lines[i].handle, lines[i].recording, &stop) == MS_OK);
    wait_for_answers(engine, lines, is_not_recorded);
}

static void remove_all(ms_engine *engine, line *lines)
{
    for (int i = 0; i < STREAMS; i++) {
        ms_handle handle = lines[i].handle;
        ms_position position;
        REQUIRE(ms_engine_remove(engine, handle) == MS_OK);
        REQUIRE(ms_engine_remove(engine, handle) == MS_E_STALE);
        REQUIRE(ms_engine_position(engine, handle, &position) == MS_E_STALE);
    }
    wait_for_answers(engine, lines, is_reclaimed);
}

static void live_round(ms_engine *engine, line *lines, uint32_t round)
{
    unsigned seed = round + 1;
    int64_t until_ns = ms_monotonic_ns() + ROUND_NS;
    add_all(engine, lines, round);
    while (ms_monotonic_ns() < until_ns) {
        struct pollfd wake = {.fd = ms_engine_eventfd(engine), .events = POLLIN};
        eventfd_t n;
        if (poll(&wake, 1, 5) > 0)
            eventfd_read(wake.fd, &n);
        take_events(engine, lines);
        for (int i = 0; i < STREAMS; i++) {
            speak(engine, &lines[i], &seed);
            listen_in(engine, &lines[i]);
            if (rand_r(&seed) % 8 == 0)
                command(engine, &lines[i], &seed);
            if (rand_r(&seed) % 8 == 0)
                listen_to_each_other(engine, lines, i, &seed);
            if (rand_r(&seed) % 16 == 0)
                play_behind(engine, &lines[i], &seed);
            if (rand_r(&seed) % 16 == 0)
                record(engine, &lines[i], &seed);
        }
    }
    wait_for_answers(engine, lines, flushes_are_answered);
}

/* A socket that is closed under the engine is that stream's fault, told once; the others do not notice. */
static void lose_a_socket(ms_engine *engine, line *lines)
{
    int64_t patience_ns = used_ns() + PATIENCE_NS;
    add_all(engine, lines, 0);
    syscall(SYS_close, lines[0].engine_fd); /* past the sanitizer, for the race with the engine is the point */
    for (int told = 0; told == 0;) {
        ms_engine_event e;
        REQUIRE(used_ns() < patience_ns);
        unsigned seed = 1;
        for (int i = 0; i < STREAMS; i++)
            speak(engine, &lines[i], &seed);
        while (ms_engine_next_event(engine, &e))
            if (e.event.kind == MS_EVENT_FAULT) {
                REQUIRE(e.stream == lines[0].handle);
                told++;
            }
        nap(MS_NS_PER_MS);
    }
    lines[0].engine_fd = udp_socket(&lines[0].engine_at);
}

int main(void)
{
    static line lines[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        struct sockaddr_in unused;
        lines[i].engine_fd = udp_socket(&lines[i].engine_at);
        lines[i].rtcp_fd = udp_socket(&lines[i].rtcp_at);
        lines[i].caller_fd = udp_socket(&unused);
    }
    int status;
    ms_engine_config config = {.capacity = STREAMS, .slots = 10, .policy = MS_POLICY_SLICE, .cpu = -1,
                               .priority = 40, .events = 256, .captured = 64};
    ms_engine *engine = ms_engine_new(&config, &status);
    REQUIRE(engine != NULL && ms_engine_start(engine) == MS_OK && ms_engine_start(engine) == MS_E_STATE);

    callers c = {.lines = lines};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, call, &c) == 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        live_round(engine, lines, round);
        if (round % 2 == 0)
            stop_recordings(engine, lines);
        remove_all(engine, lines);
        wait_for_answers(engine, lines, is_not_recorded); /* in the other rounds they end with their streams */
    }
    atomic_store(&c.over, true);
    pthread_join(thread, NULL);
    lose_a_socket(engine, lines);

    ms_engine_statistics statistics;
    ms_engine_get_statistics(engine, &statistics);
    REQUIRE(statistics.packets_received > 0 && statistics.packets_sent > 0 && statistics.streams == STREAMS);
    REQUIRE(captured[MS_RECEIVED] > 0 && captured[MS_SENT] > 0 && captured[MS_TICKED] > 0);
    ms_engine_stop(engine); /* with every stream live */
    ms_engine_stop(engine);
    ms_engine_free(engine);
    for (int i = 0; i < STREAMS; i++) {
        close(lines[i].engine_fd);
        close(lines[i].rtcp_fd);
        close(lines[i].caller_fd);
    }
    printf("engine: %llu ticks, %llu packets in, %llu out, %llu events\n", (unsigned long long)statistics.ticks,
           (unsigned long long)statistics.packets_received, (unsigned long long)statistics.packets_sent,
           (unsigned long long)statistics.events);
    return 0;
}
