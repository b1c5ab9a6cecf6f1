"""Where a 3xx sends us (RFC 3261 section 8.1.3.4): its contacts, best first.

Contacts are a stranger's wish. So only what can be called is taken, without the headers that the URI would have us
send, and no more than a handful; that nobody is asked twice, and how often at all, is the invitation's to keep.
"""

from __future__ import annotations

from dataclasses import replace

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.syntax import parameter
from mediasrv.sip.grammar.uri import Uri

TARGETS_MAX = 8
SCHEMES = ("sip", "sips", "tel")


def redirect_targets(headers: Headers) -> list[Uri]:
    """Without repetitions, by falling q; those that cannot be read are left out."""
    try:
        values = headers.values("Contact")
    except Malformed:
        return []
    found: dict[Uri, float] = {}
    for value in values[:TARGETS_MAX]:
        try:
            contact = NameAddr.parse(value)
        except Malformed:
            continue
        if contact.uri.scheme in SCHEMES:
            found.setdefault(replace(contact.uri, headers=""), _q(contact))
    return sorted(found, key=lambda uri: -found[uri])


def _q(contact: NameAddr) -> float:
    try:
        q = float(parameter(contact.parameters, "q") or "1")
    except ValueError:
        return 0.0
    return q if 0.0 <= q <= 1.0 else 0.0
