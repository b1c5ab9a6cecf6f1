"""Where a user can be reached: the bindings of one address of record, and the rules for changing them (RFC 3261 10.3).

A REGISTER changes all that it names, or nothing: what it wants is worked out on a copy. A contact that one Call-ID has
registered is only changed by it with a higher CSeq, so that a REGISTER that was delayed cannot undo a later one;
another Call-ID means another boot of the phone, and wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from mediasrv.sip.auth.outbound import Flow, flow_of
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import EXPIRES, LARGEST_DELTA_S, NameAddr
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.syntax import number, parameter
from mediasrv.sip.grammar.uri import DEFAULT_PORT, Uri
from mediasrv.sip.hop import Address

BINDABLE_SCHEMES = ("sip", "sips")


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """What a binding may ask for; below the least, 423."""

    least_s: int = 60
    most_s: int = 3_600
    usual_s: int = 3_600  # when nothing is asked for, or nothing that can be read (10.2.1.1, 10.3 step 6)


@dataclass(frozen=True, slots=True)
class Binding:
    """`source` is where the REGISTER came from: behind a NAT the only address that leads back (RFC 3581's lesson)."""

    contact: NameAddr
    expires_at: float
    call_id: str
    cseq: int
    source: Address
    path: tuple[str, ...] = ()  # RFC 3327: the Routes that a request to this contact takes
    flow: Flow | None = None  # that it holds to; None: it is an ordinary contact

    @property
    def preference(self) -> float:
        return _preference(self.contact)

    def printed(self, now: float) -> str:
        left_s = max(0, round(self.expires_at - now))
        kept = tuple(pair for pair in self.contact.parameters if pair[0] != "expires")
        return str(replace(self.contact, parameters=(*kept, ("expires", str(left_s)))))


class Outcome(Enum):
    DONE = auto()
    TOO_BRIEF = auto()  # 423
    OUT_OF_ORDER = auto()  # 500: an older CSeq than what is bound
    TOO_MANY = auto()  # 403
    WRONG = auto()  # 400


ContactKey = tuple[str, str, str, int, tuple[tuple[str, str], ...]]
Bindings = dict[ContactKey, Binding]


def change(
    bound: Bindings, request: Request, source: Address, now: float, lifetimes: Lifetimes, most: int,
    *, outbound: bool = False,
) -> tuple[Outcome, Bindings]:  # fmt: skip
    """What the bindings become by a REGISTER that came now; unless DONE they stay what they were.

    `outbound`: flows of its contacts are told apart (RFC 5626)."""
    try:
        values = request.headers.values("Contact")
        if "*" in values:
            return _clear(bound, request, alone=len(values) == 1)
        contacts = [NameAddr.parse(value) for value in values]
    except Malformed:
        return Outcome.WRONG, bound
    flows = [flow_of(contact) if outbound else None for contact in contacts]
    if any(flows) and len(contacts) > 1 and _adds(contacts, request, lifetimes):  # RFC 5626 section 6
        return Outcome.WRONG, bound
    changed = dict(bound)
    for contact, flow in zip(contacts, flows, strict=True):
        outcome = _change_one(changed, contact, flow, request, source, now, lifetimes)
        if outcome is not Outcome.DONE:
            return outcome, bound
    return (Outcome.TOO_MANY, bound) if len(changed) > most else (Outcome.DONE, changed)


def _clear(bound: Bindings, request: Request, *, alone: bool) -> tuple[Outcome, Bindings]:
    """`Contact: *` stands alone, and with Expires 0 (10.2.2, 10.3 step 6)."""
    if not alone or (request.headers.text("Expires") or "").strip() != "0":
        return Outcome.WRONG, bound
    if not all(_may_change(binding, request) for binding in bound.values()):
        return Outcome.OUT_OF_ORDER, bound
    return Outcome.DONE, {}


def _adds(contacts: list[NameAddr], request: Request, lifetimes: Lifetimes) -> bool:
    return any(flow_of(each) and _wanted_s(each, request, lifetimes) for each in contacts)


def _change_one(
    changed: Bindings, contact: NameAddr, flow: Flow | None, request: Request, source: Address, now: float,
    lifetimes: Lifetimes,
) -> Outcome:  # fmt: skip
    if contact.uri.scheme not in BINDABLE_SCHEMES:
        return Outcome.WRONG
    wanted_s = _wanted_s(contact, request, lifetimes)
    if 0 < wanted_s < lifetimes.least_s:
        return Outcome.TOO_BRIEF
    plain = contact_key(contact.uri)
    key = plain if flow is None else _flow_key(flow)
    before = changed.get(key)
    if before is not None and not _may_change(before, request):
        return Outcome.OUT_OF_ORDER
    if not wanted_s:
        changed.pop(key, None)
        return Outcome.DONE
    path = tuple(request.headers.values("Path"))
    expires_at = now + min(wanted_s, lifetimes.most_s)
    cseq = request.cseq.number
    if flow is not None:
        changed.pop(plain, None)  # what the same telephone has bound before it knew of flows
    changed[key] = Binding(contact, expires_at, request.call_id, cseq, source, path, flow)
    return Outcome.DONE


def _may_change(binding: Binding, request: Request) -> bool:
    return binding.call_id != request.call_id or request.cseq.number > binding.cseq


def _wanted_s(contact: NameAddr, request: Request, lifetimes: Lifetimes) -> int:
    text = parameter(contact.parameters, "expires")
    try:
        if text is not None:
            return number(text, LARGEST_DELTA_S, "expires")
        wanted_s = request.headers.get(EXPIRES)
    except Malformed:
        return lifetimes.usual_s
    return lifetimes.usual_s if wanted_s is None else wanted_s


def _preference(contact: NameAddr) -> float:
    """`q` (20.10): from 0 to 1; 1 when it is missing or nonsense."""
    text = parameter(contact.parameters, "q") or "1"
    whole, _, fraction = text.partition(".")
    plain = whole in ("0", "1") and len(fraction) <= 3 and (fraction or "0").isascii()
    return min(1.0, float(text)) if plain and (fraction or "0").isdigit() else 1.0


def _flow_key(flow: Flow) -> ContactKey:
    """RFC 5626 section 6: wherever it is bound to now, the same flow is the same contact."""
    return "instance", flow.instance, "", flow.reg_id, ()


def contact_key(uri: Uri) -> ContactKey:
    """What makes two contacts the same one (19.1.4): everything but the order and the case of parameters."""
    parameters = sorted((name, (value or "").lower()) for name, value in uri.parameters)
    port = DEFAULT_PORT if uri.port is None else uri.port
    return uri.scheme, uri.user_text, uri.host, port, tuple(parameters)
