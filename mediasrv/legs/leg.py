"""A leg carries one party's audio into a call; how it came to us is the leg's own business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from mediasrv.errors import RemoteError
from mediasrv.ids import DEFAULT_TENANT, CallId, TenantId
from mediasrv.media.face import StreamFace

Direction = Literal["in", "out"]  # who called: they, or we


class Ending(Enum):
    """Why a call ended."""

    CALLER_HUNG_UP = "caller_hung_up"
    CALLEE_HUNG_UP = "callee_hung_up"  # of a call of ours
    CALLER_CANCELLED = "caller_cancelled"
    AGENT_HUNG_UP = "agent_hung_up"
    TRANSFERRED = "transferred"
    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    BUDGET = "budget"  # what the call may cost is spent
    ALLOWANCE = "allowance"  # what its trunk may spend in a day is
    MEDIA_TIMEOUT = "media_timeout"
    NO_ACK = "no_ack"
    BUSY = "busy"  # this and the next two: who was called did not want to, or was not there
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    DRAIN = "drain"
    ADMIN = "admin"
    FAULT = "fault"


class LegEnded(RemoteError):
    """The other side went away; `why` says how."""

    def __init__(self, why: Ending) -> None:
        self.why = why
        super().__init__(why.value)


class CannotTransfer(RemoteError):
    """The party stays with us: the leg knows no way to hand it over, or the other side would not."""


class CannotDial(RemoteError):
    """Nobody was called: the rules forbid it, or no way leads there."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls whom, over what."""

    id: CallId
    caller: str
    called: str
    trunk: str
    tenant: TenantId = DEFAULT_TENANT
    remote: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    direction: Direction = "in"
    hops_left: int = 70  # that a call which goes on from here may still take (Max-Forwards)
    attestation: str = ""  # A, B or C: what the caller's network has signed for (RFC 8588); empty: nothing


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """The other side listens no more, or again."""

    held: bool


class TransferAsked(Protocol):
    """The other side wants somebody else in its place; to be accepted or declined within 10 s.

    Whatever is done with a request whose leg has meanwhile ended is done to nobody, and raises nothing.
    """

    @property
    def target(self) -> str:
        """A URI."""

    def names(self, leg: Leg) -> bool:
        """Whether it is to take that leg's place (attended), rather than to be called."""

    @property
    def is_attended(self) -> bool: ...
    async def accept(self) -> None:
        """We try; `tell` is due, once or more, until a final status."""

    async def tell(self, status: int) -> None:
        """What has become of it so far, as a SIP status; 200 and above is the last."""

    async def decline(self, status: int) -> None: ...


LegRequest = HoldChanged | TransferAsked


class Leg(Protocol):
    info: CallInfo

    @property
    def stream(self) -> StreamFace: ...

    @property
    def host(self) -> str:
        """Where the other side is; empty: not known yet, or no such thing."""

    async def ring(self) -> None:
        """Lets who called us hear that it rings; of a leg that we dialled: nothing, it is theirs to ring.

        Returns at once, whether that will arrive or not. Raises LegEnded when the other side went away already.
        """

    async def speak_early(self) -> bool:
        """Lets who called us hear what is said on the stream before we pick up, and waits for him to confirm that.

        False: that cannot be done (of a leg that we dialled: never), and he hears that it rings. Raises LegEnded when
        the other side went away already.
        """

    async def answer(self) -> None:
        """Picks up; returns when the other side has acknowledged it, raises LegEnded when it went away first.

        Of a leg that we dialled: waits until the other side picks up. LegEnded says why it did not.
        """

    async def wait_ended(self) -> Ending:
        """Returns when the other side has hung up or is lost."""

    async def next_request(self) -> LegRequest:
        """What the other side wants next of the call besides talking; waits for ever when it wants nothing more."""

    async def press(self, keys: str) -> bool:
        """Presses keys for the other side, in the way that it takes them; returns when they are on their way.

        Whether `stream` will tell of each with `DtmfSent`: keys beside the sound it does not know. Raises LocalError
        when there is no room for so many, StreamClosed when the call is over.
        """

    async def transfer(self, target: str, instead_of: Leg | None = None) -> None:
        """Has the other side call `target` (a URI, or a number) in our place.

        `instead_of`: a leg over which we talk with `target` already; there the other side takes our place, too.
        Returns when that call was answered: nothing is left to do but to hang up. Raises CannotTransfer otherwise,
        within a bounded while, and the call goes on as it was.
        """

    def silence(self) -> None:
        """Nothing is sent or heard any more, whatever the other side offers before it is hung up.

        Raises LocalError when the engine takes no order just now, StreamClosed when the call is over.
        """

    async def hang_up(self, why: Ending) -> None:
        """Says good-bye in the leg's protocol; idempotent, bounded."""
