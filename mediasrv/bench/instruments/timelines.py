"""The server's own account of its calls, laid on the wire's clock: both are this machine's monotonic clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediasrv.bench.instruments.server_process import ServerProcess
from mediasrv.clock import NS_PER_MS

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """One call's entries, and the records of its turns."""

    began_ns: int
    called: str
    lines: Sequence[Line]
    turns: Sequence[Line]

    def at_ns(self, line: Line) -> int:
        return self.began_ns + int(line["ms"] * NS_PER_MS)

    def next_hold_ns(self, from_ns: int) -> int | None:
        """When the engine next took the voice, at or after an instant: it heard speech and held in the same step."""
        holds = (self.at_ns(line) for line in self.lines if line["event"] == "speech_began" and line["hold"])
        return next((at_ns for at_ns in holds if at_ns >= from_ns), None)


def timelines(server: ServerProcess) -> dict[str, Timeline]:
    """Every call that the server has written down, by the number that was called."""
    turns = server.records("turns")
    found = {}
    for call, lines in server.records("timeline").items():
        first = next((line for line in lines if line["event"] == "call_began"), None)
        if first is not None:
            timeline = Timeline(first["monotonic_ns"], first["called"], lines, turns.get(call, []))
            found[timeline.called] = timeline
    return found
