"""The measuring instrument (native/c/instrument/ms_wire.h): many callers' RTP in one native thread, everything logged."""

from collections.abc import Iterable
from types import TracebackType
from typing import Final, NamedTuple, Self

SENT_FORMAT: Final[str]  # struct format of one sent record, fields as in Sent
HEARD_FORMAT: Final[str]
NOT_CAPTURED: Final[int]
FRAME_NS: Final[int]
PAYLOAD_OCTETS: Final[int]
SLOTS: Final[int]  # of the 20 ms; streams are spread over them

Address = tuple[str, int]

class WireError(Exception):
    """The native side refused; `status` is its code (ms_types.h)."""

    status: int

class Coded(NamedTuple):
    """That a bed is packets, coded beforehand (`packed`); bed_start counts packets then."""

    payload_type: int
    frame_ticks: int  # what a packet adds to the time stamp

def packed(packets: Iterable[bytes]) -> bytes: ...

class WireStatistics(NamedTuple):
    sent: int
    heard: int
    malformed: int
    foreign: int
    send_errors: int
    receive_errors: int
    sent_lost: int
    heard_lost: int
    stalls: int
    stall_max_ns: int
    late_max_ns: int
    cpu_ns: int
    streams: int
    wire_fifo: bool
    witness_fifo: bool

class Wire:
    """Streams, their speech and two logs. Every method belongs to the thread that made it."""

    def __init__(
        self,
        *,
        capacity: int = 256,
        heard_records: int = 1 << 20,
        sent_records: int = 1 << 20,
        capture_octets: int = 0,
        cpu: int = -1,
        priority: int = 30,
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def add(
        self,
        *,
        socket_fd: int,
        remote: Address,
        ssrc: int,
        first_sequence: int = 0,
        first_timestamp: int = 0,
        slot: int | None = None,
        bed: bytes = b"",
        bed_start: int = 0,
        coded: Coded | None = None,
    ) -> int:
        """Begins to send every 20 ms and to hear; the socket is the caller's again after `remove`."""
    def remove(self, stream: int) -> None: ...
    def say(self, stream: int, at_ns: int, payload: bytes) -> int:
        """Lays mu-law speech over the bed from the first packet due at `at_ns` or later; its number."""
    def saying(self, stream: int) -> int:
        """Utterances that are not over yet."""
    def take_sent(self) -> bytes: ...
    def take_heard(self) -> bytes: ...
    def captured(self, at: int, octets: int) -> bytes: ...
    def stalls(self) -> list[tuple[int, int]]:
        """When the machine was away: from and to, monotonic ns."""
    def statistics(self) -> WireStatistics: ...
