"""The last stage: nothing that was begun on a guess is said before the caller has said the same."""

from __future__ import annotations

from contextlib import aclosing

from mediasrv.conversation.pipeline.exchange import Exchange, Pieces, Stage


async def hold_back(exchange: Exchange, pieces: Pieces) -> Pieces:
    async with aclosing(pieces):
        async for piece in pieces:
            await exchange.promoted.wait()
            yield piece


PROMOTION = Stage("promotion", hold_back)
