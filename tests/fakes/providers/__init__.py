"""Providers in the same process: servers that speak a provider's documented protocol over streams in memory."""

from tests.fakes.providers.network import FakeNet
from tests.fakes.providers.web import Exchange, HttpServer, WebSocketServer

__all__ = ["Exchange", "FakeNet", "HttpServer", "WebSocketServer"]
