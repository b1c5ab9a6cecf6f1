"""The reply, as it is spoken: by the shaper, within the words that the level allows."""

from __future__ import annotations

from contextlib import aclosing

from mediasrv.conversation.pipeline.exchange import Exchange, Line, Pieces, Stage
from mediasrv.conversation.speakable import Shaper

READ_ON_MS = 30_000.0  # after the last word that is said


async def shape(exchange: Exchange, pieces: Pieces) -> Pieces:
    """What comes after the last word that is said is still read: the bill stands at its end, and tools may.

    But not for ever: a model that does not know when to stop would keep the caller waiting for nothing.
    """
    cut_ms: float | None = None
    most = exchange.mind.level.reply_words
    shaper = Shaper(most, exchange.mind.language)
    async with aclosing(pieces):
        async for piece in pieces:
            if not isinstance(piece, Line):
                yield piece
                continue
            for line in shaper.shape(piece.text):
                yield Line(line)
            if shaper.cut:
                cut_ms = exchange.ms() if cut_ms is None else cut_ms
                if exchange.ms() - cut_ms > READ_ON_MS:
                    break
    for line in shaper.close():
        yield Line(line)
    if shaper.cut:
        exchange.decide("shape", "cut", because=f"more than {most} words")


SHAPE = Stage("shape", shape)
