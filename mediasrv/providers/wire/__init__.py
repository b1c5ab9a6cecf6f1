"""How adapters reach their providers: HTTP and WebSocket over one seam to the network, and one family of errors.

Nothing in here knows a vendor. What leaves this room is answers, events, messages, and `ProviderError`.
"""

from mediasrv.providers.wire.http import HttpResponse, HttpService
from mediasrv.providers.wire.net import Net, TrioNet
from mediasrv.providers.wire.refusals import refusal
from mediasrv.providers.wire.sockets import WARM_EVERY_S, Sockets
from mediasrv.providers.wire.sse import EventParser, ServerEvent
from mediasrv.providers.wire.websocket import WebSocket, open_websocket

__all__ = [
    "WARM_EVERY_S",
    "EventParser",
    "HttpResponse",
    "HttpService",
    "Net",
    "ServerEvent",
    "Sockets",
    "TrioNet",
    "WebSocket",
    "open_websocket",
    "refusal",
]
