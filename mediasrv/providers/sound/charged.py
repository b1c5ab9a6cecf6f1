"""A passage and its price: paid with the first of its sound, however soon the passage is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from mediasrv.providers.protocols import SpeechChunk, Usage


async def charged(sound: AsyncGenerator[SpeechChunk, None], used: Usage) -> AsyncGenerator[SpeechChunk, None]:
    """The same sound; a voice that makes none is not paid. Close it with `aclosing`."""
    owed: Usage | None = used
    async with aclosing(sound) as chunks:
        async for chunk in chunks:
            if chunk.pcm and owed is not None:
                chunk, owed = replace(chunk, usage=owed), None
            yield chunk
