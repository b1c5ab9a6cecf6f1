"""The server's own clock, which can stand still while the world's goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

from mediasrv.clock import NS_PER_S
from tests.sim.deterministic import VirtualClock


class ServerClock:
    """Never goes back: after it has stood still it jumps to where the world is."""

    def __init__(self, world: VirtualClock) -> None:
        self._world = world
        self._stopped_ns: int | None = None

    def stop(self) -> None:
        self._stopped_ns = self._world.now_ns()

    def go_on(self) -> None:
        self._stopped_ns = None

    def now_ns(self) -> int:
        return self._world.now_ns() if self._stopped_ns is None else self._stopped_ns

    def now(self) -> float:
        return self.now_ns() / NS_PER_S

    def wall(self) -> datetime:
        return self._world.wall() - timedelta(microseconds=(self._world.now_ns() - self.now_ns()) // 1_000)
