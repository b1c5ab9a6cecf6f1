"""What all parts of one user agent share: who we are, what is under way, and what is to be sent and told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from hashlib import blake2s
from typing import Protocol

from mediasrv.ids import TokenSource
from mediasrv.sip.errors import WrongState
from mediasrv.sip.events import KeyPressed, Progress, ReferProgress, SipCallId, SipEvent
from mediasrv.sip.grammar.fields import MAGIC_COOKIE, VIA, NameAddr, Via
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import DialogKey, Request, Response, phrase, top_via
from mediasrv.sip.grammar.thrift import fitted
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address, HostTowards, Locals, is_reliable, reply_hop
from mediasrv.sip.limits import Limits, Timers
from mediasrv.sip.outside.trust import Trust
from mediasrv.sip.schedule import Schedule
from mediasrv.sip.transaction import Transactions

HeaderLines = Sequence[tuple[str, str]]
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY")
ACCEPT = ("Accept", "application/sdp")
EXTENSIONS = ("100rel", "timer", "replaces", "norefersub")
SUPPORTED = ("Supported", ", ".join(EXTENSIONS))
STATELESS_TAG_BYTES = (
    4  # section 19.3 wants so many; each letter must fit into what was asked (grammar/thrift.py)
)
USUAL_HOPS = 70  # section 8.1.1.6
COPIED = ("From", "To", "Call-ID", "CSeq")  # section 8.2.6.2


class StatelessReply(bytes):
    """A response to what belonged to nothing, or left nothing behind."""

    __slots__ = ()


class Call(Protocol):
    """What can be done to a call from above, in whatever state: Session and Invitation."""

    def cancel(self, now: float) -> None: ...
    def bye(self, now: float, reason: str) -> None: ...


class InDialog(Protocol):
    """What takes the requests of one dialog."""

    def receive(self, request: Request, source: Address, now: float) -> None: ...
    def acknowledged(self, ack: Request, now: float) -> bool: ...
    @property
    def told_host(self) -> str:
        """Whom our tag was told; empty: whoever was called, and has proven himself by answering."""

    def ends_with(self, request: Request) -> bool:
        """Whether this is the hang-up that ends the dialog: there is one, and room for it whatever the limits."""


class Core:
    """Registers, queues and the two message factories."""

    def __init__(
        self,
        local: tuple[str, int],
        tokens: TokenSource,
        software: str,
        limits: Limits,
        timers: Timers,
        streams: Mapping[str, tuple[str, int]],
        host_towards: HostTowards | None = None,
    ) -> None:
        self.local, self.tokens, self.software, self.limits, self.timers = (
            local,
            tokens,
            software,
            limits,
            timers,
        )
        self.schedule = Schedule()
        self.locals = Locals(local, streams, host_towards)
        self.transactions = Transactions(self.schedule, limits, timers, self.send, self.repeat, self.locals)
        self.calls: dict[SipCallId, Call] = {}
        self.dialogs: dict[DialogKey, InDialog] = {}
        self.inviting: dict[tuple[str, str], InDialog] = {}  # Call-ID and our tag, while a call of ours rings
        self.outbox: list[tuple[bytes, Address]] = []
        self.events: deque[SipEvent] = deque()
        self.counts: Counter[str] = Counter()
        self.trust = Trust(limits.calls, limits.unproven_bytes_back)
        self._secret = tokens.token(16).encode()
        self._last_call = 0
        self.contact = ("Contact", self.locals.contact)
        self.heard_bytes = 0  # of the datagram that is being answered
        self.belongs = False  # whether that one belongs to something that was there before it

    # ---- queues

    def send(self, data: bytes, to: Address) -> None:
        if len(self.outbox) >= self.limits.queued_datagrams:
            self.counts["dropped.outbox_full"] += 1
            return
        self.trust.sent(to, len(data))
        self.outbox.append((data, to))

    def emit(self, event: SipEvent) -> None:
        if self.crowded and _can_be_missed(event):
            self.counts["dropped.progress"] += 1
            return
        self.events.append(event)

    @property
    def crowded(self) -> bool:
        """Nobody reads the events: no new calls, so that those that live can still be told their end."""
        return len(self.events) >= self.limits.queued_events // 2

    # ---- names

    def next_call(self) -> SipCallId:
        self._last_call += 1
        return SipCallId(self._last_call)

    def branch(self) -> str:
        return MAGIC_COOKIE + self.tokens.token()

    def is_ours(self, via: Via) -> bool:
        return self.locals.is_ours(via)

    def stateless_tag(self, headers: Headers) -> str:
        """Section 8.2.7: the same request gets the same tag, without our remembering it."""
        named = "\0".join(headers.text(name) or "" for name in ("Via", "Call-ID", "CSeq", "From"))
        return blake2s(
            named.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=STATELESS_TAG_BYTES
        ).hexdigest()

    # ---- who is there

    def prove(self, host: str) -> None:
        """Somebody at that address has shown what only something of ours could have told it; empty: nobody has."""
        if host:
            self.trust.prove(host)

    def resends_towards(self, host: str) -> int | None:
        return None if self.trust.has_proven(host) else self.limits.unproven_resends

    def may_answer_again(self, host: str, times: int) -> bool:
        """Whether a 2xx that was repeated so often there goes out once more, before its ACK (13.3.1.4)."""
        return self.trust.has_proven(host) or times < self.limits.unproven_answers

    def repeat(self, data: bytes, to: Address, keeping_bytes: int = 0) -> None:
        """Sends something again by itself: not to an address that may be forged, and has had its share.

        `keeping_bytes` of the share are for what must still be said."""
        if self.trust.affords(to, len(data) + keeping_bytes):
            self.send(data, to)
        else:
            self.counts["dropped.amplifies"] += 1

    # ---- messages

    def request(
        self,
        method: str,
        uri: Uri,
        cseq: int,
        parties: tuple[NameAddr, NameAddr, str],
        *,
        routes: Sequence[NameAddr] = (),
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        branch: str = "",
        hops: int = USUAL_HOPS,
    ) -> Request:
        """`parties` are From, To and the Call-ID. As it would go by UDP: `locals.addressed` makes it fit its hop."""
        host, port = self.locals.sent_by("UDP")
        local, remote, call_id = parties
        via = Via("UDP", host, port, (("rport", None), ("branch", branch or self.branch())))
        content = (("Content-Type", content_type),) if body else ()
        lines = (
            ("Via", str(via)),
            ("Max-Forwards", str(hops)),
            *(("Route", str(route)) for route in routes),
            ("From", str(local)),
            ("To", str(remote)),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
            ("User-Agent", self.software),
            *content,
        )
        return Request(method, uri, Headers(lines), body)

    def response(
        self,
        to: Headers,
        status: int,
        source: Address,
        *,
        tag: str = "",
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> Response:
        """A response to the request with these headers, which came from `source` (8.2.6)."""
        top = top_via(to).seen_from(source[0], source[1])
        lines = [("Via", str(top)), *(("Via", other) for other in to.values("Via")[1:])]
        for name in COPIED:
            text = to.text(name)
            if text is not None:
                missing = (
                    name == "To" and tag and ";tag=" not in text.rpartition(">")[2].replace(" ", "").lower()
                )
                lines.append((name, f"{text};tag={tag}" if missing else text))
        lines += self.locals.contacted(tuple(headers), source)
        lines.append(("Server", self.software))
        if body:
            lines.append(("Content-Type", content_type))
        return Response(status, phrase(status) if reason is None else reason, Headers(lines), body)

    def reply(
        self, to: Headers, status: int, source: Address, *, headers: HeaderLines = (), tag: str = ""
    ) -> None:
        """Answers without keeping state: one datagram for one datagram, however often it comes (8.2.7).

        Where the address may be forged it is no larger than the other, or is not sent at all."""
        response = self.response(to, status, source, tag=tag or self.stateless_tag(to), headers=headers)
        known = is_reliable(source) or self.trust.has_proven(source[0])
        wire = response.build() if known else fitted(response, self.heard_bytes)
        if wire is None:
            self.counts["dropped.amplifies"] += 1
            return
        self.counts[f"answered.{status}"] += 1
        self.send(StatelessReply(wire), reply_address(to, source))


def reply_address(headers: Headers, source: Address) -> Address:
    return reply_hop(headers.first(VIA), source)


def _can_be_missed(event: SipEvent) -> bool:
    """News that a peer can repeat at will, and that no later event depends on."""
    return isinstance(event, Progress | KeyPressed) or (isinstance(event, ReferProgress) and not event.final)


def check_status(status: int, lowest: int) -> None:
    if not lowest <= status <= 699:
        raise WrongState(f"{status} is not a status that can be sent here")
