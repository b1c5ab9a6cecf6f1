"""The engine (native/c/engine/ms_engine.h) for Python: a pool of streams, one thread, one eventfd."""

from typing import Final, NamedTuple, TypedDict, Unpack

from mediasrv_native.settings import Settings

POLICY_NORMAL: Final[int]
POLICY_SLICE: Final[int]
POLICY_FIFO: Final[int]
POLICY_BEST: Final[int]

EVENT_ONSET: Final[int]
EVENT_OFFSET: Final[int]
OFFSET_DENIED: Final[int]
EVENT_LULL: Final[int]
LULL_OVER: Final[int]
EVENT_HELD: Final[int]
EVENT_RELEASED: Final[int]
EVENT_FLUSHED: Final[int]
EVENT_MARK: Final[int]
EVENT_FINISHED: Final[int]
EVENT_STARVED: Final[int]
EVENT_DTMF: Final[int]
EVENT_DTMF_SENT: Final[int]
EVENT_MEDIA_TIMEOUT: Final[int]
EVENT_MEDIA_BACK: Final[int]
EVENT_LOCKED: Final[int]
EVENT_EARS: Final[int]
EVENT_ROOM: Final[int]
EVENT_ADDED: Final[int]
EVENT_REMOVED: Final[int]
EVENT_FAULT: Final[int]
EVENT_CLIP_DONE: Final[int]
EVENT_RECORDING: Final[int]

HEARD: Final[int]
SAID: Final[int]
CONNECTIONS: Final[int]

RECORD_WAV: Final[int]
RECORD_OPUS: Final[int]
RECORD_GOES_ON: Final[int]
RECORD_GAP: Final[int]
RECORD_CUT: Final[int]
RECORD_HEARD: Final[int]
RECORD_SAID: Final[int]
RECORDING_STOPPED: Final[int]
RECORDING_FAILED: Final[int]

MOMENT_RECEIVED: Final[int]
MOMENT_SENT: Final[int]
MOMENT_OBEYED: Final[int]
MOMENT_DEADLINE: Final[int]
MOMENT_TICKED: Final[int]
SPAN_GAP: Final[int]
SPAN_MASKED: Final[int]
SPAN_SPEECH: Final[int]
SPAN_RESYNC: Final[int]
SPAN_QUIET: Final[int]

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
    kind: int  # EVENT_*
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
    flags: int  # SPAN_*

class Datagram(NamedTuple):
    """DTLS that came to a stream's port."""

    stream: int
    at_ns: int
    source: Address
    data: bytes

class OutPacket(NamedTuple):
    stream: int
    at_ns: int
    to: Address
    data: bytes
    channel: int  # 0 RTP, 1 RTCP

class Captured(NamedTuple):
    """A moment at which the engine touched a stream: a packet as it was on the wire, or another of MOMENT_*."""

    stream: int
    kind: int
    number: int  # of the moment, over all captured streams; a packet that is sent bears its tick's
    at_ns: int
    due_ns: int  # of a tick
    peer: Address | None
    data: bytes

class NativeStatistics(TypedDict):
    wakeups: int
    ticks: int
    late_ticks_skipped: int
    overruns: int
    packets_received: int
    packets_sent: int
    send_errors: int
    receive_errors: int
    commands: int
    commands_refused: int
    events: int
    events_deferred: int
    captured_lost: int
    datagrams: int
    datagrams_dropped: int
    cpu_ns: int
    lateness: list[int]
    lateness_max_ns: int
    slot_work_max_ns: int
    machine_stalls: int
    machine_stall_max_ns: int
    streams: int
    capacity: int
    policy: int
    cpu: int

class NativeEngine:
    """Every method belongs to the thread that made it; status codes come as the exceptions of `errors`."""

    def __init__(
        self,
        *,
        capacity: int = 256,
        slots: int = 10,
        manual: bool = False,
        policy: int = ...,
        cpu: int = -1,
        priority: int = 40,
        commands: int = 0,
        events: int = 0,
        captured: int = 0,
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
        rtp_fd: int,
        rtcp_fd: int = -1,
        group: int,
        captured: bool = False,
        **settings: Unpack[Settings],
    ) -> int:
        """`captured`: from its first moment on, as `capture` does later."""
    def remove(self, stream: int) -> None: ...
    def reclaim(self, stream: int) -> None: ...
    def hold(self, stream: int, hold: int, lease_ms: int, on_lease: int) -> None: ...
    def duck(self, stream: int, hold: int, lease_ms: int, on_lease: int) -> None: ...
    def release(self, stream: int, hold: int, source: int) -> None: ...
    def flush(self, stream: int, generation: int) -> None: ...
    def mark(self, stream: int, generation: int, source: int, name: int) -> None: ...
    def set_remote(self, stream: int, remote: Address) -> None: ...
    def set_coding(self, stream: int, payload_type: int) -> None: ...
    def set_comfort(self, stream: int, payload_type: int) -> None: ...
    def set_ptime(self, stream: int, ms: int) -> None: ...
    def set_keys(self, stream: int, keys: tuple[int, bytes, bytes]) -> None:
        """Profile, and key and salt to send by and to receive by."""
    def press(self, stream: int, key: int, duration_ms: int, gap_ms: int) -> None: ...
    def set_sending(self, stream: int, on: bool) -> None: ...
    def set_hearing(self, stream: int, on: bool) -> None: ...
    def move(self, stream: int, group: int) -> None: ...
    def connect(self, listener: int, source: int, what: int, gain: float) -> None: ...
    def disconnect(self, listener: int, source: int, what: int) -> None: ...
    def background(
        self, stream: int, clip_id: int, pcm: bytes, gain: float, fade_ms: int, loop: bool
    ) -> None:
        """No sound: silence. The bytes must live until CLIP_DONE says so, or REMOVED."""
    def record(self, stream: int, fd: int, recording: int, container: int, bit_rate: int) -> None: ...
    def control_recording(self, stream: int, recording: int, pause: int, masked: int, stop: bool) -> None: ...
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
    def capture(self, stream: int, on: bool) -> None:
        """Whether `captured` tells of its packets; WrongState when the engine was made without room for any."""

    def captured(self, limit: int = 1024) -> list[Captured]: ...
    def moments(self) -> int:
        """Those that are over, doubled; odd while another is under way."""
    def again(self, stream: int, moment: Captured) -> None:
        """Manual mode: what the engine did then, it does now; WrongState when there is no order left to obey."""
    def datagrams(self) -> list[Datagram]: ...
    def send_datagram(self, stream: int, data: bytes, to: Address) -> None: ...
    def events(self, limit: int = 256) -> list[NativeEvent]: ...
    def position(self, stream: int) -> NativePosition: ...
    def stream_statistics(self, stream: int) -> dict[str, int | float]: ...
    def statistics(self) -> NativeStatistics: ...
    # manual mode
    def push(self, stream: int, packet: bytes, source: Address, received_ns: int) -> None: ...
    def step(self, now_ns: int) -> None: ...
    def next_step(self) -> int: ...
    def step_on(self, before_ns: int) -> int:
        """The next slot and, while there is nothing to tell, those due before; the time of the last one run."""
    def packets(self) -> list[OutPacket]: ...

def wav_header(rate_hz: int, data_bytes: int) -> bytes: ...
def try_policy(wanted: int, priority: int = 40) -> int: ...
def bytes_per_stream(**settings: Unpack[Settings]) -> int: ...
