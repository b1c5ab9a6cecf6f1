"""The engine as it runs, and somebody who writes down what crosses its border for one stream.

Two clocks meet there. The engine's thread touches the stream at moments that it numbers itself; trio's tasks reach over
the border whenever they run, and find what the moments before have left. So each reach is told with the number of
moments that were over when it came. A reach that came while one was under way waits for its end: it is the border that
waits, a tenth of a millisecond, and never the engine. One that a moment has overtaken is counted as uncertain.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from mediasrv.media.again.moments import Birth, Moment
from mediasrv.media.spec import StreamSpec
from mediasrv.media.streams import Stream
from mediasrv.media.streams.orders import Orders
from mediasrv_native.engine import Captured, NativeEngine, NativeEvent

STEADY_TRIES = 2_000
SEED_STEP = 0x9E3779B97F4A7C15  # what the engine adds to its seed for each handle
# What reads or moves shared memory at once; an order is told by the moment in which it is obeyed.
REACHES = frozenset((
    "ears_readable", "finish", "play", "position", "read_ears", "stream_statistics", "want_ears", "want_room",
))  # fmt: skip
LOOKING = frozenset(
    ("ears_readable", "position", "stream_statistics")
)  # changes nothing: looks again, if overtaken
LOOKS = 16
INDIFFERENT = frozenset(("read_ears",))  # takes as much as was seen before, whatever has come since


class StreamWitness(Protocol):
    def born(self, birth: Birth) -> None: ...
    def reached(self, moments: int, *, certain: bool) -> None:
        """A task of the call reached over the border when so many moments were over."""

    def told(self, moments: int, events: int) -> None:
        """So many of the engine's events are about to be handed to the stream."""

    def wishes(
        self, method: str, arguments: tuple[object, ...], named: Mapping[str, object]
    ) -> AbstractContextManager[None]:
        """Signalling calls that method of the stream, for the block."""

    def moments(self, moments: Sequence[Moment]) -> None:
        """The stream's next ones, in order."""


Witnesses = Callable[[], StreamWitness | None]
"""Who witnesses the stream that the running task adds, if anybody does."""


class WitnessedEngine:
    """Stands where a NativeEngine stands; streams that nobody witnesses pass through."""

    def __init__(self, witnesses: Witnesses, **config: Any) -> None:
        self._engine, self._seed = NativeEngine(**config), int(config.get("seed", 0))
        self._witnesses = witnesses
        self._moments = self._engine.moments
        self._watched: dict[int, StreamWitness] = {}
        self._born: dict[int, dict[str, Any]] = {}
        for name in REACHES:
            setattr(self, name, self._reach(name, getattr(self._engine, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def add(self, **settings: Any) -> int:
        witness = self._witnesses()
        handle = self._engine.add(captured=witness is not None, **settings)
        if witness is not None:
            self._watched[handle] = witness
            self._born[handle] = settings
        return handle

    def witness_of(self, handle: int) -> StreamWitness | None:
        return self._watched.get(handle)

    def birth(self, handle: int, spec: StreamSpec, local: tuple[str, int]) -> Birth:
        drawn = self._born.pop(handle)
        return Birth(
            spec, local, (self._seed + handle * SEED_STEP) % 2**64, drawn["ssrc"], drawn["first_sequence"],
            drawn["first_timestamp"], drawn["unix_offset_ns"], drawn["silero"] is not None,
        )  # fmt: skip

    def reclaim(self, stream: int) -> None:
        self._watched.pop(stream, None)
        self._engine.reclaim(stream)

    def events(self, limit: int = 256) -> list[NativeEvent]:
        moments = self._steady() if self._watched else 0
        events = self._engine.events(limit)
        if not events:
            return events
        told: dict[int, int] = {}
        for event in events:
            if event.stream in self._watched:
                told[event.stream] = told.get(event.stream, 0) + 1
        for handle, count in told.items():
            self._watched[handle].told(moments, count)
        return events

    def captured(self, limit: int = 1024) -> list[Captured]:
        taken = self._engine.captured(limit)
        moments: dict[int, list[Moment]] = {}
        for each in taken:
            if each.stream in self._watched:
                moments.setdefault(each.stream, []).append(Moment.of(each))
        for handle, those in moments.items():
            self._watched[handle].moments(those)
        return taken

    def _reach(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def reach(stream: int, *arguments: Any) -> Any:
            witness = self._watched.get(stream)
            if witness is None:
                return method(stream, *arguments)
            for _ in range(LOOKS if name in LOOKING else 1):
                before = self._steady()
                found = method(stream, *arguments)
                certain = before % 2 == 0 and self._moments() == before
                if certain:
                    break
            witness.reached(before // 2, certain=certain or name in INDIFFERENT)
            return found

        return reach

    def _steady(self) -> int:
        """The count of moments when none is under way; after a while as it is: the engine's thread has no processor."""
        for _ in range(STEADY_TRIES):
            moments = self._moments()
            if moments % 2 == 0:
                return moments
            os.sched_yield()
        return moments


class WitnessedStream(Stream):
    """A stream whose signalling is told of, because it is no part of the call that is repeated."""

    def __init__(
        self, engine: NativeEngine, orders: Orders, handle: int, spec: StreamSpec, *rest: Any
    ) -> None:
        super().__init__(engine, orders, handle, spec, *rest)
        self._witness = None
        if isinstance(engine, WitnessedEngine):
            self._witness = engine.witness_of(handle)
            if self._witness is not None:
                self._witness.born(engine.birth(handle, spec, self.local))


def _wish(name: str) -> Callable[..., None]:
    method = getattr(Stream, name)

    def wish(stream: WitnessedStream, *arguments: Any, **named: Any) -> None:
        if stream._witness is None:
            method(stream, *arguments, **named)
            return
        with stream._witness.wishes(name, arguments, named):
            method(stream, *arguments, **named)

    return wish


WISHES = (
    "hear_anew", "hear_key", "set_codec", "set_comfort_noise", "set_direction", "set_keys", "set_ptime", "set_remote",
)  # fmt: skip
for _name in WISHES:
    setattr(WitnessedStream, _name, _wish(_name))
