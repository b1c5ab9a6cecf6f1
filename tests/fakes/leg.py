"""A leg without a protocol: answered at once, hung up when the test says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import trio

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, CannotTransfer, Ending, Leg, LegEnded, LegRequest
from tests.fakes.stream import FakeStream


@dataclass(eq=False)
class FakeLeg:
    stream: FakeStream
    info: CallInfo = field(default_factory=lambda: CallInfo(CallId("call-1"), "100", "200", "local"))
    hangs_up_at: float | None = None
    why: Ending = Ending.CALLER_HUNG_UP
    gone_before_answer: bool = False
    hears_early: bool = False  # before it is answered
    spoke_early: bool = False
    hung_up: list[Ending] = field(default_factory=list)
    reachable: tuple[str, ...] = ()  # whom a transfer finds
    transfer_s: float = 0.0
    transfers: list[str] = field(default_factory=list)
    host: str = ""

    async def ring(self) -> None:
        await trio.lowlevel.checkpoint()

    async def speak_early(self) -> bool:
        await trio.lowlevel.checkpoint()
        self.spoke_early = self.hears_early
        return self.hears_early

    async def answer(self) -> None:
        await trio.sleep(0.01)
        if self.gone_before_answer:
            raise LegEnded(Ending.CALLER_CANCELLED)

    async def wait_ended(self) -> Ending:
        if self.hangs_up_at is None:
            await trio.sleep_forever()
        else:
            await trio.sleep(self.hangs_up_at)
        return self.why

    async def next_request(self) -> LegRequest:
        return await trio.sleep_forever()

    async def press(self, keys: str) -> bool:
        await trio.lowlevel.checkpoint()
        self.stream.send_dtmf(keys)
        return True

    async def transfer(self, target: str, instead_of: Leg | None = None) -> None:
        self.transfers.append(target)
        await trio.sleep(self.transfer_s)
        if target not in self.reachable:
            raise CannotTransfer("nobody there")

    def silence(self) -> None:
        self.stream.set_direction(sending=False, hearing=False)

    async def hang_up(self, why: Ending) -> None:
        await trio.sleep(0.005)
        self.hung_up.append(why)


class TrioClock:
    """The call's clock is trio's: virtual in tests."""

    def now(self) -> float:
        return trio.current_time()

    def now_ns(self) -> int:
        return round(trio.current_time() * 1e9)

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=trio.current_time())
