"""RFC 4475 section 3.1.2: not well-formed. Where the RFC leaves a choice, the comment says which one is ours."""

from __future__ import annotations

from tests.sip.torture.point import SDP, Outcome, Point, plain
from tests.sip.torture.valid import ours

OPTIONS = "OPTIONS sip:bob@pbx.example SIP/2.0"
INVITE = "INVITE sip:bob@pbx.example SIP/2.0"
REGISTER = "REGISTER sip:pbx.example SIP/2.0"
ALICE = "To: sip:alice@pbx.example"

INVALID = (
    Point(
        "3.1.2.1",
        "separators with nothing between them",
        plain(
            INVITE,
            "Via: SIP/2.0/UDP 192.0.2.1;;,;,,",
            'Contact: "Joe" <sip:joe@192.0.2.1>;;;;',
            body=SDP,
        ),
        400,
    ),
    Point("3.1.2.2", "a length beyond the datagram", plain(INVITE, "Content-Length: 9999", body=SDP), 400),
    Point("3.1.2.3", "a negative length", plain(INVITE, "Content-Length: -999", body=SDP), 400),
    Point(
        "3.1.2.4",
        "numbers beyond their range in a request",
        plain(
            REGISTER,
            ALICE,
            "CSeq: 36893488147419103232 REGISTER",
            "Max-Forwards: 300",
            "Expires: 10000000000000000000000000000000000000000",
            "Contact: <sip:alice@192.0.2.1>;expires=280297596632815",
        ),
        400,
    ),
    Point(
        "3.1.2.5",
        "numbers beyond their range in a response",
        ours("SIP/2.0 503 Service Unavailable", 9292394834772304023312).replace(
            b"\r\n\r\n",
            b"\r\nRetry-After: 949302838503028349304023988\r\nWarning: 1812 overture \"In Progress\"\r\n\r\n",
        ),
        Outcome.DROPPED,
    ),
    Point("3.1.2.6", "a quote that never ends", plain(OPTIONS, 'To: "Mr. J. User <sip:bob@pbx.example>'), 400),
    Point("3.1.2.7", "brackets around the Request-URI", plain("INVITE <sip:bob@pbx.example> SIP/2.0", body=SDP), 400),
    Point("3.1.2.8", "a space inside the Request-URI", plain("INVITE sip:bob@pbx.example; lr SIP/2.0", body=SDP), 400),
    Point("3.1.2.9", "two spaces in the start line", plain("INVITE  sip:bob@pbx.example  SIP/2.0", body=SDP), 400),
    Point("3.1.2.10", "a space after the start line", plain("OPTIONS sip:bob@pbx.example SIP/2.0  "), 400),
    Point(
        "3.1.2.11",  # it may be overlooked or refused: a Route that somebody else wrote is not overlooked
        "escaped headers in the Request-URI",
        plain("INVITE sip:bob@pbx.example?Route=%3Csip:pbx.example%3E SIP/2.0", body=SDP),
        400,
    ),
    Point(
        "3.1.2.12",  # whoever does not need the date need not read it: we do not
        "a Date in another zone than GMT",
        plain(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST", body=SDP),
        Outcome.CALL,
    ),
    Point(
        "3.1.2.13",
        "a Contact whose URI needs brackets and has none",
        plain(REGISTER, ALICE, "Contact: sip:alice@192.0.2.1?Route=%3Csip:pbx.example%3E"),
        400,
    ),
    Point("3.1.2.14", "spaces inside the brackets", plain(OPTIONS, 'To: "Watson, T." < sip:bob@pbx.example >'), 400),
    Point(
        "3.1.2.15",  # it can mean only one thing, and is told back as it came
        "a name with a comma and without quotes",
        plain(OPTIONS, "From: Bell, Alexander <sip:alice@pbx.example>;tag=43"),
        200,
        ("From: Bell, Alexander <sip:alice@pbx.example>;tag=43",),
    ),
    Point("3.1.2.16", "a version to come", plain("OPTIONS sip:bob@pbx.example SIP/7.0"), 505),
    Point("3.1.2.17", "a CSeq of another method", plain(OPTIONS, "CSeq: 8 INVITE"), 400),
    Point(
        "3.1.2.18",  # 501 would do as well: the message is broken whatever its method means
        "an unknown method and a CSeq of a known one",
        plain("NEWMETHOD sip:bob@pbx.example SIP/2.0", "CSeq: 8 INVITE"),
        400,
    ),
    Point("3.1.2.19", "a status beyond all", ours("SIP/2.0 4294967301 better not break the receiver"), Outcome.DROPPED),
)  # fmt: skip
