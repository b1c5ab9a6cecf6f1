"""Where the outside reaches us: sockets in trio around the protocol cores, which know nothing of either.

A shell here reads a socket, tells its core what came and what time it is, sends what the core wants sent, and hands
each event to the call it belongs to. It decides nothing that an RFC decides.
"""

from mediasrv.endpoints.datagram import (
    DatagramSocket,
    SocketFactory,
    TrioDatagramSocket,
    open_datagram_socket,
)
from mediasrv.endpoints.sip import SipEndpoint
from mediasrv.endpoints.sip_call import CallEnd, CallGone, CallRedirected, SipCall
from mediasrv.endpoints.sip_talk import ChangeRefused, SipTalk, Transfer

__all__ = [
    "CallEnd",
    "CallGone",
    "CallRedirected",
    "ChangeRefused",
    "DatagramSocket",
    "SipCall",
    "SipEndpoint",
    "SipTalk",
    "SocketFactory",
    "Transfer",
    "TrioDatagramSocket",
    "open_datagram_socket",
]
