from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mediasrv.ids import SeededTokens
from mediasrv.media import Cost, Engine, EngineSettings, PortRange, Stream, StreamSpec
from mediasrv.media.ports import LAST_PORT

CALLER = ("192.0.2.7", 4000)
MS = 1_000_000


class Bench:
    """An engine in manual mode, its clock, and streams in it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now_ns = 0

    async def add(self, spec: StreamSpec | None = None, group: int = 1) -> Stream:
        spec = spec if spec is not None else StreamSpec(remote=CALLER, aec=False, ns=False, vad=False)
        reservation = self.engine.reserve(Cost())
        try:
            return await self.engine.add(reservation, spec, group)
        finally:
            reservation.release()

    async def run(self, ms: int) -> None:
        """Slot by slot, as the engine's thread would go."""
        until_ns = self.now_ns + ms * MS
        while self.now_ns < until_ns:
            self.now_ns = min(until_ns, self.now_ns + 2 * MS)
            await self.engine.tick(self.now_ns)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    settings = EngineSettings(capacity=4, ports=PortRange(20_000, LAST_PORT))
    async with Engine(settings, manual=True, tokens=SeededTokens(1)) as engine:
        yield Bench(engine)
