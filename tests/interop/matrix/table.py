"""The table: rows are what telephones do, columns are peers; a cell holds the ways in which a peer does it, or why not.

What a cell promises, whoever the peer is:

* `sound`: in each codec that the peer has in common with us, a tone that it says comes back to it from `echo`, for as
  long as it said it, and nothing else does.
* `transport`: the same call over each transport of the signalling.
* `security`: the same call with the sound encrypted, towards a server that takes no other.
* `refusal`: what must not come about is refused with 488.
* `keys_in`: keys that the peer presses reach the agent, each once, in order.
* `keys_out`: keys that the agent presses are heard by the peer.
* `hold`: the peer puts the call on hold and takes it back by re-INVITE, and sound is there again.
* `offerless`: an INVITE without a description; ours is the offer.
* `cancelled`: a call is taken back while it rings.
* `reliable`: a caller who requires 100rel is rung reliably, confirms it with PRACK, and is answered.
* `registered`: a user's telephone registers with its password (digest), and not with another.
* `rung`: a user's telephone, rung by his name, picks up, and who called hears it.
* `transfer`: the peer sends our agent to a user (REFER, blind), who hears it.
* `health`: OPTIONS outside of any call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Ways = tuple[str, ...]

TABLE: Mapping[str, Mapping[str, Ways | str]] = {
    "sound": {
        "pjsip": ("PCMU", "PCMA", "G722"),
        "baresip": ("opus", "G722", "PCMU", "PCMA"),
        "sipp": "it counts packets; what they sound like it does not know",
    },
    "transport": {
        "pjsip": ("udp", "tcp", "tls"),
        "baresip": ("udp", "tcp", "tls"),
        "sipp": ("u1", "t1", "tn"),
    },
    "security": {
        "pjsip": ("optional", "mandatory"),
        "baresip": ("srtp", "srtp-mand", "srtp-mandf", "dtls_srtp"),
        "sipp": "Debian's is built without SRTP",
    },
    "refusal": {
        "pjsip": ("plain", "protected"),
        "baresip": "it does not tell the status that refused it",
        "sipp": "the description in a scenario is one of ours, not the peer's own",
    },
    "keys_in": {
        "pjsip": (
            "rfc4733",
            "info",
        ),  # tones in band are for those who do not know events, and it always does
        "baresip": ("rfc4733",),  # this version knows no other way
        "sipp": "it would replay a capture of somebody else's packets",
    },
    "keys_out": {
        "pjsip": ("rfc4733",),
        "baresip": ("rfc4733",),
        "sipp": "it does not read packets",
    },
    "hold": {"pjsip": ("plain", "protected"), "baresip": ("plain",), "sipp": ("u1", "t1", "tn")},
    "offerless": {
        "pjsip": "it always offers",
        "baresip": "it always offers",
        "sipp": ("u1",),
    },
    "cancelled": {
        "pjsip": ("plain",),
        "baresip": ("plain",),
        "sipp": ("u1", "t1", "tn"),
    },
    "reliable": {
        "pjsip": ("plain",),
        "baresip": "this version knows no 100rel",
        "sipp": ("u1", "t1"),
    },
    "registered": {
        "pjsip": ("plain",),
        "baresip": ("plain",),
        "sipp": "a scenario would have to know a password that is drawn anew each time",
    },
    "rung": {
        "pjsip": ("plain",),
        "baresip": ("plain",),
        "sipp": "it registers nowhere",
    },
    "transfer": {
        "pjsip": ("plain",),
        "baresip": ("plain",),
        "sipp": "refer.xml asks for one; who is heard it does not know",
    },
    "health": {
        "pjsip": "its Python face has no OPTIONS",
        "baresip": "it tells nothing of the answer",
        "sipp": ("u1",),
    },
}
PEERS = ("pjsip", "baresip", "sipp")


@dataclass(frozen=True, slots=True)
class Cell:
    row: str
    peer: str
    way: str

    def __str__(self) -> str:
        return f"{self.row}-{self.peer}-{self.way}"


def cells(*rows: str) -> Iterator[Cell]:
    for row in rows:
        for peer, ways in TABLE[row].items():
            if not isinstance(ways, str):
                yield from (Cell(row, peer, way) for way in ways)
