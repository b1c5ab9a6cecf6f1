"""An apology after a fault of our own: said by what still works, when nothing else of the call does.

The call's tasks are cancelled by then, and nobody reads the stream's events: so the sound must be ready, the position
is looked at instead, and all of it has a deadline. What goes wrong here is no news any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import trio

from mediasrv.audio import PTIME_MS
from mediasrv.errors import MediasrvError
from mediasrv.media import Arming, StreamFace
from mediasrv.providers.protocols import SpeechChunk

LOOK_S = 5 * PTIME_MS / 1000


async def say_last_words(stream: StreamFace, sound: Sequence[SpeechChunk], within_s: float) -> bool:
    """Whether all of it was sent in time; whatever sounded before is dropped."""
    with suppress(MediasrvError), trio.CancelScope(shield=True), trio.move_on_after(within_s):
        generation, samples = stream.begin(), 0
        for chunk in sound:
            samples = await stream.play(chunk.pcm, chunk.rate_hz, generation, Arming(on_onset="ignore"))
        await stream.finish(generation)
        while (at := stream.position()).generation != generation or at.source < samples:  # noqa: ASYNC110
            await trio.sleep(LOOK_S)
        return True
    return False
