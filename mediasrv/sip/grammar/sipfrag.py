"""What a NOTIFY about a REFER carries: the state of the subscription, and a status line (RFC 3515, RFC 3420)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import VERSION, Request, phrase
from mediasrv.sip.grammar.syntax import number, parameter, parse_parameters

SIPFRAG = "message/sipfrag;version=2.0"
_STATUS_LINE = re.compile(rb"SIP/2\.0 +([1-6][0-9]{2})(?: +([^\r\n]{0,200}))?(?:\r?\n|$)")


@dataclass(frozen=True, slots=True)
class Notice:
    """`referral` is None when the NOTIFY does not say which REFER it is about."""

    referral: int | None
    status: int
    reason: str
    final: bool


def print_sipfrag(status: int) -> bytes:
    return f"{VERSION} {status} {phrase(status)}\r\n".encode()


def is_about_refer(headers: Headers) -> bool:
    return _event(headers)[0] == "refer"


def read_notice(request: Request) -> Notice:
    """Raises Malformed. A subscription that ends without a final status (section 2.4.5) tells the one it has."""
    _, referral = _event(request.headers)
    state = (request.headers.text("Subscription-State") or "").partition(";")[0].strip().lower()
    if state not in ("active", "pending", "terminated"):
        raise Malformed("no Subscription-State")
    if request.content_type != "message/sipfrag":
        raise Malformed("no sipfrag", 415)
    found = _STATUS_LINE.match(request.body)
    if found is None:
        raise Malformed("no status line in the sipfrag")
    status, reason = int(found.group(1)), (found.group(2) or b"").decode("utf-8", "replace")
    return Notice(referral, status, reason, final=state == "terminated" or status >= 200)


def _event(headers: Headers) -> tuple[str, int | None]:
    name, _, rest = (headers.text("Event") or "").partition(";")
    which = parameter(parse_parameters(rest), "id")
    return name.strip().lower(), None if which is None else number(which, 2**32 - 1, "id of an event")
