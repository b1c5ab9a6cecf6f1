"""What each call said and was told, message by message, for who wants to see it: a timeline, a capture.

The endpoint sees the octets of all calls, and only their Call-ID says whose they are. It is read here, without parsing
the message, so that a retransmission and a message that makes no sense are seen as well. The first message of a call
comes before anybody knows that it is one: what came since the last step is kept until then, and no longer.

A Call-ID can be written by anybody, and is no secret: it passes everywhere that the call does. So what the core found
to belong to no transaction and no dialog, and what was answered to that without any state, is kept of each call up to a
number, for who looks into an attack, and no further.

Messages follow a call's end, the answer to its BYE for one; so a call's traffic is remembered until many others
have ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mediasrv.sip import Address

ENDED_REMEMBERED = 1_024
STRANGE_MESSAGES = 32  # of one call, that bear its Call-ID and belong to nothing; answers to them count, too
# Of one call, a day of them with a sign of life every ten seconds; its own peer may flood it, too.
MESSAGES_MAX = 20_000
UNREAD_MESSAGES = 64  # of one call, before anybody follows it
UNKNOWN_MESSAGES = 64  # of nobody's, within one step

# Spelled out, because it is four times as fast as ignoring the case, and looked for in every message.
_CALL_ID = re.compile(rb"\n(?:[Cc][Aa][Ll][Ll]-[Ii][Dd]|[iI])[ \t]*:[ \t]*([^\r\n]*)")
_CSEQ = re.compile(rb"\n[Cc][Ss][Ee][Qq][ \t]*:[ \t]*([^\r\n]{0,64})")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that passed."""

    at_ns: int
    sent: bool
    peer: Address
    data: bytes

    @property
    def first_line(self) -> str:
        return self.data[:512].partition(b"\r\n")[0].decode("utf-8", "replace").strip()

    @property
    def cseq(self) -> str:
        """Which request it is, or answers."""
        match = _CSEQ.search(self.data)
        return match[1].decode("utf-8", "replace").strip() if match else ""


@dataclass(slots=True, eq=False)
class Traffic:
    """Of one call."""

    _listeners: list[Callable[[Seen], None]] = field(default_factory=list)
    _kept: list[Seen] = field(default_factory=list)
    _left: int = MESSAGES_MAX
    _strange_left: int = STRANGE_MESSAGES

    @property
    def is_followed(self) -> bool:
        return bool(self._listeners)

    @property
    def began_ns(self) -> int | None:
        """When the first message was seen; None: nothing was."""
        return self._kept[0].at_ns if self._kept else None

    def follow(self, listener: Callable[[Seen], None]) -> None:
        """Hands `listener` what there was so far, and everything from now on."""
        for seen in self._kept:
            listener(seen)
        self._listeners.append(listener)

    def take(self, seen: Seen) -> bool:
        """False: there was enough of it."""
        if self._left == 0:
            return False
        self._left -= 1
        if len(self._kept) < UNREAD_MESSAGES and not self._listeners:
            self._kept.append(seen)
        for listener in self._listeners:
            listener(seen)
        return True

    def take_strange(self, seen: Seen) -> bool:
        """The same, of what may be a stranger's."""
        if self._strange_left == 0:
            return False
        self._strange_left -= 1
        return self.take(seen)


class TrafficOfCalls:
    """Sorts what the endpoint sees."""

    def __init__(self) -> None:
        self._live: dict[str, Traffic] = {}
        self._ended: dict[str, Traffic] = {}  # oldest first
        self._unknown: list[tuple[str, Seen]] = []

    def begin(self, call_id: str) -> Traffic:
        """A call of this Call-ID is there; what was just seen of it is its.

        A second one that bears the same takes nothing away from the first, and has nothing to show."""
        traffic = Traffic()
        if self._live.setdefault(call_id, traffic) is not traffic:
            return traffic
        for of_call, seen in self._unknown:
            if of_call == call_id:
                traffic.take(seen)
        return traffic

    def end(self, call_id: str, traffic: Traffic) -> None:
        """The call is over; what still comes is its, for a while."""
        if self._live.get(call_id) is not traffic:
            return
        self._ended[call_id] = self._live.pop(call_id)
        if len(self._ended) > ENDED_REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def take(self, seen: Seen, *, belongs: bool = True) -> bool:
        """`belongs`: to something of a call that was there before it. False: it is left out."""
        call_id = _call_id(seen.data)
        ended = self._ended.get(call_id)
        traffic = self._live.get(call_id)
        if traffic is None and ended is not None and ended.is_followed:
            traffic = ended  # who refused the call does not keep what its caller repeats
        if traffic is not None:
            return traffic.take(seen) if belongs else traffic.take_strange(seen)
        if ended is None and not seen.sent and len(self._unknown) < UNKNOWN_MESSAGES:
            self._unknown.append((call_id, seen))
        return True

    def step(self) -> None:
        """All calls that what was seen could begin have begun."""
        self._unknown.clear()


def _call_id(data: bytes) -> str:
    match = _CALL_ID.search(data)
    return match[1].strip().decode("utf-8", "replace") if match else ""
