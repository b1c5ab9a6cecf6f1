"""Which questions RFC 3263 asks of the DNS, and in which order it takes the answers. Nothing here asks.

What is asked follows from the form of the URI alone (section 4):

    host              port   transport   asked
    an address        any    any         nothing
    a name            given  any         its addresses
    a name            none   given       SRV for that transport, else addresses
    a name            none   none        NAPTR, else SRV for each transport, else addresses

So an operator who knows better says it in the same language: `sip:host:5060` is found by its address, and
`sip:host;transport=tcp` by SRV.

A sips URI goes over TLS or nowhere, whatever the DNS offers; a sip URI may be led to TLS by NAPTR, and to nothing
that we do not speak. Browsers are not called by name: no service of theirs is asked for (RFC 7118 section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from operator import attrgetter

from mediasrv.endpoints.resolution.records import Naptr, Srv
from mediasrv.sip import Uri
from mediasrv.sip.hop import transport_named

SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}  # section 4.1
PREFIXES = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp."}

Draw = Callable[[int], int]
"""A whole number from 0 to its argument, both included."""


@dataclass(frozen=True, slots=True)
class Question:
    """SRV records to look for, and the transport they are about."""

    name: str
    transport: str


def transport_said(uri: Uri) -> str | None:
    """The one that the URI leaves no choice about; None: the DNS may choose."""
    if uri.parameter("transport") is not None or uri.port is not None:
        return transport_named(uri)
    return None


def default_transport(uri: Uri) -> str:
    """Where nobody has said anything (section 4.1)."""
    return "TLS" if uri.scheme == "sips" else "UDP"


def srv_questions(uri: Uri, spoken: Collection[str]) -> tuple[Question, ...]:
    """What to ask where no NAPTR record has said it, the transport that costs least first."""
    said = transport_said(uri)
    wanted = (said,) if said else ("TLS",) if uri.scheme == "sips" else ("UDP", "TCP", "TLS")
    return tuple(
        Question(PREFIXES[transport] + uri.host, transport)
        for transport in wanted
        if transport in spoken and transport in PREFIXES
    )


def naptr_questions(uri: Uri, records: Iterable[Naptr], spoken: Collection[str]) -> tuple[Question, ...]:
    """What the NAPTR records lead to, the domain's own order kept among what we speak (section 4.1).

    Records that would rewrite the name by a regular expression have no place here, and are left out."""
    questions = []
    for record in sorted(records, key=attrgetter("order", "preference")):
        transport = SERVICES.get(record.service.upper(), "")
        fits = transport == "TLS" or uri.scheme != "sips"
        if record.flags.lower() == "s" and record.replacement and fits and transport in spoken:
            questions.append(Question(record.replacement, transport))
    return tuple(dict.fromkeys(questions))


def in_order(records: Iterable[Srv], draw: Draw) -> list[Srv]:
    """RFC 2782: by priority; among equals by lot, each as likely to be next as its weight says."""
    left = sorted((record for record in records if record.target), key=attrgetter("priority", "weight"))
    ordered = []
    while left:
        equals = [record for record in left if record.priority == left[0].priority]
        chosen = _drawn(equals, draw)
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


def _drawn(equals: list[Srv], draw: Draw) -> Srv:
    """Those of weight 0 stand first, and so have a small chance when there are others."""
    lot, running = draw(sum(record.weight for record in equals)), 0
    for record in equals:
        running += record.weight
        if running >= lot:
            return record
    return equals[-1]
