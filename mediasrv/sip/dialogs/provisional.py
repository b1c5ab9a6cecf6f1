"""Provisional responses that arrive for certain (RFC 3262): 18x with RSeq, repeated until a PRACK names it.

The answering side numbers its reliable responses and has one on its way at a time; the next, and a 2xx that must not
overtake a description (section 3), wait until the PRACK is there. Without one for 64*T1 the INVITE is refused.
The calling side takes them strictly in order: a repetition is not told again, one that jumps ahead is dropped and
will come again in its turn (section 4).

    sender:    IDLE --send--> UNCONFIRMED --PRACK--> IDLE (or the next in the row)
                                   | T1, 2*T1, 4*T1 ...: again        | 64*T1: 504
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto

from mediasrv.sip.core import Core
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.grammar.fields import tokens
from mediasrv.sip.grammar.headers import Field, Headers
from mediasrv.sip.grammar.syntax import number
from mediasrv.sip.hop import Address

SUPPORTS = "100rel"
FIRST_RSEQ_BITS = 30  # section 3: it begins anywhere below 2**31
LARGEST_RSEQ = 2**32 - 1
WAITING_MAX = 8  # reliable responses of ours behind the one on its way


@dataclass(frozen=True, slots=True)
class RAck:
    """Which response a PRACK acknowledges."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        found = re.fullmatch(r"\s*([0-9]{1,10})\s+([0-9]{1,10})\s+(\S+)\s*", text)
        if found is None:
            raise Malformed("bad RAck")
        rseq, cseq, method = found.groups()
        return cls(number(rseq, LARGEST_RSEQ, "RAck"), number(cseq, LARGEST_RSEQ, "RAck"), method)

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


RACK = Field("RAck", RAck.parse)
RSEQ = Field("RSeq", lambda text: number(text, LARGEST_RSEQ, "RSeq"))


class Clock(Enum):
    RESEND = auto()
    GIVE_UP = auto()


@dataclass(slots=True)
class Sent:
    rseq: int
    status: int
    wire: bytes
    describes: bool
    interval_s: float


Build = Callable[[int, float], bytes]  # sends the response with that RSeq; returns it as it is on the wire


class ReliableProgress:
    """The answering side, for one INVITE; `gave_up` is called when no PRACK comes."""

    __slots__ = ("_core", "_cseq", "_destination", "_gave_up", "_on_its_way", "_rseq", "_silent", "_waiting")

    def __init__(self, core: Core, cseq: int, destination: Address, gave_up: Callable[[float], None]) -> None:
        self._core, self._cseq, self._destination, self._gave_up = core, cseq, destination, gave_up
        self._rseq = core.tokens.number(FIRST_RSEQ_BITS)
        self._on_its_way: Sent | None = None
        self._waiting: deque[tuple[int, Build, bool]] = deque()
        self._silent = False  # a final response has been sent: PRACKs are taken, nothing is repeated

    @property
    def holds_success(self) -> bool:
        """A description is not confirmed yet, or has not even been sent: no 2xx may overtake it."""
        on_its_way = self._on_its_way is not None and self._on_its_way.describes
        return on_its_way or any(describes for _, _, describes in self._waiting)

    def send(self, status: int, build: Build, describes: bool, now: float) -> None:
        if self._on_its_way is None:
            self._begin(status, build, describes, now)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append((status, build, describes))
        else:
            raise WrongState("too many reliable responses wait for their PRACK")

    def confirmed(self, ack: RAck, now: float) -> Sent | None:
        """The response that a PRACK is for; None when it is for none. `proceed` follows once it is answered."""
        sent = self._on_its_way
        if sent is None or (ack.rseq, ack.cseq, ack.method) != (sent.rseq, self._cseq, "INVITE"):
            return None
        self._on_its_way = None
        self._stop()
        return sent

    def proceed(self, now: float) -> None:
        if self._waiting and self._on_its_way is None and not self._silent:
            self._begin(*self._waiting.popleft(), now)

    def close(self) -> None:
        """A final response is out."""
        self._silent = True
        self._waiting.clear()
        self._stop()

    def fire(self, name: Hashable, now: float) -> None:
        sent = self._on_its_way
        if sent is None:
            return
        if name is Clock.GIVE_UP:
            self.close()
            self._gave_up(now)
            return
        self._core.repeat(sent.wire, self._destination, keeping_bytes=len(sent.wire))  # for the final one
        sent.interval_s *= 2  # section 3: without a ceiling, unlike a 2xx
        self._core.schedule.set(self, Clock.RESEND, now + sent.interval_s)

    def _begin(self, status: int, build: Build, describes: bool, now: float) -> None:
        self._rseq += 1
        t1_s = self._core.timers.t1_s
        self._on_its_way = Sent(self._rseq, status, build(self._rseq, now), describes, t1_s)
        self._core.schedule.set(self, Clock.RESEND, now + t1_s)
        self._core.schedule.set(self, Clock.GIVE_UP, now + self._core.timers.patience_s)

    def _stop(self) -> None:
        for clock in Clock:
            self._core.schedule.clear(self, clock)


class Arrival(Enum):
    NEXT = auto()
    AGAIN = auto()
    AHEAD = auto()


class ReliableArrivals:
    """The calling side, for one early dialog: the order in which responses may be acknowledged."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    @property
    def last(self) -> int | None:
        return self._last

    def take(self, rseq: int) -> Arrival:
        if self._last is not None and rseq <= self._last:
            return Arrival.AGAIN
        if self._last is not None and rseq != self._last + 1:
            return Arrival.AHEAD
        self._last = rseq
        return Arrival.NEXT


def reliable_number(headers: Headers) -> int | None:
    """The RSeq of a provisional response that wants a PRACK; None when it wants none. Raises Malformed."""
    if SUPPORTS not in tokens(headers, "Require"):
        return None
    return headers.require(RSEQ)
