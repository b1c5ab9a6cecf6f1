"""What is done to words by rule, timed: cleaning what was heard, shaping what is said, and the stages around a model.

CPU time of this thread, one call at a time, over the same lines again and again; the stages run with a model that
answers at once, so that what is left is theirs.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

import trio

from mediasrv.bench.figures import spread
from mediasrv.clock import NS_PER_MS
from mediasrv.conversation.cleaning import Cleaning, clean
from mediasrv.conversation.history import History
from mediasrv.conversation.pipeline import LEVELS, Exchange, Mind, lines
from mediasrv.conversation.reply import ModelLimits
from mediasrv.conversation.speakable import Shaper
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import LlmDelta, LlmRequest, TextDelta, ToolCall

HEARD = (
    "Yes, that is right.",
    "Um, I would like to book a table for five people at eight, please, and do you have parking?",
    "I I want the the room from the twenty first of May until, uh, the third of June two thousand and twenty seven",
    "My email is jane dot doe at example dot com and my number is oh two oh seven nine four six oh oh one eight",
    "A table for two at seven, no wait, at seven thirty, and could you could you tell me what the menu costs",
)
SAID = (
    "Yes, we have a table at eight by the window.",
    "- **Soup**: $4.50, *fish* €12 and wine from 3.5 % up, on 2026-11-21 at 19:30.",
    "Call +44 20 7946 0018 or write to desk@example.co.uk, or see https://www.example.com/menu?x=1.",
    "The 21st of May 2027 is free, room 101 on the 2nd floor, 1,234.50 in all.",
)
WRITTEN = (
    "Yes, we have a table at eight. The menu is $35 for each, wine included. Shall I book it for you? " * 3
)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int


async def run(plan: Plan) -> dict[str, object]:
    cleaning = [took_ms(partial(clean, text, Cleaning.FULL)) for text in HEARD * plan.rounds]
    shaping = [took_ms(partial(Shaper(150).shape, text)) for text in SAID * plan.rounds]
    stages = [await _stages_ms() for _ in range(plan.rounds)]
    return {
        "bench": "words",
        "rounds": plan.rounds,
        "clean_ms": spread(cleaning),
        "shape_line_ms": spread(shaping),
        "stages_reply_ms": spread(stages),
    }


def took_ms(work: Callable[[], object]) -> float:
    began_ns = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - began_ns) / NS_PER_MS


async def _stages_ms() -> float:
    """A whole reply, less the tokens themselves: what all stages together add to it."""
    history = History("Be kind.")
    mind = Mind(_AtOnce(WRITTEN.split(" ")), history, (), ModelLimits(5, 5, 1), LEVELS["balanced"])
    began_ns = time.thread_time_ns()
    exchange = Exchange(1, mind, _no_tools, time.monotonic_ns, _note, time.monotonic_ns())
    history.open(1, HEARD[1])
    exchange.promote()
    async with aclosing(lines(exchange, HEARD[1])) as reply:
        async for _ in reply:
            pass
    return (time.thread_time_ns() - began_ns) / NS_PER_MS


@dataclass(slots=True)
class _AtOnce:
    """A model that writes without thinking."""

    tokens: Sequence[str]
    name: str = "at once"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        for token in self.tokens:
            yield TextDelta(f"{token} ")
        await trio.lowlevel.checkpoint()


async def _no_tools(call: ToolCall) -> ToolResult:
    await trio.lowlevel.checkpoint()
    return ToolResult(call.id, "", ok=False)


def _note(event: str, **fields: object) -> None: ...
