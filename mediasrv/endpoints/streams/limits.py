"""What a stream may cost us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Beyond each of these a connection is closed, and counted by the reason."""

    connections: int = 1_024
    per_source: int = 64  # a proxy keeps a few; a flood from one address leaves room for the others
    handshake_s: float = 5.0  # TLS, and the upgrade to a WebSocket
    dial_s: float = 5.0  # TLS, too
    dial_tcp_s: float = (
        2.0  # TCP alone: a SYN and its repetition; what is larger than a datagram then goes as one
    )
    message_s: float = 10.0  # from its first byte to its last
    pulse_s: float = 100.0  # section 4.4.1 wants 95 to 120 on connections that we have opened
    websocket_pulse_s: float = 30.0  # towards browsers, whose networks come and go
    pong_s: float = 10.0  # section 4.4.1; of a peer that answers pulses at all
    idle_s: float = 900.0  # RFC 5626 section 4.4.1: keep-alives come every 840 s at most
    send_s: float = 10.0  # of a peer that does not read
    queued_messages: int = 256  # for it meanwhile
