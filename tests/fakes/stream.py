"""A stream that fulfils StreamFace in trio's own time: it plays, holds, rewinds, flushes and hears, without an engine.

`speech` is what the caller does: intervals in seconds since the stream began. The gate hears them `GATE_MS` late and
lets go of them `HANGOVER_MS` late, as the real one does. While the line is `dead` no packets come, hence no sound.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ, PTIME_MS, EarsChunk, Span
from mediasrv.errors import LocalError, StreamClosed
from mediasrv.media import (
    Address,
    Arming,
    Clip,
    Dtmf,
    DtmfSent,
    Finished,
    Generation,
    Held,
    HoldId,
    Listen,
    Lull,
    MarkReached,
    MediaEvent,
    Offset,
    Onset,
    Position,
    RecordingFace,
    RecordingFormat,
    RecordingResult,
    Released,
    ReleaseReason,
    SrtpKeys,
    Starved,
    StreamFace,
    StreamStatistics,
)

RATE_HZ = 8_000
TICK_S = PTIME_MS / 1000
FRAME = RATE_HZ * PTIME_MS // 1000
ROOM = 2 * RATE_HZ
FAR_DELAY = RATE_HZ * 60 // 1000
GATE_MS = 40
HANGOVER_MS = 200
LULL_MS = 60


def now_ns() -> int:
    return round(trio.current_time() * 1e9)


@dataclass
class Sent:
    """One tick's packet: what was in it."""

    at: float
    generation: int
    source: int


@dataclass
class FakeRecording:
    """Writes nothing, and remembers what it was told."""

    path: Path
    paused: bool = False
    masked: tuple[bool, bool] = (False, False)
    result: RecordingResult | None = None

    def pause(self, *, cut: bool = False) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def mask(self, *, heard: bool = False, said: bool = False) -> None:
        self.masked = heard, said


@dataclass
class Voice:
    generation: Generation
    total: int = 0
    source: int = 0
    wire: int = 0
    finished: bool = False
    told: bool = False
    starving: bool = False
    armings: list[tuple[int, Arming]] = field(default_factory=list)  # up to this sample

    def arming(self) -> Arming:
        return next((a for end, a in self.armings if self.source < end), self.armings[-1][1])


