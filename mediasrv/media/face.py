"""The face of the media plane, as the rooms above see it; `Engine` and `streams.Stream` fulfil it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from mediasrv.audio import EarsChunk
from mediasrv.media.events import Arming, Generation, HoldId, MediaEvent, Position, RecordingResult
from mediasrv.media.spec import (
    Address,
    CapturedPacket,
    Clip,
    Cost,
    Listen,
    RecordingFormat,
    SrtpKeys,
    StreamSpec,
)
from mediasrv.media.statistics import StreamStatistics


class StreamFace(Protocol):
    """A handle into the preallocated pool; after `aclose` every method raises StreamClosed."""

    @property
    def local(self) -> Address:
        """Where this stream receives: what the SDP says."""

    @property
    def group(self) -> int:
        """Streams of one group can hear each other."""

    @property
    def rate_hz(self) -> int:
        """Of the PCM that is played; positions count it."""

    @property
    def codec(self) -> str:
        """What is sent."""

    def begin(self) -> Generation:
        """A new generation of audio, later than every other."""

    async def play(self, pcm: bytes, rate_hz: int, generation: Generation, arming: Arming) -> int:
        """Appends audio, waits for room; returns the source samples of the generation so far.

        Audio of a flushed generation is thrown away without a sound or an error.
        """

    async def finish(self, generation: Generation) -> None:
        """Says that nothing more comes in this generation: `Finished` follows when the last sample is sent."""

    def mark(self, generation: Generation, source: int, name: str) -> None: ...
    def hold(self, lease_ms: int) -> HoldId: ...
    def release(self, hold: HoldId, source: int | None = None) -> None: ...
    async def flush(self, generation: Generation) -> Position:
        """Drops the generation and all older ones; returns the engine's acknowledged final position."""

    async def read(self, min_ms: int) -> EarsChunk:
        """At least `min_ms` of heard audio, pulled, or less when speech begins or ends in it; what nobody reads loses
        its oldest, counted.
        """

    def hear_key(self, digit: str, duration_ms: int) -> None:
        """A key that came by signalling: `next_event` tells it like one that came as sound."""

    async def next_event(self) -> MediaEvent: ...
    def position(self) -> Position: ...
    def send_dtmf(self, keys: str, duration_ms: int = 100, gap_ms: int = 60) -> None:
        """Presses keys, one after the other, as RFC 4733 packets or, where they were not agreed on, as tones.

        The voice waits meanwhile. `DtmfSent` tells of each. ValueError when there is no such key.
        """

    def set_ptime(self, ms: int) -> None:
        """Sends packets of this length, once those that were begun are out; ValueError for one that nobody uses."""

    def set_comfort_noise(self, payload_type: int) -> None:
        """From now on silence is described by RFC 3389 packets of this type; 0: it is sent as it is."""

    def set_codec(self, payload_type: int) -> None:
        """Sends another of the stream's codecs from now on; ValueError when it is none of them."""

    def set_remote(self, remote: Address) -> None: ...
    def set_keys(self, keys: SrtpKeys) -> None:
        """New SRTP keys from the next slot on; what the old ones protected is still heard for 2 s."""

    async def next_datagram(self) -> tuple[bytes, Address]:
        """What came of DTLS, and from where; only with `keying="dtls"`. What nobody reads is lost, the newest first."""

    def send_datagram(self, data: bytes, to: Address) -> None:
        """Sent at once from the stream's port; only with `keying="dtls"`."""

    def capture(self, into: Callable[[Sequence[CapturedPacket]], None]) -> None:
        """From now on hands every packet of the stream to `into`, in order; some of a burst may be lost, counted.

        LocalError when the engine was opened without room for it.
        """

    def set_direction(self, *, sending: bool, hearing: bool) -> None: ...
    def hear_anew(self) -> None:
        """As if the stream began now: what was told and not read is forgotten, and the media time-out starts again."""

    def move_beside(self, other: StreamFace) -> None:
        """From its next tick on it is of that one's group; what is sent comes up to 20 ms later then, once.

        LocalError when `other` is of another thread of the engine, or when this one listens to any, or any to it.
        """

    def connect(self, source: StreamFace, what: Listen, gain_db: float = 0.0) -> None:
        """From the next tick on the peer is also sent what `source`, of the same group, hears or says.

        Once more changes the gain; at most eight at a time.
        """

    def disconnect(self, source: StreamFace, what: Listen) -> None: ...
    def background(
        self, clip: Clip | None, gain_db: float = 0.0, *, loop: bool = True, fade_ms: int = 20
    ) -> None:
        """Sound behind the voice (ringback, hold music, a filler), in place of the one before; None: silence."""

    def record(
        self,
        path: Path,
        format: RecordingFormat = "wav",  # noqa: A002
    ) -> AbstractAsyncContextManager[RecordingFace]:
        """Records into a new file, what is heard left and what is sent right, until the block is left.

        RecordingFailed when it cannot be opened; a disk that fails later ends the recording, with an event.
        """

    def statistics(self) -> StreamStatistics: ...
    async def aclose(self) -> None:
        """Returns the slot and the port after the engine has let go of both; shielded, bounded."""


class RecordingFace(Protocol):
    """A recording that goes on."""

    def pause(self, *, cut: bool = False) -> None:
        """Silence until `resume`; or, `cut`, nothing at all, so that the file is shorter than the call."""

    def resume(self) -> None: ...
    def mask(self, *, heard: bool = False, said: bool = False) -> None:
        """Sides that are silent in the file from now on (card numbers); neither ends it."""

    @property
    def result(self) -> RecordingResult | None:
        """What became of it, once it is over."""


class ReservationFace(Protocol):
    """Room that is kept for one call, until it is used or given back."""

    def release(self) -> None: ...


class EngineFace(Protocol):
    def reserve(self, cost: Cost) -> ReservationFace:
        """Keeps room for a call, or raises AtCapacity."""

    async def add(
        self,
        reservation: ReservationFace,
        spec: StreamSpec,
        group: int,
        *,
        port_of: StreamFace | None = None,
    ) -> StreamFace:
        """A live stream; `port_of`: one of the same group whose port it takes over, and which is to be closed next."""

    async def tick(self, now_ns: int) -> None:
        """Manual mode only: everything that was due up to `now_ns`."""

    def streams(self) -> Sequence[StreamFace]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
