"""The agent's stage: the language model and its tools, asked what was asked."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from mediasrv.conversation.bill import Entry
from mediasrv.conversation.pipeline.exchange import Asked, Exchange, Pieces, Stage, Written
from mediasrv.conversation.reply import write_reply
from mediasrv.conversation.tools import ToolResult
from mediasrv.providers.protocols import ToolCall, Usage


async def answer(exchange: Exchange, pieces: Pieces) -> Pieces:
    async with aclosing(pieces):
        async for piece in pieces:
            if not isinstance(piece, Asked):
                yield piece
                continue
            async with aclosing(_write(exchange)) as written:
                async for text in written:
                    yield text


async def _write(exchange: Exchange) -> Pieces:
    mind, level = exchange.mind, exchange.mind.level

    async def invoke(call: ToolCall) -> ToolResult:
        await exchange.promoted.wait()  # nothing is done to the world on a guess
        return await exchange.invoke(call)

    def used(usage: Usage) -> None:
        exchange.bill.add(Entry("llm", usage, level.name, exchange.ms(), not exchange.promoted.is_set()))

    limits = replace(mind.limits, max_tokens=level.reply_tokens, temperature=level.temperature)
    reply = write_reply(
        mind.llm, mind.history, exchange.turn, invoke, mind.tools, limits, used, exchange.may_be_silent
    )
    async with aclosing(reply):
        async for text in reply:
            if not exchange.pace.tokens:
                exchange.note("first_token", turn=exchange.turn)
            exchange.pace.token(exchange.ms())
            exchange.written += text
            yield Written(text)


AGENT = Stage("agent", answer)
