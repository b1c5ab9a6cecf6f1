/* Sockets: non-blocking UDP, watched by one epoll; a stream has one, or a second for RTCP where the two are not
 * multiplexed (RFC 5761). What comes by either goes to the core, which tells RTP from RTCP itself. Belongs to the
 * engine thread.
 *
 * A packet's time is the kernel's (SO_TIMESTAMPNS), moved from the wall clock to the monotonic one by the
 * difference between the two now; where that is not to be believed, it is the time of reading.
 *
 * A socket gives at most so many packets a slot, or a flood on one call would starve the others. The rest waits in
 * the kernel, whose buffer is the bound. An error that ICMP brought is counted and forgotten: the other side may
 * not be there yet. A socket that is none any more is a fault of the stream. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ms_engine_state.h"

#define BATCH 8             /* packets a system call */
#define BATCHES_A_SLOT 4    /* for one socket: 32 packets in 2 ms */
#define READY_AT_ONCE 32    /* sockets that one system call tells of */
#define CROWDED_NS (10 * MS_NS_PER_MS) /* a packet that comes so soon after the last may not be alone */
#define OLDEST_NS (2 * MS_NS_PER_S) /* a kernel time stamp further back is not believed */

typedef struct ms_net {
    struct epoll_event ready[READY_AT_ONCE];
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage from[BATCH];
    uint8_t data[BATCH][MS_MAX_PACKET + 1]; /* one more: what is too long is seen to be */
    uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
    int64_t wall_to_monotonic_ns, now_ns;
} ms_net;

/* ---- addresses ------------------------------------------------------------------------------------------- */

static ms_address address_of(const struct sockaddr_storage *from)
{
    ms_address address = {0};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        memcpy(address.ip, &v4->sin_addr, 4);
        address.port = ntohs(v4->sin_port);
        address.family = 4;
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        memcpy(address.ip, &v6->sin6_addr, 16);
        address.port = ntohs(v6->sin6_port);
        address.family = 6;
    }
    return address;
}

static socklen_t sockaddr_of(const ms_address *address, struct sockaddr_storage *to)
{
    if (address->family == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&v4->sin_addr, address->ip, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    memcpy(&v6->sin6_addr, address->ip, 16);
    return sizeof *v6;
}

/* ---- set-up ---------------------------------------------------------------------------------------------- */

int ms_net_open(ms_engine *engine)
{
    engine->net = calloc(1, sizeof *engine->net);
    if (engine->net == NULL)
        return MS_E_MEMORY;
    ms_net *net = engine->net;
    for (int i = 0; i < BATCH; i++) {
        net->parts[i] = (struct iovec){.iov_base = net->data[i], .iov_len = sizeof net->data[i]};
        net->headers[i].msg_hdr = (struct msghdr){.msg_name = &net->from[i], .msg_iov = &net->parts[i],
                                                  .msg_iovlen = 1, .msg_control = net->control[i]};
    }
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return engine->epoll_fd < 0 ? MS_E_SYSTEM : MS_OK;
}

void ms_net_close(ms_engine *engine)
{
    if (engine->epoll_fd >= 0)
        close(engine->epoll_fd);
    engine->epoll_fd = -1;
    free(engine->net);
    engine->net = NULL;
}

int ms_net_prepare(int socket_fd)
{
    int on = 1;
    return setsockopt(socket_fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0 ? MS_OK : MS_E_SYSTEM;
}

/* What epoll gives back: the stream's place in the pool, and which of its sockets. */
static uint64_t epoll_data(const ms_stream *stream, enum ms_channel channel)
{
    return (uint64_t)channel << 32 | (uint32_t)stream->handle;
}

void ms_net_watch(ms_engine *engine, ms_stream *stream)
{
    for (int channel = 0; channel < MS_CHANNELS && stream->socket_fd[channel] >= 0; channel++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = epoll_data(stream, channel)};
        if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, stream->socket_fd[channel], &event) != 0)
            ms_run_fault(stream, errno);
    }
}

void ms_net_forget(ms_engine *engine, ms_stream *stream)
{
    for (int channel = 0; channel < MS_CHANNELS && stream->socket_fd[channel] >= 0; channel++)
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, stream->socket_fd[channel], NULL);
}

/* ---- errors ---------------------------------------------------------------------------------------------- */

static bool is_fatal(int error) { return error == EBADF || error == ENOTSOCK; }

static void note_error(ms_engine *engine, ms_stream *stream, int error, uint64_t *counter)
{
    (*counter)++;
    if (!is_fatal(error))
        return;
    ms_net_forget(engine, stream);
    ms_run_fault(stream, error);
}

