"""What the model writes, in sentences: as they are finished, or all together where the level does not stream."""

from __future__ import annotations

from contextlib import aclosing

from mediasrv.conversation.pipeline.exchange import Exchange, Line, Pieces, Stage, Written
from mediasrv.conversation.sentences import SentenceAssembler


async def assemble(exchange: Exchange, pieces: Pieces) -> Pieces:
    """At a level that does not stream, the last word is written before the first is said."""
    sentences, streams = SentenceAssembler(), exchange.mind.level.streams
    kept: list[str] = []
    async with aclosing(pieces):
        async for piece in pieces:
            if not isinstance(piece, Written):
                yield piece
            elif streams:
                for sentence in sentences.push(piece.text):
                    yield Line(sentence)
            else:
                kept += sentences.push(piece.text)
    for sentence in [*kept, *sentences.close()]:
        yield Line(sentence)


SENTENCES = Stage("sentences", assemble)
