"""SRTP, RTCP and the E-model (native/c/rtp), one object or call each; times in ns on one clock."""

from typing import Final, NamedTuple

SRTP_AES128_CM_SHA1_80: Final[int]
SRTP_AES128_CM_SHA1_32: Final[int]
SRTP_AEAD_AES_128_GCM: Final[int]
SRTP_AEAD_AES_256_GCM: Final[int]

OK: Final[int]
FORGED: Final[int]
REPLAYED: Final[int]
MALFORMED: Final[int]

G711: Final[int]
G711_BARE: Final[int]  # loss is not concealed
G722: Final[int]
L16: Final[int]
OPUS: Final[int]

def srtp_keying_octets(profile: int) -> int:
    """Octets of master key and salt together; 0: no such profile."""

class Srtp:
    """`send` and `receive`: master key, then master salt."""

    def __init__(self, profile: int, send: bytes, receive: bytes, send_ssrc: int) -> None: ...
    def continue_from(self, earlier: Srtp) -> None:
        """New keys go on with the indices of the earlier ones."""
    def protect(self, packet: bytes, capacity: int = 1500) -> bytes: ...
    def protect_rtcp(self, packet: bytes, capacity: int = 1500) -> bytes: ...
    def unprotect(self, packet: bytes) -> bytes | int:
        """The plain packet, or the verdict against it."""
    def unprotect_rtcp(self, packet: bytes) -> bytes | int: ...

class Block(NamedTuple):
    ssrc: int
    fraction_lost: int  # 256ths
    cumulative_lost: int
    highest: int
    jitter: int
    last_report: int
    since_last_report: int

class Sender(NamedTuple):
    ntp: int
    rtp: int
    packets: int
    octets: int

class Compound(NamedTuple):
    ssrc: int
    has_report: bool
    sender: Sender | None
    block: Block | None
    bye: bool

def is_rtcp(packet: bytes) -> bool: ...
def parse_rtcp(packet: bytes, about: int) -> Compound | None:
    """None: malformed. `about`: the source whose report block is wanted."""

class RtcpReporter:
    def __init__(
        self, ssrc: int, *, clock_hz: int = 8000, unix_offset_ns: int = 0, seed: int = 0
    ) -> None: ...
    def is_due(self, now_ns: int) -> bool: ...
    def heard(self, ssrc: int, first: int, highest: int, received: int, jitter: int) -> None:
        """The other side's stream, as of now."""
    def write(
        self, now_ns: int, *, timestamp: int, packets: int, octets: int, talks: bool, bye: bool = False
    ) -> bytes: ...
    def receive(self, packet: bytes, now_ns: int) -> bool:
        """False: malformed, dropped and counted."""
    @property
    def next_ns(self) -> int: ...
    @property
    def round_trip_ns(self) -> int:
        """-1: not known."""
    @property
    def theirs(self) -> Block | None: ...
    @property
    def bye(self) -> bool: ...
    @property
    def counted(self) -> tuple[int, int, int]:
        """Reports sent, received, and malformed compounds."""

class Rating(NamedTuple):
    r: float
    listening_mos: float
    conversational_mos: float

def emodel(codec: int, loss: float, burst_ratio: float = 1, one_way_ms: float = 0) -> Rating: ...
def benchmark(packets: int = 2000) -> dict[str, float]:
    """Nanoseconds a packet of 20 ms of G.711, the clock's own included."""
