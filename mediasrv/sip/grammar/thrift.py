"""No more bytes to a stranger than he sent: whoever writes another's address on the envelope gains nothing by it.

What can be spared goes first: who we are, then what the answer lists for convenience, then all challenges but the last,
then the long names and the phrase. A challenge stands for the others when only one fits, and it is the last, because
that is the one which every phone understands; who has answered it is no stranger, and is offered the better ones again.
What does not fit even so is not sent.
"""

from __future__ import annotations

from mediasrv.sip.grammar.headers import Headers, key_of
from mediasrv.sip.grammar.message import Response

# Section 8.2.6.2; and what we do not support the peer has listed itself.
NEEDED = frozenset(("via", "from", "to", "call-id", "cseq", "unsupported"))
CHALLENGES = frozenset(("www-authenticate", "proxy-authenticate"))
SHORT = {"from": "f", "to": "t", "call-id": "i"}  # section 7.3.3
Line = tuple[str, str]


def fitted(response: Response, room_bytes: int) -> bytes | None:
    """The response, or what of it fits; None when nothing does. It has no body."""
    wire = response.build()
    too_much = len(wire) - room_bytes
    if too_much <= 0:
        return wire
    kept = list(response.headers)
    for line in _spare(kept):
        kept.remove(line)
        too_much -= len(": ".join(line)) + len("\r\n")
        if too_much <= 0:
            return Response(response.status, response.reason, Headers(kept)).build()
    shortest = _shortened(Response(response.status, "", Headers(kept)))
    return shortest if len(shortest) <= room_bytes else None


def _spare(lines: list[Line]) -> list[Line]:
    """What can be left out, the least wanted first; it is all of our own making, and ASCII."""
    challenges = [line for line in lines if key_of(line[0]) in CHALLENGES]
    spare = [line for line in lines if key_of(line[0]) not in NEEDED and line not in challenges[-1:]]
    return sorted(spare, key=lambda line: line[0] != "Server")


def _shortened(response: Response) -> bytes:
    vias = [("v", ",".join(response.headers.texts("Via")))]
    rest = ((name, value) for name, value in response.headers if key_of(name) != "via")
    lines = [*vias, *((SHORT.get(key_of(name), name), value) for name, value in rest)]
    wire = Response(response.status, response.reason, Headers(lines)).build()
    return wire.replace(b"\r\nContent-Length: 0\r\n", b"\r\n")  # by datagram it may be missing (20.14)
