"""What is written down of a turn and of a call: once each, ready for JSON, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import Enum
from typing import cast

import msgspec

from mediasrv.conversation.bill import Bill
from mediasrv.conversation.pipeline import Exchange
from mediasrv.providers.protocols import Usage

NOTHING = (Decimal(0), Decimal(0))


def turn_id(call: str, number: int) -> str:
    """What a turn is known by, in its record and to the services that its tools call."""
    return f"{call}-{number}"


class TurnEnding(Enum):
    COMPLETED = "completed"
    USER_BARGE_IN = "user_barge_in"
    TIMEOUT = "timeout"
    ERROR = "error"
    MANUAL = "manual"
    REPLACED = "replaced"
    SPECULATED = "speculated"  # begun ahead, and not what the caller asked in the end
    HANGUP = "hangup"


@dataclass(slots=True)
class ToolRecord:
    id: str
    name: str
    arguments: dict[str, object]
    on_cancel: str
    outcome: str = (
        "pending"  # done | failed | timed_out | cancelled | pending | prepared | withdrawn | refused
    )
    result: str = ""
    ms: float = 0.0


@dataclass(slots=True)
class TurnRecord:
    """Kept in memory while the turn runs; times are milliseconds since the turn began."""

    turn: str
    number: int
    kind: str  # reply | greeting | prompt | goodbye | apology
    asked: str
    began_ms: float  # since the call began
    level: str = ""  # of optimisation
    ending: str = ""
    cleaned: str = ""  # what was asked, as the stages read it
    cleaning: dict[str, object] = field(default_factory=dict)  # its level, the rules applied, its confidence
    decisions: list[dict[str, object]] = field(default_factory=list)  # what stages decided, and why
    stages: list[dict[str, object]] = field(default_factory=list)  # their latencies
    pace: dict[str, object] = field(default_factory=dict)  # first line, tokens and lines a second
    written: str = ""  # by the model, as it wrote it
    said: str = ""  # what was sent to the voice
    heard: str = ""  # what the caller heard of it
    interrupted: bool = False
    first_token_ms: float | None = None
    first_sound_ms: float | None = None  # the voice's first sample was handed to the engine
    first_audio_ms: float | None = None  # and was sent
    ended_ms: float | None = None
    cancel_ms: float | None = None  # scope cancelled to every task gone
    flush_ms: float | None = None  # and to the engine's acknowledgement
    sent_ms: float = 0.0  # of sound, on the wire
    unheard_characters: int = 0  # made, paid for, never heard
    holds: int = 0
    rejects: int = 0
    tools: list[ToolRecord] = field(default_factory=list)
    usage: list[dict[str, object]] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    cost_usd: str = "0"
    wasted_usd: str = "0"  # of it: guesses that came to nothing, and speech that nobody heard
    ahead: bool = False  # begun before the caller had finished
    asides: list[str] = field(default_factory=list)  # said to mask a silence; no part of `said`
    error: str = ""

    def will_act(self) -> bool:
        """A tool of this turn does its work when the reply has been heard, and that is said enough."""
        return any(tool.outcome == "prepared" for tool in self.tools)

    def write_down(self, exchange: Exchange | None, bill: Bill) -> None:
        """What the stages did and what it cost, as far as they came."""
        self.usage, self.tokens, self.cost_usd = bill.as_json(), bill.tokens(), f"{bill.total_usd():f}"
        self.wasted_usd = f"{bill.wasted_usd(len(self.said), len(self.heard)):f}"
        if exchange is None:
            return
        self.first_token_ms, self.pace = exchange.pace.first_token_ms, exchange.pace.as_json()
        self.written = exchange.written
        self.decisions = [asdict(decision) for decision in exchange.decisions]
        self.stages = [time.as_json() for time in exchange.times]
        if (cleaned := exchange.cleaned) is not None:
            self.cleaned = cleaned.text
            self.cleaning = {
                "level": cleaned.level.value, "applied": list(cleaned.applied), "confidence": cleaned.confidence,
            }  # fmt: skip

    def as_json(self) -> dict[str, object]:
        return cast("dict[str, object]", msgspec.to_builtins(self))  # a twentieth of what asdict takes


@dataclass(slots=True)
class SecureRecord:
    """A while in which nothing the caller said or pressed was kept."""

    from_ms: float  # since the call began
    to_ms: float | None = None
    keys: int = 0


@dataclass(slots=True)
class CallRecord:
    id: str
    tenant: str
    agent: str
    caller: str
    called: str
    trunk: str
    began: str  # date and time, UTC
    direction: str = "in"
    attestation: str = ""  # A, B or C: what the caller's network has signed for
    ending: str = ""
    duration_ms: float = 0.0
    answered: bool = False
    turns: int = 0
    interruptions: int = 0
    rejected_holds: int = 0
    cost_usd: str = "0"  # of all turns together, and of listening
    wasted_usd: str = "0"
    listened_ms: int = 0  # of sound that recognisers were given, by their own account
    listening_usd: str = "0"
    secure: list[SecureRecord] = field(default_factory=list)
    error: str = ""
    media: dict[str, int | float] = field(default_factory=dict)

    def charge(self, turn: TurnRecord, listening: tuple[Decimal, Decimal] = NOTHING) -> None:
        """Adds what a turn cost.

        `listening`: what of the turn's cost and of its waste the call has paid when it listened.
        """
        self._pay(Decimal(turn.cost_usd) - listening[0], Decimal(turn.wasted_usd) - listening[1])

    def listened(self, used: Sequence[Usage]) -> None:
        """Recognisers have used this, whether or not a turn comes of it."""
        for usage in used:
            self.listened_ms += usage.units.get("audio_ms", 0)
            self.listening_usd = f"{Decimal(self.listening_usd) + usage.cost_usd:f}"
            self._pay(usage.cost_usd, usage.cost_usd if usage.in_vain else Decimal(0))

    def _pay(self, cost: Decimal, wasted: Decimal) -> None:
        self.cost_usd = f"{Decimal(self.cost_usd) + cost:f}"
        self.wasted_usd = f"{Decimal(self.wasted_usd) + wasted:f}"

    def as_json(self) -> dict[str, object]:
        return cast("dict[str, object]", msgspec.to_builtins(self))  # a twentieth of what asdict takes
