"""The composition root: everything is built here, in the order in which it is needed, and ends in the reverse.

    records          outlive everything, so that the last word is written
    engine           outlives the calls: a stream is given back to it
    SIP endpoint     outlives the calls: the last BYE goes through it
    calls            one nursery; each call in it has its own, and its own fault barrier

Draining: new calls are refused; running ones may go on for `server.drain_s`; then each leg is dismissed and has
FAREWELL_S to unwind; what is left after that is cancelled.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import trio

from mediasrv.clock import Clock
from mediasrv.config import Settings
from mediasrv.endpoints import DatagramSocket, SipCall, SipEndpoint, SocketFactory
from mediasrv.errors import ConfigError
from mediasrv.ids import TokenSource
from mediasrv.legs import Ending
from mediasrv.media import EngineFace
from mediasrv.server.admission import RE
