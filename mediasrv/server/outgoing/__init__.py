"""Calls of ours: where a target may be rung, the way there place by place, and the leg that comes of it."""

from mediasrv.server.outgoing.departures import Departures, Wish
from mediasrv.server.outgoing.dialler import Dialler
from mediasrv.server.outgoing.routes import Location, Locations, Nowhere, Resolve, Routes

__all__ = [
    "Departures",
    "Dialler",
    "Location",
    "Locations",
    "Nowhere",
    "Resolve",
    "Routes",
    "Wish",
]
