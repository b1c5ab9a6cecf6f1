/* DTLS beside the sound, on the same port (RFC 5764 5.1.2): its first byte, 20 to 63, tells it from RTP (128 to 191) and
 * STUN (0 to 3), as RFC 7983 has it. The handshake is Python's; here datagrams only cross the border.
 *
 * In. They lie in a ring until Python comes for them. Anybody can send what looks like DTLS, so a stream is given eight
 * of them each 20 ms, twice the longest flight of a handshake, and what is more is dropped: a flood on one call neither
 * fills the ring nor wakes Python for ever. What is lost, the other side sends again.
 *
 * Out. A UDP socket may be written by two threads, and a handshake is in no hurry: the border sends by itself, without
 * an order that would need room for a whole datagram. */
#include <string.h>

#include "ms_engine_state.h"

#define DTLS_FIRST 20
#define DTLS_LAST 63
#define DATAGRAMS_A_TICK 8

bool ms_is_dtls(const uint8_t *packet, size_t n)
{
    return n > 0 && packet[0] >= DTLS_FIRST && packet[0] <= DTLS_LAST;
}

bool ms_hand_over(ms_engine *engine, ms_stream *stream, const ms_datagram *datagram)
{
    bool taken = datagram->n <= MS_MAX_PACKET && stream->datagrams < DATAGRAMS_A_TICK &&
                 ms_ring_push(&engine->datagrams, datagram);
    stream->datagrams += taken;
    engine->tally.datagrams += taken;
    engine->tally.datagrams_dropped += !taken;
    return taken;
}

int ms_engine_next_datagram(ms_engine *engine, ms_datagram *out) { return ms_ring_pop(&engine->datagrams, out); }

int ms_engine_send_datagram(ms_engine *engine, ms_handle handle, const uint8_t *data, size_t n, const ms_address *to)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    if (!stream->takes_dtls || n == 0 || n > MS_MAX_PACKET || to->family == 0)
        return MS_E_ARGUMENT;
    ms_packet packet = {.to = *to, .n = (uint16_t)n, .channel = MS_CHANNEL_RTP};
    memcpy(packet.data, data, n);
    if (engine->config.manual)
        ms_manual_send(engine, stream, &packet, engine->due_ns < 0 ? 0 : engine->due_ns);
    else
        ms_net_send_datagram(stream, &packet);
    return MS_OK;
}
