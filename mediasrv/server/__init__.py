"""The composition root: builds every room's part from the settings, takes calls, and ends in good order.

`Server` can be handed a clock, tokens, sockets and an engine, so that the simulation runs this same class in virtual
time; `serve` is the process around it, with its signals.
"""

from mediasrv.server.process import serve
from mediasrv.server.server import Ready, Server, ServerStatistics
from mediasrv.server.wiring import native_engine

__all__ = ["Ready", "Server", "ServerStatistics", "native_engine", "serve"]
