/* The wire under sanitizers: two wires that call each other, streams that come and go, speech, hostile packets, and a
 * face that reads both logs while the threads write them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ms_wire.h"

#define STREAMS 24
#define ROUNDS 4
#define HOSTILE 400

static uint8_t speech[1000];

static int open_socket(ms_address *local) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    assert(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    *local = (ms_address){.family = 4, .port = ntohs(at.sin_port)};
    memcpy(local->ip, &at.sin_addr, 4);
    return fd;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * MS_NS_PER_S + t.tv_nsec;
}

static uint32_t add(ms_wire *wire, int fd, const ms_address *remote, uint16_t slot) {
    uint32_t stream = MS_WIRE_NONE;
    ms_wire_stream_config config = {.socket_fd = fd, .ssrc = (uint32_t)fd, .slot = slot, .remote = *remote,
                                    .bed = speech, .bed_octets = sizeof speech, .bed_start = 7};
    assert(ms_wire_add(wire, &config, &stream) == MS_OK);
    return stream;
}

static void send_rubbish(int fd, const ms_address *to) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&at.sin_addr, to->ip, 4);
    for (int i = 0; i < HOSTILE; i++) {
        uint8_t packet[2048];
        size_t n = (size_t)(rand() % (int)sizeof packet);
        for (size_t k = 0; k < n; k++) packet[k] = (uint8_t)rand();
        if (n && rand() % 2) packet[0] = (uint8_t)(0x80 | (packet[0] & 0x3f)); /* half of them pass for RTP */
        sendto(fd, packet, n, 0, (struct sockaddr *)&at, sizeof at);
    }
}

static uint64_t read_logs(ms_wire *wire) {
    static ms_wire_sent sent[256];
    static ms_wire_heard heard[256];
    uint64_t taken = ms_wire_take_sent(wire, sent, 256);
    uint32_t n = ms_wire_take_heard(wire, heard, 256);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t payload[MS_MAX_PACKET];
        assert(heard[i].at_ns > 0 && heard[i].octets <= MS_MAX_PACKET);
        assert(heard[i].level_centidb <= 0 && heard[i].level_centidb >= MS_WIRE_FLOOR_CENTIDB);
        if (heard[i].capture != MS_WIRE_NONE)
            assert(ms_wire_captured(wire, heard[i].capture, payload, heard[i].octets) == MS_OK);
    }
    return taken + n;
}

static void one_round(ms_wire *a, ms_wire *b) {
    int fds[2][STREAMS];
    uint32_t streams[2][STREAMS];
    ms_address locals[2][STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        for (int side = 0; side < 2; side++) fds[side][i] = open_socket(&locals[side][i]);
        streams[0][i] = add(a, fds[0][i], &locals[1][i], MS_WIRE_ANY_SLOT);
        streams[1][i] = add(b, fds[1][i], &locals[0][i], (uint16_t)(i % MS_WIRE_SLOTS));
        assert(ms_wire_say(a, streams[0][i], (uint32_t)i + 1, now_ns() + 20 * MS_NS_PER_MS, speech, 500) == MS_OK);
    }
    send_rubbish(fds[1][0], &locals[0][0]);
    uint64_t taken = 0;
    int64_t until_ns = now_ns() + 300 * MS_NS_PER_MS;
    ms_wire_statistics statistics;
    while (now_ns() < until_ns) {
        taken += read_logs(a) + read_logs(b);
        ms_wire_get_statistics(a, &statistics);
    }
    assert(taken > STREAMS * 10 && statistics.malformed > 0);
    for (int i = 0; i < STREAMS; i++) {
        assert(ms_wire_said(a, streams[0][i]) == 1);
        assert(ms_wire_remove(a, streams[0][i]) == MS_OK && ms_wire_remove(b, streams[1][i]) == MS_OK);
        assert(ms_wire_say(a, streams[0][i], 1, 0, speech, 1) == MS_E_STALE);
        close(fds[0][i]);
        close(fds[1][i]);
    }
}

static ms_wire *open_wire(void) {
    int status = 0;
    ms_wire_config config = {.capacity = STREAMS * MS_WIRE_SLOTS, .heard_records = 1024, .sent_records = 1024,
                             .capture_octets = 100000, .cpu = -1, .priority = 20};
    ms_wire *wire = ms_wire_new(&config, &status);
    assert(wire && status == MS_OK && ms_wire_start(wire) == MS_OK && ms_wire_start(wire) == MS_E_STATE);
    return wire;
}

int main(void) {
    srand(7);
    for (size_t i = 0; i < sizeof speech; i++) speech[i] = (uint8_t)rand();
    ms_wire *a = open_wire(), *b = open_wire();
    for (int round = 0; round < ROUNDS; round++) one_round(a, b);
    ms_wire_stall stalls[4];
    assert(ms_wire_stalls(a, stalls, 4) <= 4);
    ms_wire_stop(a);
    ms_wire_stop(a);
    ms_wire_free(a);
    ms_wire_free(b);
    ms_wire_free(NULL);
    puts("wire: ok");
    return 0;
}
