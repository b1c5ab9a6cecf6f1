"""The reply, as it is spoken: by the shaper, within the words that the level allows."""

from __future__ import annotations

from contextlib import aclosing

from mediasrv.conversation.pipeline.exchange import Exchange, Line, Pieces, Stage
from mediasrv.conversation.speakable import Shaper


async def shape(exchange: Exchange, pieces: Pieces) -> Pieces:
    """What comes after the last word that is said is still read: the bill stands at its end, and tools may."""
    most = exchange.mind.level.reply_words
    shaper = Shaper(most, exchange.mind.language)
    async with aclosing(pieces):
        async for piece in pieces:
            if not isinstance(piece, Line):
                yield piece
                continue
            for line in shaper.shape(piece.text):
                yield Line(line)
    for line in shaper.close():
        yield Line(line)
    if shaper.cut:
        exchange.decide("shape", "cut", because=f"more than {most} words")


SHAPE = Stage("shape", shape)
