"""Which calls there are just now, whoever began them, and which of them have sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, Leg
from mediasrv.media import StreamFace


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that has its leg."""

    info: CallInfo
    agent: str
    began: float  # trio's time
    leg: Leg

    @property
    def stream(self) -> StreamFace:
        return self.leg.stream

    @property
    def group(self) -> int:
        """Of the engine's streams."""
        return self.leg.stream.group


class Roster:
    def __init__(self) -> None:
        self._names: set[CallId] = set()
        self._with_leg: dict[CallId, LiveCall] = {}
        self._left = trio.Event()
        self.newest_group = 0

    def __len__(self) -> int:
        return len(self._names)

    @contextmanager
    def holds(self, call: CallId) -> Iterator[None]:
        """The call, however it ends."""
        self._names.add(call)
        try:
            yield
        finally:
            self._names.discard(call)
            self._with_leg.pop(call, None)
            self._left.set()

    def has_leg(self, call: LiveCall) -> None:
        self._with_leg[call.info.id] = call

    def calls(self) -> Sequence[LiveCall]:
        """Those that have sound, oldest first."""
        return tuple(self._with_leg.values())

    def group_of(self, call: CallId) -> int:
        return self._with_leg[call].group

    def new_group(self) -> int:
        """For a call whose streams nobody else's need to hear."""
        self.newest_group += 1
        return self.newest_group

    async def wait_empty(self) -> None:
        while self._names:
            self._left = trio.Event()
            await self._left.wait()
