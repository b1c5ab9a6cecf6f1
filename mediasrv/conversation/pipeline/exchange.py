"""What the stages of one turn share, and what flows between them.

A stage takes the exchange and a stream of pieces and gives a stream of pieces. It changes the kind of piece that is
its business and passes every other one on:

    Asked    what the caller said, while it is being understood
    Written  what the model writes, a token or a few at a time
    Line     a sentence of the reply, to be spoken in one breath

So a stage that can answer by itself (a shortcut, a guard) gives a Line in the place of the Asked, and the model, which
waits for an Asked, is never called.

An exchange may run on a guess, before the caller has finished (`promoted` is not set). Then tools wait for the
promotion, and so does the first line; what was begun for nothing is cancelled with the turn's scope, and its draft in
the history goes with it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import trio

from mediasrv.clock import NS_PER_MS
from mediasrv.conversation.bill import Bill
from mediasrv.conversation.cleaning import Cleaned, Cleaning
from mediasrv.conversation.history import History
from mediasrv.conversation.pipeline.levels import BALANCED, Level
from mediasrv.conversation.reply import ModelLimits, never
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import LanguageModel, ToolCall


@dataclass(frozen=True, slots=True)
class Asked:
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    text: str


Piece = Asked | Written | Line
Pieces = AsyncGenerator[Piece, None]


@dataclass(frozen=True, slots=True)
class Mind:
    """What an agent thinks with: the same for all its turns in a call."""

    llm: LanguageModel
    history: History
    tools: Sequence[Mapping[str, object]]  # as the model is told of them
    limits: ModelLimits
    level: Level = BALANCED
    cleaning: Cleaning = Cleaning.FULL
    language: str = "en"
    unclear: str = ""  # said to words that nobody understood; empty: the model says something


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that a stage has decided, for the record: an answer without a model, a reply that was cut."""

    stage: str
    what: str
    because: str = ""


@dataclass(slots=True)
class StageTime:
    """When its first piece left, since the turn began; and how long it worked itself."""

    stage: str
    first_ms: float | None = None
    busy_ns: int = 0

    def as_json(self) -> dict[str, object]:
        return {"stage": self.stage, "first_ms": self.first_ms, "busy_ms": round(self.busy_ns / NS_PER_MS, 3)}


@dataclass(slots=True)
class Pace:
    """How fast a reply came; times are milliseconds since the turn began."""

    first_token_ms: float | None = None
    last_token_ms: float = 0.0
    tokens: int = 0  # pieces, as the model gave them
    first_line_ms: float | None = None
    last_line_ms: float = 0.0
    lines: int = 0

    def token(self, at_ms: float) -> None:
        self.first_token_ms = at_ms if self.first_token_ms is None else self.first_token_ms
        self.last_token_ms, self.tokens = at_ms, self.tokens + 1

    def line(self, at_ms: float) -> None:
        self.first_line_ms = at_ms if self.first_line_ms is None else self.first_line_ms
        self.last_line_ms, self.lines = at_ms, self.lines + 1

    def as_json(self) -> dict[str, object]:
        return {
            "first_line_ms": self.first_line_ms,
            "tokens_per_s": _rate(self.tokens, self.first_token_ms, self.last_token_ms),
            "lines_per_s": _rate(self.lines, self.first_line_ms, self.last_line_ms),
        }


def _rate(count: int, first_ms: float | None, last_ms: float) -> float | None:
    """So many a second, from the first to the last; None of fewer than two moments."""
    return (
        None
        if first_ms is None or last_ms <= first_ms
        else round((count - 1) * 1000 / (last_ms - first_ms), 1)
    )


@dataclass(slots=True, eq=False)
class Exchange:
    turn: int
    mind: Mind
    invoke: Callable[[ToolCall], Awaitable[ToolResult]]
    now_ns: Callable[[], int]
    note: Callable[..., None]  # into the timeline: an event, and its fields
    began_ns: int
    bill: Bill = field(default_factory=Bill)
    may_be_silent: Callable[[], bool] = never  # a tool of this turn speaks for itself
    promoted: trio.Event = field(default_factory=trio.Event)
    cleaned: Cleaned | None = None
    decisions: list[Decision] = field(default_factory=list)
    times: list[StageTime] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    written: str = ""  # by the model, as it wrote it

    def ms(self) -> float:
        return round((self.now_ns() - self.began_ns) / NS_PER_MS, 3)

    def decide(self, stage: str, what: str, because: str = "") -> None:
        self.decisions.append(Decision(stage, what, because))
        self.note("decided", turn=self.turn, stage=stage, what=what, because=because)

    def promote(self) -> None:
        """The caller has said what was guessed: what waited for that goes on, and the history has it."""
        self.mind.history.promote(self.turn)
        self.bill.meant()  # a short reply has been written, and paid for, before the caller has finished
        self.promoted.set()


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    run: Callable[[Exchange, Pieces], Pieces]


def of_question(name: str, understand: Callable[[Exchange, str], Awaitable[Asked | Line]]) -> Stage:
    """A stage out of a function that reads what was asked: it rewords it, adds to it, or answers."""

    async def run(exchange: Exchange, pieces: Pieces) -> Pieces:
        async with aclosing(pieces):
            async for piece in pieces:
                yield await understand(exchange, piece.text) if isinstance(piece, Asked) else piece

    return Stage(name, run)


def of_lines(name: str, say: Callable[[Exchange, str], Awaitable[str]]) -> Stage:
    """A stage out of a function that says a line otherwise; an empty one is not said."""

    async def run(exchange: Exchange, pieces: Pieces) -> Pieces:
        async with aclosing(pieces):
            async for piece in pieces:
                if not isinstance(piece, Line):
                    yield piece
                elif text := await say(exchange, piece.text):
                    yield Line(text)

    return Stage(name, run)