class FakeStream:
    local: Address = ("127.0.0.1", 20_000)
    rate_hz = RATE_HZ
    group = 1

    def __init__(
        self,
        speech: Sequence[tuple[float, float]] = (),
        *,
        events: Sequence[tuple[float, MediaEvent]] = (),
        dead: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.speech, self.dead = list(speech), dead
        self._planned = sorted(events, key=lambda item: item[0])
        self.sent: list[Sent] = []
        self.listens_to: dict[tuple[int, Listen], float] = {}
        self.behind: Clip | None = None
        self.backgrounds: list[Clip | None] = []  # one after the other
        self.pressed = ""
        self.recordings: list[FakeRecording] = []
        self.flushed: dict[int, float] = {}
        self.holds: list[HoldId] = []
        self.voices: dict[int, Voice] = {}
        self._marks: list[tuple[int, int, str]] = []
        self._last = self._dead = 0
        self._hold: HoldId | None = None
        self._lease_at = math.inf
        self._ducked = False
        self._next_hold = 0
        self._events: deque[MediaEvent] = deque()
        self._changed = trio.Event()
        self._speaking_since: float | None = None
        self._lulled = False
        self._ears: deque[Span] = deque(maxlen=50)
        self._turned = False  # speech has begun or ended, and nobody has read since
        self.closed = False
        self._began = 0.0

    # ---- time --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self._began = trio.current_time()
        while not self.closed:
            self._tick()
            await trio.sleep(TICK_S)

    def _tick(self) -> None:
        self._gate()
        while self._planned and self._planned[0][0] <= trio.current_time() - self._began:
            self._tell(self._planned.pop(0)[1])
        if trio.current_time() >= self._lease_at:
            self._let_go(ReleaseReason.LEASE)
        self._play_frame()
        self._wake()

    def _gate(self) -> None:
        t = trio.current_time() - self._began
        if any(a <= t < b for a, b in self.dead):
            return
        heard = any(a + GATE_MS / 1000 <= t < b + HANGOVER_MS / 1000 for a, b in self.speech)
        self._ears.append(Span(round(t * RATE_HZ), now_ns(), EARS_RATE_HZ * PTIME_MS // 1000, speech=heard))
        if heard and self._speaking_since is None:
            self._speaking_since = t
            self._turned = True
            self._tell(Onset(now_ns(), round(t * RATE_HZ), self._hold_at_onset()))
            self._lulled = False
        elif heard:
            self._tell_lull(t, any(a <= t < b + LULL_MS / 1000 for a, b in self.speech))
        elif self._speaking_since is not None:
            self._speaking_since, self._turned = None, True
            self._tell(Offset(now_ns() - HANGOVER_MS * 1_000_000, round(t * RATE_HZ)))

    def _tell_lull(self, t: float, sounds: bool) -> None:
        if sounds == self._lulled:
            self._lulled = not sounds
            at_ns = now_ns() - (0 if sounds else LULL_MS * 1_000_000)
            self._tell(Lull(at_ns, round(t * RATE_HZ), over=sounds))

    def _hold_at_onset(self) -> HoldId | None:
        voice = self._voice()
        if self._hold is not None or voice is None or voice.source >= voice.total:
            return None
        arming = voice.arming()
        if arming.on_onset == "ignore":
            return None
        self._ducked = arming.on_onset == "duck"
        return self._take_hold(arming.lease_ms)

    def _play_frame(self) -> None:
        voice = self._voice()
        if voice is None or (self._hold is not None and not self._ducked):
            return
        count = min(FRAME, voice.total - voice.source)
        if count:
            self.sent.append(Sent(trio.current_time(), voice.generation, voice.source))
            voice.source += count
            voice.wire += count
            voice.starving = False
            self._fire_marks(voice)
        if voice.source == voice.total and voice.finished and not voice.told:
            voice.told = True
            self._tell(Finished(self.position()))
        elif count == 0 and voice.wire and not voice.finished and not voice.starving:
            voice.starving = True
            self._tell(Starved(self.position()))

    def _fire_marks(self, voice: Voice) -> None:
        due = [mark for mark in self._marks if mark[0] == voice.generation and mark[1] <= voice.source]
        self._marks = [mark for mark in self._marks if mark not in due]
        for _, _, name in due:
            self._tell(MarkReached(name, self.position()))

    def _voice(self) -> Voice | None:
        """The oldest live generation that is not over."""
        live = [v for v in self.voices.values() if v.generation > self._dead and not v.told]
        return live[0] if live else None

    def _tell(self, event: MediaEvent) -> None:
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _check(self) -> None:
        if self.closed:
            raise StreamClosed("the stream is closed")

    # ---- the face ----------------------------------------------------------------------------------------------

    def begin(self) -> Generation:
        self._check()
        self._last += 1
        return Generation(self._last)

    async def play(self, pcm: bytes, rate_hz: int, generation: Generation, arming: Arming) -> int:
        self._check()
        await trio.lowlevel.checkpoint()
        if generation <= self._dead:
            return 0
        voice = self.voices.setdefault(generation, Voice(generation))
        count = len(pcm) // BYTES_PER_SAMPLE * RATE_HZ // rate_hz
        while voice.total - voice.source > ROOM - count:
            await self._changed.wait()
            self._check()
        voice.total += count
        voice.armings.append((voice.total, arming))
        return voice.total

    async def finish(self, generation: Generation) -> None:
        self._check()
        await trio.lowlevel.checkpoint()
        if generation in self.voices:
            self.voices[generation].finished = True

    def mark(self, generation: Generation, source: int, name: str) -> None:
        self._check()
        assert len(self._marks) < 32, "more marks waiting than the engine keeps"
        if generation > self._dead:
            self._marks.append((generation, source, name))

    def hold(self, lease_ms: int) -> HoldId:
        self._check()
        self._ducked = False
        return self._take_hold(lease_ms)

    def _take_hold(self, lease_ms: int) -> HoldId:
        self._next_hold += 1
        self._hold = HoldId(self._next_hold)
        self.holds.append(self._hold)
        self._lease_at = trio.current_time() + lease_ms / 1000
        self._tell(Held(self._hold, self.position()))
        return self._hold

    def release(self, hold: HoldId, source: int | None = None) -> None:
        self._check()
        if hold != self._hold:
            return
        voice = self._voice()
        if voice is not None and source is not None and source < voice.source:
            voice.source = source
        self._let_go(ReleaseReason.COMMAND)

    def _let_go(self, reason: ReleaseReason) -> None:
        if self._hold is not None:
            hold, self._hold, self._lease_at = self._hold, None, math.inf
            self._tell(Released(hold, reason, self.position()))

    async def flush(self, generation: Generation) -> Position:
        self._check()
        voice = self.voices.get(generation)
        at = self._position_of(voice) if voice else Position(generation, 0, 0, 0, 0, now_ns())
        self._dead = max(self._dead, generation)
        self.flushed[generation] = trio.current_time()
        self._marks = [mark for mark in self._marks if mark[0] > generation]
        self._let_go(ReleaseReason.FLUSH)
        await trio.sleep(0.002)
        return at

    async def read(self, min_ms: int) -> EarsChunk:
        while True:
            self._check()
            if len(self._ears) * PTIME_MS >= min_ms or (self._turned and self._ears):
                self._turned = False
                spans = tuple(self._ears)
                self._ears.clear()
                return EarsChunk(bytes(sum(s.samples for s in spans) * BYTES_PER_SAMPLE), spans)
            await self._changed.wait()

    def hear_key(self, digit: str, duration_ms: int) -> None:
        self._check()
        self._tell(Dtmf(digit, duration_ms, now_ns()))

    async def next_event(self) -> MediaEvent:
        while True:
            self._check()
            if self._events:
                return self._events.popleft()
            await self._changed.wait()

    def position(self) -> Position:
        self._check()
        return self._position_of(self._voice() or self.voices.get(self._last))

    def _position_of(self, voice: Voice | None) -> Position:
        if voice is None:
            return Position(Generation(0), 0, 0, 0, 0, now_ns(), self._hold)
        heard = max(0, voice.source - (FAR_DELAY if self._hold is None else 0))
        return Position(voice.generation, voice.wire, voice.source, heard, 0, now_ns(), self._hold)

    def set_codec(self, payload_type: int) -> None: ...
    def set_ptime(self, ms: int) -> None: ...
    def set_comfort_noise(self, payload_type: int) -> None: ...
    def send_dtmf(self, keys: str, duration_ms: int = 100, gap_ms: int = 60) -> None:
        self._check()
        self.pressed += keys
        now_s = trio.current_time() - self._began
        each_s = (duration_ms + gap_ms) / 1000
        sent = [(now_s + k * each_s, DtmfSent(key, now_ns())) for k, key in enumerate(keys, 1)]
        self._planned = sorted([*self._planned, *sent], key=lambda item: item[0])

    def set_keys(self, keys: SrtpKeys) -> None: ...
    async def next_datagram(self) -> tuple[bytes, Address]:
        return await trio.sleep_forever()

    def send_datagram(self, data: bytes, to: Address) -> None: ...
    def set_remote(self, remote: Address) -> None: ...
    def set_direction(self, *, sending: bool, hearing: bool) -> None: ...
    def hear_anew(self) -> None: ...

    codec = "PCMU"

    def move_beside(self, other: StreamFace) -> None:
        self._check()
        self.group = other.group

    def connect(self, source: StreamFace, what: Listen, gain_db: float = 0.0) -> None:
        self._check()
        if source.group != self.group:
            raise LocalError("only another stream of the same group can be listened to")
        self.listens_to[id(source), what] = gain_db

    def disconnect(self, source: StreamFace, what: Listen) -> None:
        self._check()
        del self.listens_to[id(source), what]

    def background(
        self, clip: Clip | None, gain_db: float = 0.0, *, loop: bool = True, fade_ms: int = 20
    ) -> None:
        self._check()
        self.behind = clip
        self.backgrounds.append(clip)

    @asynccontextmanager
    async def record(self, path: Path, format: RecordingFormat = "wav") -> AsyncIterator[RecordingFace]:  # noqa: A002
        self._check()
        recording = FakeRecording(path)
        self.recordings.append(recording)
        await trio.lowlevel.checkpoint()
        try:
            yield recording
        finally:
            recording.result = RecordingResult(path, 0, 0, 0)

    def statistics(self) -> StreamStatistics:
        return StreamStatistics(packets_sent=len(self.sent))

    async def aclose(self) -> None:
        self.closed = True
        self._wake()
        await trio.lowlevel.checkpoint()
