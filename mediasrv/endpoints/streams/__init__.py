"""SIP over TCP, TLS and WebSocket: listeners and diallers, one connection, and the pool that owns them all.

A connection costs a peer nothing to open and us a descriptor to keep, so everything about it is bounded: how many
there are, in all and from one address; how long a handshake, a message, a silence or an unread answer may last.
"""

from mediasrv.endpoints.streams.channel import Channel, FramedChannel
from mediasrv.endpoints.streams.connections import Connections, Streams
from mediasrv.endpoints.streams.limits import StreamLimits
from mediasrv.endpoints.streams.sockets import Dialler, StreamListener, TcpDialler, TcpListener
from mediasrv.endpoints.streams.tls import TlsFiles, TlsNeeds, client_context, server_context
from mediasrv.endpoints.streams.transports import ClientTowards, TcpTransport, TlsTransport, Transport
from mediasrv.endpoints.streams.websocket import SecureWebSocketTransport, WebSocketTransport

__all__ = [
    "Channel",
    "ClientTowards",
    "Connections",
    "Dialler",
    "FramedChannel",
    "SecureWebSocketTransport",
    "StreamLimits",
    "StreamListener",
    "Streams",
    "TcpDialler",
    "TcpListener",
    "TcpTransport",
    "TlsFiles",
    "TlsNeeds",
    "TlsTransport",
    "Transport",
    "WebSocketTransport",
    "client_context",
    "server_context",
]
