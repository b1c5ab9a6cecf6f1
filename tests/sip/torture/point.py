"""What a point of a torture list is: bytes with one oddity in them, and what must come of it.

The messages are our own. Each has the oddity of its section byte for byte, in a message that is plain otherwise: what
comes of it comes of the oddity alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Outcome(Enum):
    CALL = "100, and the room above is told of a call"
    TAKEN = "a response that our transaction believes"
    DROPPED = "nothing is sent, nothing is told, and the loss is counted"


Verdict = int | Outcome  # a number: the status of the one answer, and nothing else happens


@dataclass(frozen=True, slots=True)
class Point:
    section: str
    name: str
    data: bytes
    verdict: Verdict
    says: tuple[str, ...] = ()  # what stands in the answer, each on a line of its own


def message(*lines: str, body: bytes = b"") -> bytes:
    """Lines as they stand, ended as they must be; nothing is added, and no length."""
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + body


def plain(start: str, *odd: str, leave_out: str = "", body: bytes = b"") -> bytes:
    """A sound message whose lines give way to those of the same name among `odd`."""
    method = start.partition(" ")[0]
    usual = {
        "Via": "SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKpoint",
        "Max-Forwards": "70",
        "From": "<sip:alice@pbx.example>;tag=a1",
        "To": "<sip:bob@pbx.example>",
        "Call-ID": "point@192.0.2.1",
        "CSeq": f"8 {method}",
        "Contact": "<sip:alice@192.0.2.1>",
    }
    given = {line.partition(":")[0].strip().title() for line in odd}
    kept = [
        f"{name}: {value}" for name, value in usual.items() if name.title() not in given and name != leave_out
    ]
    if body and "Content-Type" not in given:
        kept.append("Content-Type: application/sdp")
    return message(start, *kept, *odd, body=body)
