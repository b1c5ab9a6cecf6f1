"""The list of stages, and how a question runs through it.

    asked -> clean -> shortcut -> agent -> sentences -> shape -> promotion -> lines

A stage is added by a line in `STAGES`, and taken out by leaving it away. What is pulled at the end pulls through all of
them, so that no stage works ahead of the voice by more than whoever consumes the lines allows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from mediasrv.conversation.pipeline.agent import AGENT
from mediasrv.conversation.pipeline.exchange import Asked, Exchange, Line, Pieces, Stage, StageTime
from mediasrv.conversation.pipeline.promotion import PROMOTION
from mediasrv.conversation.pipeline.sentences import SENTENCES
from mediasrv.conversation.pipeline.shape import SHAPE
from mediasrv.conversation.pipeline.understand import CLEAN, SHORTCUT

STAGES: tuple[Stage, ...] = (CLEAN, SHORTCUT, AGENT, SENTENCES, SHAPE, PROMOTION)


async def lines(
    exchange: Exchange, asked: str, stages: Sequence[Stage] = STAGES
) -> AsyncGenerator[str, None]:
    """The reply to what was asked, a line at a time. Close it with `aclosing`."""
    pieces = _question(asked)
    exchange.times = [StageTime(stage.name) for stage in stages]
    for stage, time in zip(stages, exchange.times, strict=True):
        pieces = _timed(stage, exchange, time, pieces)
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Line):
                yield piece.text


async def _question(asked: str) -> Pieces:
    yield Asked(asked)


async def _timed(stage: Stage, exchange: Exchange, time: StageTime, source: Pieces) -> Pieces:
    """The stage's pieces; its own time is the time it takes less what it waits for the stage before it."""
    waited_ns = 0

    async def waiting() -> Pieces:
        nonlocal waited_ns
        async with aclosing(source):
            while True:
                began_ns = exchange.now_ns()
                try:
                    piece = await anext(source)
                except StopAsyncIteration:
                    return
                finally:
                    waited_ns += exchange.now_ns() - began_ns
                yield piece

    async with aclosing(stage.run(exchange, waiting())) as pieces:
        while True:
            began_ns, waited_before_ns = exchange.now_ns(), waited_ns
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            finally:
                time.busy_ns += exchange.now_ns() - began_ns - (waited_ns - waited_before_ns)
            if time.first_ms is None:
                time.first_ms = exchange.ms()
            yield piece
