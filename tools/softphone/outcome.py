"""What came of a call: what `--json` prints, and what it is for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; steps of a plan wait for these by name."""

    at_s: float  # since the call was dialled, or came
    name: str


@dataclass(slots=True)
class Outcome:
    """How one call went; `--json` prints these keys."""

    uri: str
    answered: bool = False
    status: int = 0
    reason: str = ""
    answered_after_s: float | None = None
    talked_s: float = 0.0
    hung_up_by: str = ""  # "us" | "them"
    codec: str = ""
    secured: bool = False  # whether the sound went as SRTP
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0  # the mean of what RTCP reports
    round_trip_ms: float = 0.0
    keys_heard: str = ""
    transfer_status: int = 0  # the last that was told of our transfer (NOTIFY)
    recorded: str = ""
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def first(self, name: str) -> float | None:
        """When it first happened, if it has."""
        return next((event.at_s for event in self.events if event.name == name), None)


@dataclass(slots=True)
class Report:
    """Everything from the start of the telephone to its end: one call, often, or several."""

    calls: list[Outcome] = field(default_factory=list)
    registration: int = 0  # the registrar's status; 0: nobody was asked

    @property
    def went_well(self) -> bool:
        """The first call was answered; without any, we were registered."""
        return self.calls[0].answered if self.calls else self.registration == 200

    def as_json(self) -> dict[str, Any]:
        """The first call's keys, with the others beside them."""
        first, *others = self.calls or [Outcome("")]
        return {
            **asdict(first),
            "others": [asdict(call) for call in others],
            "registration": self.registration,
        }

    def as_text(self) -> str:
        lines = [registered(self.registration)] if self.registration else []
        return "\n".join([*lines, *map(describe, self.calls)]) or "no call"


def registered(status: int) -> str:
    if status == 200:
        return "registered"
    why = {401: ": not this user's password", 408: ": nobody answered"}.get(status, "")
    return f"not registered, {status}{why}"


def describe(call: Outcome) -> str:
    notes = "".join(f"\n  {note}" for note in call.notes)
    if not call.answered:
        return f"not answered: {call.status} {call.reason}".rstrip() + notes
    recorded = f", recorded in {call.recorded}" if call.recorded else ""
    keys = f", keys heard: {call.keys_heard}" if call.keys_heard else ""
    return (
        f"answered after {call.answered_after_s} s, talked {call.talked_s} s in {call.codec or 'no codec'}"
        f"{' (SRTP)' if call.secured else ''}, hung up by {call.hung_up_by}; packets: {call.packets_sent} sent, "
        f"{call.packets_received} received, {call.packets_lost} lost{keys}{recorded}{notes}"
    )
