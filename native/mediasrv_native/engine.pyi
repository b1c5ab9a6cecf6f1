"""The engine (native/c/ms_engine.h) for Python: a pool of streams, one thread, one eventfd."""

from typing import Final, NamedTuple

POLICY_NORMAL: Final[int]
POLICY_SLICE: Final[int]
POLICY_FIFO: Final[int]
POLICY_BEST: Final[int]

class NativeError(Exception):
    """A status code of the native core, with its name; `status` is the number."""

    status: int

class StaleHandle(NativeError): ...
class QueueFull(NativeError): ...

Address = tuple[str, int]

class NativePosition(NamedTuple):
    generation: int
    hold: int
    wire: int
    source: int
    heard: int
    heard_error: int
    at_ns: int

class NativeEvent(NamedTuple):
    stream: int
    kind: int  # MS_EVENT_*
    reason: int
    code: int
    hold: int
    name: int
    arg: int
    at_ns: int
    rtp_extended: int
    position: NativePosition
    remote: Address | None

class NativeSpan(NamedTuple):
    rtp_extended: int
    at_ns: int
    samples: int
    flags: int

class OutPacket(NamedTuple):
    stream: int
    at_ns: int
    to: Address
    data: bytes

class NativeEngine:
    """Every method belongs to the thread that made it; a stale handle raises StaleHandle."""

    def __init__(
        self,
        *,
        capacity: int = 256,
        slots: int = 10,
        manual: bool = False,
        policy: int = ...,
        cpu: int = -1,
        priority: int = 40,
        seed: int = 0,
    ) -> None: ...
    @property
    def eventfd(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def add(
        self,
        *,
        socket_fd: int,
        group: int,
        codec: int,
        payload_type: int,
        telephone_event_type: int,
        remote: Address | None,
        aec: bool,
        ns: bool,
        vad: bool,
        lock_source: bool,
        aec_tail_ms: int,
        reorder_ms: int,
        playout_ms: int,
        rewind_ms: int,
        ears_ms: int,
        far_delay_ms: int,
        far_delay_error_ms: int,
        media_timeout_ms: int,
        ssrc: int,
        first_sequence: int,
        first_timestamp: int,
    ) -> int: ...
    def remove(self, stream: int) -> None: ...
    def reclaim(self, stream: int) -> None: ...
    def hold(self, stream: int, hold: int, lease_ms: int, on_lease: int) -> None: ...
    def duck(self, stream: int, hold: int, lease_ms: int, on_lease: int) -> None: ...
    def release(self, stream: int, hold: int, source: int) -> None: ...
    def flush(self, stream: int, generation: int) -> None: ...
    def mark(self, stream: int, generation: int, source: int, name: int) -> None: ...
    def set_remote(self, stream: int, remote: Address) -> None: ...
    def set_sending(self, stream: int, on: bool) -> None: ...
    def set_hearing(self, stream: int, on: bool) -> None: ...
    def play(
        self,
        stream: int,
        generation: int,
        pcm: bytes | memoryview,
        lease_ms: int,
        on_onset: int,
        on_lease: int,
    ) -> int:
        """Appends PCM at the stream's rate; returns how many samples had room."""
    def finish(self, stream: int, generation: int) -> None: ...
    def want_room(self, stream: int, samples: int) -> None: ...
    def read_ears(self, stream: int, samples: int) -> list[tuple[bytes, NativeSpan]]: ...
    def ears_readable(self, stream: int) -> int: ...
    def want_ears(self, stream: int, samples: int) -> None: ...
    def events(self, limit: int = 256) -> list[NativeEvent]: ...
    def position(self, stream: int) -> NativePosition: ...
    def stream_statistics(self, stream: int) -> dict[str, int | float]: ...
    def statistics(self) -> dict[str, int | list[int]]: ...
    # manual mode
    def push(self, stream: int, packet: bytes, source: Address, received_ns: int) -> None: ...
    def step(self, now_ns: int) -> None: ...
    def next_step(self) -> int: ...
    def packets(self) -> list[OutPacket]: ...

def bytes_per_stream(*, aec: bool, ns: bool, rate_hz: int = 8000, aec_tail_ms: int = 128) -> int: ...