/* ---- receive --------------------------------------------------------------------------------------------- */

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * MS_NS_PER_S + now.tv_nsec;
}

static int64_t received_ns(const ms_net *net, struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec wall;
        memcpy(&wall, CMSG_DATA(c), sizeof wall);
        int64_t at_ns = (int64_t)wall.tv_sec * MS_NS_PER_S + wall.tv_nsec + net->wall_to_monotonic_ns;
        if (at_ns <= net->now_ns && at_ns > net->now_ns - OLDEST_NS)
            return at_ns;
    }
    return net->now_ns;
}

static int read_batch(ms_engine *engine, ms_stream *stream, enum ms_channel channel, int most)
{
    ms_net *net = engine->net;
    for (int i = 0; i < most; i++) { /* the kernel wrote the lengths of the last batch over ours */
        net->headers[i].msg_hdr.msg_namelen = sizeof net->from[i];
        net->headers[i].msg_hdr.msg_controllen = sizeof net->control[i];
    }
    int n = recvmmsg(stream->socket_fd[channel], net->headers, (unsigned)most, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        note_error(engine, stream, errno, &engine->tally.receive_errors);
    for (int i = 0; i < n; i++) {
        ms_address from = address_of(&net->from[i]);
        int64_t at_ns = received_ns(net, &net->headers[i].msg_hdr);
        if (channel == MS_CHANNEL_RTP) {
            stream->is_crowded = at_ns - stream->received_ns < CROWDED_NS;
            stream->received_ns = at_ns;
        }
        ms_run_received(engine, stream, net->data[i], net->headers[i].msg_len, &from, at_ns);
    }
    return n;
}

/* Packets come one at a time, and to ask for a second that is not there costs half as much as the first. So one is
 * asked for, until they come in a crowd; what was left lying keeps the socket ready. */
static void read_media(ms_engine *engine, ms_stream *stream)
{
    for (int batch = 0; batch < BATCHES_A_SLOT; batch++) {
        int most = stream->is_crowded ? BATCH : 1;
        if (read_batch(engine, stream, MS_CHANNEL_RTP, most) < most || !stream->is_crowded)
            return;
    }
}

static void read_socket(ms_engine *engine, uint64_t data)
{
    ms_stream *stream = &engine->pool[(uint32_t)data];
    if (stream->fault_errno != 0)
        return;
    if (data >> 32 == MS_CHANNEL_RTCP)
        read_batch(engine, stream, MS_CHANNEL_RTCP, BATCH); /* a few a second: more is a flood, and can wait */
    else
        read_media(engine, stream);
}

/* Sockets with something to read, until none is left or it is late, which is asked after each: a packet with an echo to
 * cancel takes a fortieth of a slot. epoll goes round: those that had to wait come first the next time. */
void ms_net_receive(ms_engine *engine, int64_t until_ns)
{
    ms_net *net = engine->net;
    bool is_late = false;
    int ready, read;
    do {
        ready = epoll_wait(engine->epoll_fd, net->ready, READY_AT_ONCE, 0);
        net->now_ns = clock_ns(CLOCK_MONOTONIC);
        net->wall_to_monotonic_ns = net->now_ns - clock_ns(CLOCK_REALTIME);
        for (read = 0; read < ready && !is_late; read++) {
            read_socket(engine, net->ready[read].data.u64);
            is_late = ms_monotonic_ns() >= until_ns;
        }
    } while (ready == READY_AT_ONCE && !is_late);
    engine->more_to_receive = read < ready || ready == READY_AT_ONCE;
}

/* ---- send ------------------------------------------------------------------------------------------------ */

void ms_net_send_datagram(const ms_stream *stream, const ms_packet *packet)
{
    struct sockaddr_storage to;
    socklen_t bytes = sockaddr_of(&packet->to, &to);
    (void)!sendto(stream->socket_fd[MS_CHANNEL_RTP], packet->data, packet->n, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&to, bytes); /* lost, it is sent again; a dead socket is seen by who reads it */
}

void ms_net_send(ms_engine *engine, ms_stream *stream, const ms_packet *packet)
{
    struct sockaddr_storage to;
    socklen_t bytes = sockaddr_of(&packet->to, &to);
    int rtcp_fd = stream->socket_fd[MS_CHANNEL_RTCP];
    int fd = packet->channel == MS_CHANNEL_RTCP && rtcp_fd >= 0 ? rtcp_fd : stream->socket_fd[MS_CHANNEL_RTP];
    if (sendto(fd, packet->data, packet->n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
               bytes) >= 0)
        engine->tally.packets_sent++;
    else
        note_error(engine, stream, errno, &engine->tally.send_errors);
}
