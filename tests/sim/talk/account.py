"""What came of a story: the call's turns, timeline and history, and what the caller's ears say of the same moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mediasrv.providers.protocols import Message
from tests.sim.caller import Spoken
from tests.sim.invariants import MS
from tests.sim.trace import CallerSide, Record, Trace

PAUSE_NS = 200 * MS  # the agent's voice has no longer one within a sentence


class NeverSaid(LookupError):
    """The story never came to where the caller says it."""


@dataclass(frozen=True)
class Account:
    trace: Trace

    @property
    def caller(self) -> CallerSide:
        return self.trace.callers[0]

    @cached_property
    def turns(self) -> Sequence[Record]:
        """In order, without guesses that nobody asked for."""
        turns = [turn for _, turn in self.trace.of("turn") if self._was_asked(turn)]
        return sorted(turns, key=lambda turn: int(str(turn["number"])))

    @cached_property
    def guesses_dropped(self) -> Sequence[Record]:
        return [turn for _, turn in self.trace.of("turn") if not self._was_asked(turn)]

    def _was_asked(self, turn: Record) -> bool:
        promoted = {entry["turn"] for entry in self.noted("promoted")}
        return not turn["ahead"] or turn["number"] in promoted

    def of_kind(self, kind: str) -> Sequence[Record]:
        return [turn for turn in self.turns if turn["kind"] == kind]

    @property
    def replies(self) -> Sequence[Record]:
        return self.of_kind("reply")

    @property
    def tools(self) -> Sequence[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for _, turn in self.trace.of("turn"):
            tools = turn["tools"]
            assert isinstance(tools, list)
            found += tools
        return found

    @property
    def call(self) -> Record:
        return self.trace.of("call")[0][1]

    @cached_property
    def timeline(self) -> Sequence[Record]:
        return self.trace.timeline(self.trace.calls()[0])

    def noted(self, event: str) -> Sequence[Record]:
        return [entry for entry in self.timeline if entry["event"] == event]

    @property
    def history(self) -> Sequence[Message]:
        return self.trace.histories[-1] if self.trace.histories else ()

    # ---- what the caller heard ---------------------------------------------------------------------------------

    def spoken(self, text: str) -> Spoken:
        """The last time that the caller said it."""
        for spoken in reversed(self.caller.spoken):
            if text in spoken.text:
                return spoken
        raise NeverSaid(text)

    @cached_property
    def audible_ns(self) -> Sequence[int]:
        return [heard.at_ns for heard in self.caller.heard if heard.audible]

    def voice_stopped_ns(self, from_ns: int) -> int:
        """When the voice that sounded at `from_ns` fell silent; that moment itself, if none did."""
        last_ns = from_ns
        for at_ns in self.audible_ns:
            if at_ns < from_ns:
                continue
            if at_ns - last_ns > PAUSE_NS:
                break
            last_ns = at_ns
        return last_ns
