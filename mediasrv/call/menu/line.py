"""One call's mouth and keys: says one thing after the other, and collects what is pressed meanwhile.

Keys wait in a bounded row, in the order in which they were pressed, so that a caller who knows the menus can type
ahead. A passage that a key may end is ended by one that was pressed before it began, too: nobody hears the beginning
of a menu whose choice has already been made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field

import trio

from mediasrv.audio import BYTES_PER_SAMPLE, samples_in
from mediasrv.call.call import Call
from mediasrv.call.media_notes import note_media
from mediasrv.conversation.provider_edge import check_sound, has_sound, in_time, waits_for
from mediasrv.errors import StreamClosed, leaves
from mediasrv.media import (
    Arming,
    Clip,
    Dtmf,
    DtmfSent,
    Finished,
    Generation,
    RecordingOver,
    StreamFace,
)
from mediasrv.providers.protocols import ProviderError, SpeechChunk, TextToSpeech

KEYS_WAITING = 32  # more, before anybody reads them, are dropped
PIECE_MS = 200  # handed over at a time, so that a key need not wait for a long file
PATIENCE_S = 1.0  # between looks at the position, should the engine's word that it has finished be lost
DEAF = Arming(on_onset="ignore")  # speech does not interrupt a menu; keys do

# Sound under way. Who sits on the caller's seat may change while it plays, so both are taken once, together.
Sounding = tuple[StreamFace, Generation]


@dataclass(slots=True)
class Line:
    call: Call
    voice: TextToSpeech
    voice_name: str
    spare_voice: TextToSpeech  # speaks when the voice fails
    _keys: deque[str] = field(default_factory=deque)
    _changed: trio.Event = field(default_factory=trio.Event)
    _finished: tuple[StreamFace | None, int] = (None, 0)  # whose last sample was sent last, and where
    _keys_sent: int = 0
    _recording: trio.CancelScope | None = None

    async def attend(self) -> None:
        """Takes what the stream tells, as long as the call lasts."""
        while True:
            event = await self.call.next_event()
            note_media(self.call.timeline, event)
            match event:
                case Dtmf():
                    self._pressed(event)
                case Finished():
                    self._finished = self.call.stream, event.at.generation
                case DtmfSent():
                    self._keys_sent += 1
                case RecordingOver() if self._recording is not None:
                    self._recording.cancel()
            self._changed.set()
            self._changed = trio.Event()

    def _pressed(self, key: Dtmf) -> None:
        self.call.timeline.note("key", at_ns=key.at_ns, digit=key.digit)
        if len(self._keys) < KEYS_WAITING:
            self._keys.append(key.digit)

    # ---- keys --------------------------------------------------------------------------------------------------

    async def wait_key(self) -> None:
        """Until at least one key waits to be read."""
        while not self._keys:
            await self._changed.wait()

    async def next_key(self) -> str:
        await self.wait_key()
        return self._keys.popleft()

    def forget_keys(self) -> None:
        self._keys.clear()

    async def send_keys(self, keys: str, within_s: float) -> bool:
        """Presses keys; whether all of them were out in time."""
        until = self._keys_sent + len(keys)
        if not await self.call.leg.press(keys):
            return True
        with trio.move_on_after(within_s):
            while self._keys_sent < until:
                await self._changed.wait()
        return self._keys_sent >= until

    # ---- sound -------------------------------------------------------------------------------------------------

    async def say(self, text: str, *, barge_in: bool = True) -> None:
        """Speaks the text to its end, or to the first key."""
        if text:
            await self._sound(self._speech(text), barge_in=barge_in, what=text)

    async def play(self, clip: Clip, name: str, *, barge_in: bool = True) -> None:
        """Plays the sound to its end, or to the first key."""
        await self._sound(_pieces(clip), barge_in=barge_in, what=name)

    async def _sound(self, sound: AsyncGenerator[SpeechChunk, None], *, barge_in: bool, what: str) -> None:
        stream = self.call.stream  # of this party: to another one's stream the generation means nothing
        under_way = stream, stream.begin()
        async with aclosing(sound):
            whole = await (self._unless_key(sound, under_way) if barge_in else self._all(sound, under_way))
        if not whole:
            await stream.flush(under_way[1])
        self.call.timeline.note("said", what=what, whole=whole)

    async def _unless_key(self, sound: AsyncGenerator[SpeechChunk, None], under_way: Sounding) -> bool:
        """Whether it was played whole: a key cancels what is left of it."""
        whole = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_at_key, nursery.cancel_scope)
            whole = await self._all(sound, under_way)
            nursery.cancel_scope.cancel()
        return whole

    async def _cancel_at_key(self, scope: trio.CancelScope) -> None:
        await self.wait_key()
        scope.cancel()

    async def _all(self, sound: AsyncGenerator[SpeechChunk, None], under_way: Sounding) -> bool:
        (stream, generation), samples = under_way, 0
        async for chunk in sound:
            step = samples_in(PIECE_MS, chunk.rate_hz) * BYTES_PER_SAMPLE
            for at in range(0, len(chunk.pcm), step):
                samples = await stream.play(chunk.pcm[at : at + step], chunk.rate_hz, generation, DEAF)
        if samples:
            await stream.finish(generation)
            await self._wait_finished(under_way, samples)
        return True

    async def _wait_finished(self, under_way: Sounding, samples: int) -> None:
        stream, generation = under_way
        while self._finished != under_way:
            with trio.move_on_after(PATIENCE_S):
                await self._changed.wait()
            at = stream.position()
            if at.generation == generation and at.source >= samples:
                return

    async def _speech(self, text: str) -> AsyncGenerator[SpeechChunk, None]:
        """The voice, and where it fails before its first sound, the spare one; where both do, silence."""
        for voice, name in ((self.voice, self.voice_name), (self.spare_voice, "")):
            sound_ms = 0.0
            try:
                async with aclosing(self._in_time(voice, text, name)) as chunks:
                    async for chunk in chunks:
                        sound_ms = check_sound(chunk, sound_ms, voice.name)
                        yield chunk
                return
            except* ProviderError as errors:
                problem = "; ".join(str(error) for error in leaves(errors))
                self.call.timeline.note("voice_failed", problem=problem)
            if sound_ms:
                return

    def _in_time(self, voice: TextToSpeech, text: str, name: str) -> AsyncGenerator[SpeechChunk, None]:
        failures = self.call.settings.failures
        first_s, next_s = waits_for(voice, failures.first_sound_s, failures.next_sound_s)
        return in_time(voice.stream(text, name), first_s, next_s, voice.name, counts=has_sound)

    @contextmanager
    def music(self, clip: Clip, gain_db: float) -> Iterator[None]:
        """Sounds behind the block, again and again."""
        stream = self.call.stream
        stream.background(clip, gain_db)
        try:
            yield
        finally:
            with suppress(StreamClosed):  # who was replaced took it along
                stream.background(None)

    @contextmanager
    def until_recorded(self, longest_s: float) -> Iterator[None]:
        """Leaves the block when the time is up, or the recording ends by itself (a disk that is full)."""
        with trio.move_on_after(longest_s) as self._recording:
            yield
        self._recording = None


async def _pieces(clip: Clip) -> AsyncGenerator[SpeechChunk, None]:
    yield SpeechChunk(clip.pcm, clip.rate_hz)
