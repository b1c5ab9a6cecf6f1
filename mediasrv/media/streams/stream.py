"""One stream as trio sees it: a handle into the engine's pool, and whoever waits for something there.

The stream is told by its engine what happened (`take`), and tells whoever waits. It gives its place back in two
steps: `aclose` asks, the engine's REMOVED answers, and only then do the socket and the slot go to somebody else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import trio

from mediasrv.audio import EarsChunk
from mediasrv.errors import LocalError, StreamClosed
from mediasrv.media.admission import Share
from mediasrv.media.events import (
    Arming,
    Dtmf,
    Finished,
    Generation,
    HoldId,
    MediaEvent,
    Offset,
    Onset,
    Position,
    RecordingOver,
    RecordingResult,
)
from mediasrv.media.ports import SharedPort
from mediasrv.media.spec import Address, CapturedPacket, Clip, Listen, RecordingFormat, SrtpKeys, StreamSpec
from mediasrv.media.statistics import StreamStatistics
from mediasrv.media.streams.ears import Ears
from mediasrv.media.streams.event_queue import EventQueue
from mediasrv.media.streams.orders import Orders
from mediasrv.media.streams.recording import Recording, Recordings
from mediasrv.media.streams.translate import DTMF_DIGITS, media_event, position
from mediasrv.media.streams.twice_told import TwiceTold
from mediasrv.media.streams.voice import LONGEST_LEASE_MS, Voice
from mediasrv_native import engine as native
from mediasrv_native.engine import Captured, NativeEngine, NativeEvent
from mediasrv_native.errors import QueueFull, StaleHandle, WrongArgument, WrongState
from mediasrv_native.kernels import Resampler

if TYPE_CHECKING:
    from mediasrv.media.face import StreamFace

CLOSE_WITHIN_S = 1.0
PACKETS_MS = (10, 20, 30, 40, 60)
PACKETS = native.MOMENT_RECEIVED, native.MOMENT_SENT
UNREAD_DATAGRAMS = 16  # then the newest is lost, and the other side sends it again
LONGEST_DTMF = 32  # keys that the engine keeps waiting
RTCP_TYPES = range(192, 224)  # RFC 5761 section 4
UNHEARD = "the stream was added without `bridge`: nobody can hear what it hears"
NEWEST_HOLD = 2**31 - 1  # the engine's own holds lie above


class Stream:
    def __init__(
        self,
        engine: NativeEngine,
        orders: Orders,
        handle: int,
        spec: StreamSpec,
        place: tuple[str, SharedPort],
        share: Share,
        recordings: Recordings,
        group: int,
    ) -> None:
        self._engine, self._orders = engine, orders
        self.handle, self.spec, self.group = handle, spec, group
        (self._host, self._port), self._share, self._recordings = place, share, recordings
        self._rate_hz = spec.rate_hz
        self._codecs = {coding.payload_type: coding.codec for coding in spec.codings()}
        self._codec = spec.codec
        self._voice = Voice(engine, orders, handle, self._rate_hz, spec.playout_ms)
        self._ears = Ears(engine, handle, spec.ears_ms)
        self._events = EventQueue()
        self._twice_told = TwiceTold()
        self._datagrams, self._next_datagram = trio.open_memory_channel[tuple[bytes, Address]](
            UNREAD_DATAGRAMS
        )
        self._capture: Callable[[Sequence[CapturedPacket]], None] | None = None
        self._holds = 0
        self._clips: dict[int, bytes] = {}  # that the engine may be reading
        self._clip = 0
        self._closed = False
        self._gone = trio.Event()

    @property
    def local(self) -> Address:
        return self._host, self._port.number

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def codec(self) -> str:
        return self._codec

    @property
    def closed(self) -> bool:
        return self._closed

    def _check_open(self) -> None:
        if self._closed:
            raise StreamClosed("the stream was closed")

    # ---- voice
    def begin(self) -> Generation:
        self._check_open()
        return self._voice.begin()

    async def play(self, pcm: bytes, rate_hz: int, generation: Generation, arming: Arming) -> int:
        self._check_open()
        return await self._voice.play(pcm, rate_hz, generation, arming)

    async def finish(self, generation: Generation) -> None:
        self._check_open()
        await self._voice.finish(generation)

    def mark(self, generation: Generation, source: int, name: str) -> None:
        self._check_open()
        self._voice.mark(generation, source, name)

    def hold(self, lease_ms: int) -> HoldId:
        self._check_open()
        if not 0 < lease_ms <= LONGEST_LEASE_MS:
            raise ValueError(f"a lease lasts 1-{LONGEST_LEASE_MS} ms, not {lease_ms}")
        self._holds = self._holds % NEWEST_HOLD + 1
        self._orders.give(self._engine.hold, self.handle, self._holds, lease_ms, 0)
        return HoldId(self._holds)

    def release(self, hold: HoldId, source: int | None = None) -> None:
        self._check_open()
        if source is not None and source < 0:
            raise ValueError(f"there is nothing to go back to before the beginning: {source}")
        self._orders.give(self._engine.release, self.handle, hold, -1 if source is None else source)

    async def flush(self, generation: Generation) -> Position:
        self._check_open()
        return await self._voice.flush(generation)

    def position(self) -> Position:
        self._check_open()
        return position(self._engine.position(self.handle))

    # ---- ears and events
    async def read(self, min_ms: int) -> EarsChunk:
        self._check_open()
        return await self._ears.read(min_ms)

    async def next_event(self) -> MediaEvent:
        self._check_open()
        return await self._events.get()

    def hear_key(self, digit: str, duration_ms: int) -> None:
        key = Dtmf(digit, duration_ms, self.position().at_ns)
        if self._twice_told.is_news(key, signalled=True):
            self._events.put(key)

    # ---- whom the peer hears besides, and what is recorded
    def move_beside(self, other: StreamFace) -> None:
        self._check_open()
        if not isinstance(other, Stream) or other._engine is not self._engine:
            raise LocalError("a stream cannot move to another thread of the engine")
        try:
            self._engine.move(self.handle, other.group)
        except WrongState:
            raise LocalError("a stream that listens, or is listened to, cannot move") from None
        except QueueFull:
            raise LocalError("the engine has too much to do") from None
        self.group = other.group

    def connect(self, source: StreamFace, what: Listen, gain_db: float = 0.0) -> None:
        self._check_open()
        handle = self._handle_of(source)
        try:
            self._engine.connect(self.handle, handle, what.value, 10 ** (gain_db / 20))
        except WrongArgument:
            raise LocalError(
                "only another stream of the same group can be listened to, below 18 dB"
            ) from None
        except WrongState:
            raise LocalError(UNHEARD) from None
        except QueueFull:
            raise LocalError(f"a stream listens to {native.CONNECTIONS} others at most") from None

    def disconnect(self, source: StreamFace, what: Listen) -> None:
        self._check_open()
        handle = self._handle_of(source)
        try:
            self._engine.disconnect(self.handle, handle, what.value)
        except StaleHandle:
            raise LocalError("the two are not connected") from None

    def _handle_of(self, source: StreamFace) -> int:
        if not isinstance(source, Stream) or source._engine is not self._engine:
            raise LocalError("only another stream of the same group can be listened to")
        source._check_open()
        return source.handle

    def background(
        self, clip: Clip | None, gain_db: float = 0.0, *, loop: bool = True, fade_ms: int = 20
    ) -> None:
        self._check_open()
        pcm = b"" if clip is None else self._at_our_rate(clip)
        gain = 10 ** (gain_db / 20)
        self._orders.give(self._engine.background, self.handle, self._clip + 1, pcm, gain, fade_ms, loop)
        self._clip += 1
        self._clips[self._clip] = pcm

    def _at_our_rate(self, clip: Clip) -> bytes:
        if clip.rate_hz == self._rate_hz:
            return clip.pcm
        return Resampler(clip.rate_hz, self._rate_hz).process(clip.pcm)

    def _forget_clips(self, newest: int) -> None:
        self._clips = {number: pcm for number, pcm in self._clips.items() if number > newest}

    @asynccontextmanager
    async def record(self, path: Path, format: RecordingFormat = "wav") -> AsyncIterator[Recording]:  # noqa: A002
        self._check_open()
        if not self.spec.bridge:
            raise LocalError(UNHEARD)
        recording = await self._recordings.begin(self.handle, path, format)
        try:
            yield recording
        finally:
            await recording.stop()

    def recorded(self, result: RecordingResult, at_ns: int) -> None:
        """Called by the engine when a recording is over."""
        if not self._closed:
            self._events.put(RecordingOver(result.path, result.duration_ms, result.errno, at_ns))

    def send_dtmf(self, keys: str, duration_ms: int = 100, gap_ms: int = 60) -> None:
        self._check_open()
        codes = [DTMF_DIGITS.find(key) for key in keys.upper()]
        if not keys or min(codes) < 0 or len(keys) > LONGEST_DTMF:
            raise ValueError(f"up to {LONGEST_DTMF} of {DTMF_DIGITS}, not {keys!r}")
        if not (40 <= duration_ms <= 10_000 and 40 <= gap_ms <= 10_000):
            raise ValueError(f"a key and its pause last 40-10000 ms each, not {duration_ms} and {gap_ms}")
        for code in codes:
            self._orders.give(self._engine.press, self.handle, code, duration_ms, gap_ms)

    # ---- signalling's wishes
    def set_codec(self, payload_type: int) -> None:
        self._check_open()
        if payload_type not in self._codecs:
            raise ValueError(f"payload type {payload_type} is none of this stream's codecs")
        self._orders.give(self._engine.set_coding, self.handle, payload_type)
        self._codec = self._codecs[payload_type]

    def set_ptime(self, ms: int) -> None:
        self._check_open()
        if ms not in PACKETS_MS:
            raise ValueError(f"packets are {PACKETS_MS} ms long, not {ms}")
        self._orders.give(self._engine.set_ptime, self.handle, ms)

    def set_comfort_noise(self, payload_type: int) -> None:
        self._check_open()
        self._orders.give(self._engine.set_comfort, self.handle, payload_type)

    def set_remote(self, remote: Address) -> None:
        self._check_open()
        self._orders.give(self._engine.set_remote, self.handle, remote)

    def set_keys(self, keys: SrtpKeys) -> None:
        self._check_open()
        self._orders.give(self._engine.set_keys, self.handle, keys.native())

    async def next_datagram(self) -> tuple[bytes, Address]:
        self._check_open()
        try:
            return await self._next_datagram.receive()
        except trio.EndOfChannel:
            raise StreamClosed("the stream was closed") from None

    def send_datagram(self, data: bytes, to: Address) -> None:
        self._check_open()
        self._engine.send_datagram(self.handle, data, to)
        if self._capture is not None:  # it does not pass the engine's thread
            self._capture([CapturedPacket(time.monotonic_ns(), self.local, to, True, data)])

    def capture(self, into: Callable[[Sequence[CapturedPacket]], None]) -> None:
        self._check_open()
        try:
            self._engine.capture(self.handle, True)
        except WrongState:
            raise LocalError("the engine was opened without room for captures") from None
        self._capture = into

    def set_direction(self, *, sending: bool, hearing: bool) -> None:
        self._check_open()
        self._orders.give(self._engine.set_sending, self.handle, sending)
        self._orders.give(self._engine.set_hearing, self.handle, hearing)

    def hear_anew(self) -> None:
        self._check_open()
        self._events.clear()
        self._orders.give(self._engine.set_hearing, self.handle, False)
        self._orders.give(self._engine.set_hearing, self.handle, True)

    def statistics(self) -> StreamStatistics:
        self._check_open()
        counted = self._engine.stream_statistics(self.handle)
        return StreamStatistics.of(counted, events_dropped=self._events.dropped)

    # ---- the engine's word
    def take(self, event: NativeEvent) -> None:
        """Called by the engine for each event of this stream, in order."""
        if self._closed:
            return
        between_us = _BETWEEN_US.get(event.kind)
        if between_us is not None:
            between_us(self, event)
            return
        told = media_event(event, self._voice.mark_name)
        if isinstance(told, Dtmf) and not self._twice_told.is_news(told, signalled=False):
            return
        if told is not None:
            self._events.put(told)
        if isinstance(told, Onset | Offset):
            self._ears.turned()
        if isinstance(told, Finished):
            self._voice.finished(told.at.generation)

    def take_datagram(self, data: bytes, source: Address) -> None:
        """Called by the engine for DTLS that came to the stream's port."""
        if not self._closed:
            with suppress(trio.WouldBlock):
                self._datagrams.send_nowait((data, source))

    def take_captured(self, moments: Sequence[Captured]) -> None:
        """Called by the engine for what it was asked for; some of these are packets."""
        if self._capture is None:
            return
        packets: list[CapturedPacket] = []
        for _, kind, _, at_ns, _, peer, data in moments:
            if kind in PACKETS and peer is not None:
                sent = kind == native.MOMENT_SENT
                packets.append(CapturedPacket(at_ns, self._captured_at(data), peer, sent, data))
        if packets:
            self._capture(packets)

    def _captured_at(self, data: bytes) -> Address:
        host, port = self.local
        is_rtcp = len(data) > 1 and data[1] in RTCP_TYPES
        return host, port + 1 if is_rtcp and self.spec.rtcp == "port" else port

    def share_port(self) -> SharedPort:
        """For a stream that takes this one's place."""
        self._check_open()
        return self._port.share()

    def gone(self) -> None:
        """Nothing touches the slot or the socket any more: both go back, with what admission had promised."""
        self._close_waits()
        self._port.close()
        self._share.release()
        self._clips.clear()
        self._gone.set()

    def _close_waits(self) -> None:
        self._closed = True
        self._voice.close()
        self._ears.close()
        self._events.close()
        self._datagrams.close()

    async def aclose(self) -> None:
        """Idempotent. After a second the engine is not waited for; it still gives everything back when it can."""
        if not self._closed:
            self._close_waits()
            self._orders.give(self._engine.remove, self.handle)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_WITHIN_S):
            await self._gone.wait()


# What the engine tells us for the stream's own sake, and nobody else.
_BETWEEN_US: Mapping[int, Callable[[Stream, NativeEvent], None]] = MappingProxyType(
    {
        native.EVENT_ROOM: lambda stream, _: stream._voice.room(),
        native.EVENT_EARS: lambda stream, _: stream._ears.readable(),
        native.EVENT_FLUSHED: lambda stream, e: stream._voice.flushed(e.arg, position(e.position)),
        native.EVENT_CLIP_DONE: lambda stream, e: stream._forget_clips(e.name),
    }
)
