"""What is left out of an answer to a stranger, so that it is no larger than what he sent."""

from __future__ import annotations

from mediasrv.sip import Headers, Limits, Response
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.grammar.thrift import fitted

NEEDED = [
    ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;received=192.0.2.1"),
    ("Via", "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKb"),
    ("From", "<sip:alice@pbx.example>;tag=a"),
    ("To", "<sip:bob@pbx.example>;tag=b"),
    ("Call-ID", "c@192.0.2.1"),
    ("CSeq", "1 OPTIONS"),
]
EXTRAS = [("Server", "mediasrv"), ("Allow", "INVITE, ACK"), ("Supported", "100rel")]
STRONG, USUAL = ("WWW-Authenticate", "Digest SHA-256"), ("WWW-Authenticate", "Digest MD5")


def names(wire: bytes | None) -> list[str]:
    assert wire is not None
    return [name for name, _ in parse(wire, Limits()).headers]


def test_what_fits_is_left_as_it_is() -> None:
    response = Response(200, "OK", Headers([*NEEDED, *EXTRAS]))
    wire = response.build()
    assert fitted(response, len(wire)) == wire


def test_who_we_are_goes_first_then_what_is_told_for_convenience() -> None:
    response = Response(200, "OK", Headers([*EXTRAS, *NEEDED]))
    size = len(response.build())
    left = [
        set(names(fitted(response, size - less))) & {"Server", "Allow", "Supported"} for less in (1, 19, 40)
    ]
    assert left == [{"Allow", "Supported"}, {"Supported"}, set()]


def test_one_challenge_is_left_and_it_is_the_one_that_every_phone_understands() -> None:
    response = Response(401, "Unauthorized", Headers([*NEEDED, STRONG, USUAL, EXTRAS[0]]))
    wire = fitted(response, len(response.build()) - 19)
    assert wire is not None
    assert parse(wire, Limits()).headers.texts("WWW-Authenticate") == [USUAL[1]]


def test_at_last_names_and_phrase_are_short_and_all_that_is_needed_still_reads() -> None:
    response = Response(401, "Unauthorized", Headers([*NEEDED, STRONG, USUAL, *EXTRAS]))
    tight = len(Response(401, "", Headers([*NEEDED, USUAL])).build()) - 25
    wire = fitted(response, tight)
    assert wire is not None
    assert len(wire) <= tight
    read = parse(wire, Limits())
    assert read.headers.values("Via") == [value for name, value in NEEDED if name == "Via"]
    assert [read.headers.text(name) for name, _ in NEEDED[2:]] == [value for _, value in NEEDED[2:]]


def test_what_does_not_fit_even_so_is_not_sent() -> None:
    response = Response(401, "Unauthorized", Headers([*NEEDED, STRONG, USUAL]))
    sizes = [len(wire) if (wire := fitted(response, room)) else 0 for room in range(500)]
    assert all(size <= room for room, size in enumerate(sizes))
    assert sizes[100] == 0
