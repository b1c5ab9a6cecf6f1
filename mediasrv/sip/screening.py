"""What a request must get past before anybody looks at what it wants (RFC 3261 section 8.2).

Each check answers with a Refusal, or with None. They stand in the order of the RFC: method, headers,
content. (Max-Forwards 0 passes: it forbids to forward, and this is where the request ends; RFC 4475 section 3.3.11.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mediasrv.sip.core import ACCEPT, ALLOW, EXTENSIONS, HeaderLines
from mediasrv.sip.dialogs.session_timer import MIN_INTERVAL_S, MIN_SE, is_too_small
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import CONTACT, RECORD_ROUTE, REQUIRE
from mediasrv.sip.grammar.message import SDP, Request
from mediasrv.sip.limits import Limits

# The methods of all RFCs: one that is known but not spoken here gets 405, an unheard-of one 501 (21.5.2).
KNOWN_METHODS = frozenset(
    [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "REFER",
        "MESSAGE",
        "UPDATE",
    ]
)
SPOKEN_METHODS = frozenset(
    ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY"]
)
DESCRIPTIONS = frozenset((SDP, "application/*", "*/*"))
SCHEMES = frozenset(("sip", "sips", "tel"))


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    headers: HeaderLines = ()


def screen(request: Request, limits: Limits) -> Refusal | None:
    """The first thing that is wrong with a request."""
    try:
        for check in _CHECKS:
            refusal = check(request, limits)
            if refusal:
                return refusal
    except Malformed as error:
        return Refusal(error.status)
    return None


def _method(request: Request, limits: Limits) -> Refusal | None:
    if request.method in SPOKEN_METHODS:
        return None
    return Refusal(405 if request.method in KNOWN_METHODS else 501, (ALLOW,))


def _scheme(request: Request, limits: Limits) -> Refusal | None:
    return None if request.uri.scheme in SCHEMES else Refusal(416)


def _extensions(request: Request, limits: Limits) -> Refusal | None:
    """Section 8.2.2.3; ACK and CANCEL are never refused for what they require."""
    if "Require" not in request.headers or request.method in ("ACK", "CANCEL"):
        return None
    wanted = [tag for tag in request.headers.all(REQUIRE) if tag not in EXTENSIONS]
    return Refusal(420, (("Unsupported", ", ".join(dict.fromkeys(wanted))),)) if wanted else None


def _contact(request: Request, limits: Limits) -> Refusal | None:
    """Section 12.1.1: a request that opens or moves a dialog says where its sender is."""
    if request.method not in ("INVITE", "UPDATE"):
        return None
    contacts = request.headers.all(CONTACT)
    if len(contacts) != 1 or len(request.headers.all(RECORD_ROUTE)) > limits.routes:
        return Refusal(400)
    return None if contacts[0].uri.scheme in SCHEMES else Refusal(416)


def _content(request: Request, limits: Limits) -> Refusal | None:
    """Section 8.2.3."""
    if request.method not in ("INVITE", "UPDATE") or not request.body:
        return None
    encoding = request.headers.text("Content-Encoding")
    if encoding and encoding.strip().lower() != "identity":
        return Refusal(415, (("Accept-Encoding", "identity"),))
    if request.content_type == SDP:
        return None
    return Refusal(415, (ACCEPT,)) if request.content_type else Refusal(400)


def _acceptance(request: Request, limits: Limits) -> Refusal | None:
    """Section 20.1: an INVITE is answered by a description, and this caller takes none."""
    if request.method != "INVITE" or "Accept" not in request.headers:
        return None
    taken = {value.partition(";")[0].strip().lower() for value in request.headers.values("Accept")}
    return None if taken & DESCRIPTIONS else Refusal(406)


def _session_interval(request: Request, limits: Limits) -> Refusal | None:
    """RFC 4028 section 9; what cannot be read is 400."""
    if request.method not in ("INVITE", "UPDATE"):
        return None
    request.headers.get(MIN_SE)
    return Refusal(422, (("Min-SE", str(MIN_INTERVAL_S)),)) if is_too_small(request.headers) else None


_CHECKS: tuple[Callable[[Request, Limits], Refusal | None], ...] = (
    _method,
    _scheme,
    _extensions,
    _contact,
    _content,
    _acceptance,
    _session_interval,
)
