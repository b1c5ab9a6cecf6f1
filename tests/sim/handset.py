"""What a caller's telephone sends: an RTP packet every 20 ms, with speech, keys or the room's noise in it."""

from __future__ import annotations

import random
import struct
from collections import deque
from dataclasses import dataclass, field

from tests.sim import g711

PCMU, TELEPHONE_EVENT = 0, 101
KEYS = "0123456789*#ABCD"
END_PACKETS = 3  # RFC 4733 2.5.1.4: the last packet of an event is sent three times


@dataclass(slots=True)
class _Key:
    event: int
    timestamp: int
    frames: int
    sent: int = 0
    ends: int = 0


@dataclass(slots=True)
class Handset:
    """One stream; `packet()` is called once for every 20 ms of the caller's own clock."""

    seed: int
    ssrc: int = field(init=False)
    sequence: int = field(init=False)
    timestamp: int = field(init=False)
    silent: bool = False  # sends nothing: a muted handset with silence suppression, or a dead one
    noise: tuple[bytes, ...] = g711.room_noise(0)
    _echo: dict[int, bytes] | None = None  # what the loudspeaker says, by sequence number, until it is heard
    _echo_due: int | None = None  # the number whose echo the next packet has in it
    _echo_frames: int = 0
    _echo_gain: bytes = b""
    _speech: bytearray = field(default_factory=bytearray)
    _keys: deque[_Key] = field(default_factory=deque)
    _frames: int = 0
    _marker: bool = True

    def __post_init__(self) -> None:
        source = random.Random(f"{self.seed}/handset")
        self.ssrc, self.sequence, self.timestamp = (
            source.getrandbits(32),
            source.getrandbits(16),
            source.getrandbits(32),
        )

    @property
    def speaking(self) -> bool:
        return bool(self._speech)

    def say(self, codes: bytes) -> None:
        """Speech from the next packet on, after what is being said already."""
        self._speech += codes + g711.encode(bytes(-len(codes) % g711.FRAME * 2))

    def press(self, key: str, duration_ms: int) -> None:
        self._keys.append(_Key(KEYS.index(key), 0, max(2, duration_ms // 20)))

    def echoes(self, gain_db: float, delay_ms: int) -> None:
        """From now on, what is `heard` comes back softer and later, once it has been heard that long."""
        self._echo, self._echo_due = {}, None
        self._echo_gain, self._echo_frames = g711.scaled(10 ** (gain_db / 20)), delay_ms // 20

    def heard(self, sequence: int, codes: bytes) -> None:
        """A loudspeaker says each packet in its turn: silence for a lost one, and nothing that comes too late."""
        if self._echo is None:
            return
        if self._echo_due is None:
            self._echo_due = (sequence - self._echo_frames) & 0xFFFF
        if (sequence - self._echo_due) & 0x8000 == 0:
            self._echo[sequence] = codes.translate(self._echo_gain)

    def packet(self) -> bytes | None:
        codes = self.noise[self._frames % len(self.noise)]
        if self._speech:
            codes = bytes(self._speech[: g711.FRAME])
            del self._speech[: g711.FRAME]
        if self._echo is not None and self._echo_due is not None:
            echo = self._echo.pop(self._echo_due, None)
            self._echo_due = (self._echo_due + 1) & 0xFFFF
            if echo is not None:
                codes = g711.mixed(codes, echo)
        key = self._keys[0] if self._keys else None
        packet = None
        if not self.silent:
            packet = self._rtp(PCMU, self.timestamp, codes) if key is None else self._key_packet(key)
        self._frames += 1
        self.timestamp = (self.timestamp + g711.FRAME) & 0xFFFFFFFF
        return packet

    def _key_packet(self, key: _Key) -> bytes:
        if key.sent == 0:
            key.timestamp, self._marker = self.timestamp, True
        key.sent = min(key.sent + 1, key.frames)
        key.ends += key.sent == key.frames
        if key.ends == END_PACKETS:
            self._keys.popleft()
        end_and_volume = (0x80 if key.ends else 0) | 10
        return self._rtp(
            TELEPHONE_EVENT,
            key.timestamp,
            struct.pack("!BBH", key.event, end_and_volume, key.sent * g711.FRAME),
        )

    def _rtp(self, payload_type: int, timestamp: int, payload: bytes) -> bytes:
        header = struct.pack(
            "!BBHII", 0x80, (0x80 if self._marker else 0) | payload_type, self.sequence, timestamp, self.ssrc
        )
        self._marker = False
        self.sequence = (self.sequence + 1) & 0xFFFF
        return header + payload
