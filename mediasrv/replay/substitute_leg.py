"""In place of a leg: it rings, is answered, is held and ends when it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from mediasrv.legs import CallInfo, CannotTransfer, Ending, Leg, LegRequest
from mediasrv.media import StreamFace
from mediasrv.replay.outcomes import brought, brought_error
from mediasrv.replay.substitutes import World


@dataclass(slots=True)
class SubstituteLeg:
    info: CallInfo
    stream: StreamFace
    world: World

    @property
    def host(self) -> str:
        return ""  # asked for by parties that join a call, and those are not repeated

    async def press(self, keys: str) -> bool:
        return bool(await self._operation("press", bool))

    async def ring(self) -> None:
        await self._operation("ring")

    async def speak_early(self) -> bool:
        return bool(await self._operation("speak_early", bool))

    async def answer(self) -> None:
        await self._operation("answer")

    async def wait_ended(self) -> Ending:
        return Ending(await self._operation("wait_ended"))

    async def next_request(self) -> LegRequest:
        request: LegRequest = await self._operation("next_request")
        return request

    async def transfer(self, target: str, instead_of: Leg | None = None) -> None:
        if not await self._operation("transfer", bool):
            raise CannotTransfer("nobody was asked then")

    def silence(self) -> None:
        self.stream.set_direction(sending=False, hearing=False)

    async def hang_up(self, why: Ending) -> None:
        await self._operation("hang_up")

    async def _operation(self, name: str, of: Any = None) -> Any:
        stage = self.world.stage
        found = await stage.wait_over(f"leg.{name}")
        then = found.outcome
        if then is None:
            then = await self._loose(f"leg.{name}")
        if then is None:
            return None
        if then.how == "error":
            raise brought_error(then.value)
        return brought(then.value)

    async def _loose(self, name: str) -> Any:
        """What came next of its kind, when it came; for ever nothing where nothing came any more."""
        coming = self.world.memory.others.get(name)
        now_ns = self.world.stage.clock.now_ns()
        while coming:
            at_ns, outcome = coming.popleft()
            if outcome.how == "cancelled" or (
                name == "leg.next_request" and at_ns < self.world.stage.loosened_ns
            ):
                continue
            if name != "leg.hang_up":
                await self.world.sleep_until(max(at_ns, now_ns))
            return outcome
        if name in ("leg.wait_ended", "leg.next_request"):
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        return None
