"""One core (native/c/core/ms_core.h), without an engine around it; times in ns, audio as bytes of int16."""

from typing import NamedTuple, Unpack

from mediasrv_native.settings import Settings

class CorePosition(NamedTuple):
    generation: int
    hold: int
    wire: int
    source: int
    heard: int
    heard_error: int
    at_ns: int

class CoreEvent(NamedTuple):
    kind: int  # MS_EVENT_*, as mediasrv_native.engine names them
    reason: int
    code: int
    hold: int
    name: int
    arg: int
    at_ns: int
    rtp_extended: int
    position: CorePosition
    remote: tuple[str, int] | None

class CoreSpan(NamedTuple):
    rtp_extended: int
    at_ns: int
    samples: int
    flags: int

def core_bytes(**settings: Unpack[Settings]) -> int:
    """What a core takes, all of it."""

class Core:
    """A refused command raises NativeError."""

    def __init__(self, *, seed: int = 0, **settings: Unpack[Settings]) -> None: ...
    def receive(self, packet: bytes, source: tuple[str, int], at_ns: int) -> bool:
        """True when something urgent waits among the events."""
    def tick(self, due_ns: int, now_ns: int | None = None) -> tuple[tuple[str, int], bytes] | None:
        """For streams that send no more than a packet a tick."""
    def tick_all(self, due_ns: int, now_ns: int | None = None) -> list[tuple[tuple[str, int], bytes]]: ...
    def tick_channels(
        self, due_ns: int, now_ns: int | None = None
    ) -> list[tuple[int, tuple[str, int], bytes]]:
        """The same, with the channel of each: 0 RTP, 1 RTCP."""
    def farewell(self, now_ns: int) -> tuple[tuple[str, int], bytes] | None: ...
    def offer_keys(self, keys: tuple[int, bytes, bytes]) -> None:
        """Ready for MS_OP_KEYS; `set_keys` gives that command too."""
    def set_keys(self, keys: tuple[int, bytes, bytes], now_ns: int) -> None: ...
    def mix_in(self, pcm: bytes, gain: float = 1) -> None:
        """20 ms at say_hz, added to what the next tick sends."""
    def said(self) -> bytes:
        """The voice of the last tick, 20 ms at say_hz."""
    def sent(self) -> bytes:
        """The same with what was mixed in."""
    def hold(
        self, hold: int, lease_ms: int, now_ns: int, *, duck: bool = False, on_lease: int = 0
    ) -> None: ...
    def release(self, hold: int, now_ns: int, *, source: int = -1) -> None: ...
    def flush(self, generation: int, now_ns: int) -> None: ...
    def mark(self, generation: int, source: int, name: int, now_ns: int) -> None: ...
    def set_remote(self, remote: tuple[str, int] | None, now_ns: int) -> None: ...
    def set_direction(
        self, now_ns: int, *, sending: bool | None = None, hearing: bool | None = None
    ) -> None: ...
    def apply_raw(
        self,
        op: int,
        now_ns: int,
        *,
        flag: int = 0,
        generation: int = 0,
        hold: int = 0,
        arg: int = 0,
        name: int = 0,
    ) -> int:
        """Any command, however wrong; returns the status."""
    def events(self) -> list[CoreEvent]: ...
    @property
    def urgent(self) -> bool: ...
    def next_deadline(self) -> int: ...
    def handle_deadline(self, now_ns: int) -> bool: ...
    def position(self) -> CorePosition: ...
    def statistics(self) -> dict[str, int | float]: ...
    def bridge_frame(self, due_ns: int, rate_hz: int) -> bytes | None:
        """20 ms for people to hear; None: no bridge, or not at that rate."""
    def bridge_statistics(self) -> dict[str, int | float] | None:
        """The fields of JitterStatistics; None: no bridge."""
    def play(
        self, generation: int, pcm: bytes, *, lease_ms: int = 1500, on_onset: int = 1, on_lease: int = 0
    ) -> int:
        """Appends audio; returns how many samples had room."""
    def finish(self, generation: int) -> None: ...
    def room(self) -> int: ...
    def read_ears(self, capacity: int = 16000) -> tuple[bytes, CoreSpan] | None: ...
    def ears_readable(self) -> int: ...
