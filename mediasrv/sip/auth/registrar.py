"""The registrar (RFC 3261 section 10.3, Path: RFC 3327): our own users' phones say where they are.

Flooding it costs nothing but the digest: a REGISTER is looked at only when its sender is known and speaks for himself,
addresses of record and contacts are bounded, and what has run out is forgotten by its deadline. To reach a phone, send
the request for its contact to the `source` of its binding: that is where its NAT lets it in.

Telephones that keep flows open (RFC 5626) are told apart by them (outbound.py). Left out on purpose: GRUUs (RFC
5627). A telephone puts one into its Contact, and what a dialog then sends there would have to be resolved by us first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from mediasrv.sip.auth.bindings import Binding, Bindings, Lifetimes, Outcome, change
from mediasrv.sip.auth.outbound import OUTBOUND, flow_of, keeps_flow, supports
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import REQUIRE, NameAddr
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address
from mediasrv.sip.schedule import Schedule
from mediasrv.sip.screening import Refusal

RETRY_AFTER_S = 60
KNOWN_EXTENSIONS = ("path", OUTBOUND)
FIRST_HOP_LACKS_OUTBOUND = 439
AddressOfRecord = tuple[str, str]  # user and host, as a person would write them


@dataclass(frozen=True, slots=True)
class RegistrarLimits:
    addresses: int = 10_000  # of record, bound at the same time
    contacts: int = 8  # for each of them
    path_hops: int = 10


def owns(username: str, user: str) -> bool:
    """Whose address of record it is, unless the rooms above know better; who was not asked may be anybody."""
    return not username or username == user


class Registrar:
    """The bindings of the users of some domains."""

    def __init__(
        self,
        domains: Sequence[str],
        *,
        lifetimes: Lifetimes | None = None,
        limits: RegistrarLimits | None = None,
        may_bind: Callable[[str, str], bool] = owns,
    ) -> None:
        """`may_bind`: whether that authenticated user may register for that user of ours."""
        self._domains = frozenset(domain.lower() for domain in domains)
        self._lifetimes, self._limits = lifetimes or Lifetimes(), limits or RegistrarLimits()
        self._may_bind = may_bind
        self._bound: dict[AddressOfRecord, Bindings] = {}
        self._on_flow: dict[Address, set[AddressOfRecord]] = {}  # whose telephones hold to it
        self._schedule = Schedule()

    def __len__(self) -> int:
        """How many addresses of record are bound."""
        return len(self._bound)

    def register(self, request: Request, username: str, source: Address, now: float) -> Refusal:
        """What to answer to a REGISTER of that authenticated user; a 200 lists all his bindings (10.3 step 8)."""
        self.handle_deadline(now)
        refusal = self._screen(request, username)
        if refusal is not None:
            return refusal
        address = _address_of_record(request.to.uri)
        bound = self._bound.get(address, {})
        outbound = any(map(flow_of, _contacts(request))) and supports(request, OUTBOUND)
        if outbound and not keeps_flow(request):
            return Refusal(FIRST_HOP_LACKS_OUTBOUND)
        outcome, changed = change(
            bound, request, source, now, self._lifetimes, self._limits.contacts, outbound=outbound
        )
        if outcome is not Outcome.DONE:
            return self._refusal(outcome)
        if changed and not bound and len(self._bound) >= self._limits.addresses:
            return Refusal(503, (("Retry-After", str(RETRY_AFTER_S)),))
        self._keep(address, changed)
        return Refusal(200, self._listing(changed, request, now, outbound=outbound))

    def lookup(self, uri: Uri, now: float) -> list[Binding]:
        """Where the user that the URI names can be reached, the most wanted first, then the newest."""
        self.handle_deadline(now)
        bound = self._bound.get(_address_of_record(uri), {})
        return sorted(bound.values(), key=lambda binding: (-binding.preference, -binding.expires_at))

    def flows(self) -> Iterator[Address]:
        """Where every telephone's REGISTER came from: what their NATs must not forget."""
        return (binding.source for bound in self._bound.values() for binding in bound.values())

    def lost(self, flow: Address) -> None:
        """That connection is closed: whoever held to it must register again (RFC 5626 section 6)."""
        for address in list(self._on_flow.get(flow, ())):
            bound = self._bound[address].items()
            self._keep(
                address, {key: each for key, each in bound if each.flow is None or each.source != flow}
            )

    def next_deadline(self) -> float | None:
        return self._schedule.next()

    def handle_deadline(self, now: float) -> None:
        self._schedule.fire_due(now)

    def fire(self, name: Hashable, now: float) -> None:
        """A binding of that address of record has run out."""
        address = cast("AddressOfRecord", name)
        bound = self._bound[address]
        self._keep(address, {key: each for key, each in bound.items() if each.expires_at > now})

    def _screen(self, request: Request, username: str) -> Refusal | None:
        uri = request.to.uri
        if request.uri.scheme not in ("sip", "sips"):
            return Refusal(416)
        if uri.scheme not in ("sip", "sips"):  # section 10.3: no address of record
            return Refusal(400)
        try:
            wanted = [each for each in request.headers.all(REQUIRE) if each not in KNOWN_EXTENSIONS]
            hops = len(request.headers.values("Path"))
        except Malformed as error:
            return Refusal(error.status)
        if wanted:
            return Refusal(420, (("Unsupported", ", ".join(wanted)),))
        if not {request.uri.host, uri.host} <= self._domains:
            return Refusal(404)
        if not self._may_bind(username, uri.user_text):
            return Refusal(403)
        return Refusal(400) if hops > self._limits.path_hops else None

    def _refusal(self, outcome: Outcome) -> Refusal:
        least = (("Min-Expires", str(self._lifetimes.least_s)),)
        return {
            Outcome.TOO_BRIEF: Refusal(423, least),
            Outcome.OUT_OF_ORDER: Refusal(500),
            Outcome.TOO_MANY: Refusal(403),
        }.get(outcome, Refusal(400))

    def _keep(self, address: AddressOfRecord, bound: Bindings) -> None:
        before, after = _flows(self._bound.get(address, {})), _flows(bound)
        for flow in before - after:
            self._on_flow[flow].discard(address)
            if not self._on_flow[flow]:
                del self._on_flow[flow]
        for flow in after - before:
            self._on_flow.setdefault(flow, set()).add(address)
        if bound:
            self._bound[address] = bound
            self._schedule.set(self, address, min(binding.expires_at for binding in bound.values()))
        else:
            self._bound.pop(address, None)
            self._schedule.clear(self, address)

    def _listing(
        self, bound: Bindings, request: Request, now: float, *, outbound: bool
    ) -> tuple[tuple[str, str], ...]:
        contacts = [("Contact", binding.printed(now)) for binding in bound.values()]
        path = [("Path", value) for value in request.headers.values("Path")]
        required = (("Require", OUTBOUND),) if outbound else ()
        return (*contacts, *path, *((("Supported", "path"),) if path else ()), *required)


def _flows(bound: Bindings) -> set[Address]:
    return {each.source for each in bound.values() if each.flow is not None}


def _contacts(request: Request) -> list[NameAddr]:
    """None that cannot be read: whoever changes the bindings refuses those."""
    try:
        return [NameAddr.parse(value) for value in request.headers.values("Contact") if value != "*"]
    except Malformed:
        return []


def _address_of_record(uri: Uri) -> AddressOfRecord:
    """Section 10.3 step 5: parameters and escapes do not make another user."""
    return uri.user_text, uri.host
