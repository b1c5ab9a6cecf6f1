"""A dialog: the peer-to-peer relation that outlives its transactions (RFC 3261 section 12).

Which datagram address a request inside a dialog goes to is decided here, too. The RFC says: to the first
route, else to the remote target. But a Contact is only a claim: behind a NAT it names an address nobody can
reach, and a liar may put a stranger's address there and have us send to it. So a peer that reached us
directly is answered where it really is. Only when other hops stood between us (more Vias, or a recorded
route) is the address believed as it is written, and only when it is an address: names are for the shell to
resolve, once there is more than UDP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mediasrv.sip.auth.client import Answerer
from mediasrv.sip.grammar.fields import CONTACT, RECORD_ROUTE, NameAddr, tokens
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import DialogKey, Request, Response
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address, Hop, hop_of, transport_of

USEFUL_METHODS = frozenset(["UPDATE", "REFER", "INFO", "NOTIFY"])


@dataclass(slots=True)
class Dialog:
    """`local` and `remote` carry their tags; `peer` is where the other side was really seen."""

    call_id: str
    local: NameAddr
    remote: NameAddr
    target: Uri
    peer: Address
    routes: tuple[NameAddr, ...] = ()
    direct: bool = True
    local_cseq: int = 0
    remote_cseq: int | None = None
    is_ours: bool = False  # we sent the INVITE that opened it, so the Call-ID is ours
    methods: frozenset[str] = frozenset()  # what the peer says that it takes; empty before it has said so
    answerer: Answerer | None = None  # of a call of ours over a trunk that may ask who we are
    told_host: str = ""  # whom our tag was told first: who knows it proves that host, wherever he writes from

    @classmethod
    def of_server(cls, invite: Request, local_tag: str, source: Address) -> Dialog:
        """Section 12.1.1; `invite` has been screened: it has a Contact."""
        contact = invite.headers.first(CONTACT)
        routes = invite.headers.all(RECORD_ROUTE)
        return cls(
            invite.call_id,
            invite.to.tagged(local_tag),
            invite.from_,
            contact.uri if contact else invite.from_.uri,
            source,
            routes,
            direct=not routes and len(invite.headers.values("Via")) == 1,
            remote_cseq=invite.cseq.number,
            methods=_allowed(invite.headers),
            told_host=source[0],
        )

    @classmethod
    def of_client(cls, invite: Request, response: Response, source: Address) -> Dialog:
        """Section 12.1.2: the route set is the recorded one, reversed."""
        contact = response.headers.first(CONTACT)
        routes = tuple(reversed(response.headers.all(RECORD_ROUTE)))
        return cls(
            invite.call_id,
            invite.from_,
            response.to,
            contact.uri if contact else invite.uri,
            source,
            routes,
            direct=not routes,
            local_cseq=invite.cseq.number,
            is_ours=True,
            methods=_allowed(response.headers),
        )

    @property
    def key(self) -> DialogKey:
        return self.call_id, self.local.tag, self.remote.tag

    def allows(self, method: str) -> bool:
        return method in self.methods

    def next_cseq(self) -> int:
        self.local_cseq += 1
        return self.local_cseq

    def retry(self, request: Request, response: Response, source: Address, branch: str) -> Request | None:
        """The request again, with credentials; None when the refusal stands (RFC 3261 section 22.2)."""
        if self.answerer is None:
            return None
        again = self.answerer.retry(request, response, source[0], self.local_cseq + 1, branch)
        if again is not None:
            self.local_cseq += 1
        elif response.kind == "success":
            self.answerer.accepted()
        return again

    def refresh_target(self, headers: Headers) -> None:
        """Section 12.2: a re-INVITE, an UPDATE or its 2xx may move the other end, and change what it can do."""
        self.methods = _allowed(headers) or self.methods
        contact = headers.first(CONTACT)
        if contact is not None:
            self.target = contact.uri

    def may_be_at(self, source: Address) -> bool:
        """Of a peer that has asked something from there, whether that says where it is (`dialogs/moving`).

        Over another transport it only fled from a datagram that would be too long (section 18.1.1)."""
        return self.direct and transport_of(source) == transport_of(self.peer)

    def request_line(self) -> tuple[Uri, tuple[NameAddr, ...]]:
        """Request-URI and Routes of the next request (12.2.1.1), strict routers of RFC 2543 included."""
        if not self.routes or self.routes[0].uri.parameter("lr") is not None:
            return self.target, self.routes
        strict = replace(self.routes[0].uri, headers="")
        return strict, (*self.routes[1:], NameAddr(self.target))

    def next_hop(self) -> Address:
        first = self.routes[0].uri if self.routes else self.target
        named = hop_of(first)
        if isinstance(self.peer, Hop):
            return _over_connection(self.peer, named, self.direct)
        if named is None or (self.direct and named[0] != self.peer[0]):
            return self.peer
        return named


def _allowed(headers: Headers) -> frozenset[str]:
    """Of the methods that we might use; the rest of the list is not kept."""
    return USEFUL_METHODS & {method.upper() for method in tokens(headers, "Allow")}


def _over_connection(peer: Hop, named: Address | None, direct: bool) -> Address:
    """By the connection the peer is known by; if that is gone, to the port that it has named."""
    if named is None or transport_of(named) != peer.transport:
        return peer
    if named[0] != peer.host:
        return peer if direct else named
    return peer._replace(port=named[1])
