"""RFC 4475 sections 3.2 to 3.4: well-formed, and yet not simply to be done."""

from __future__ import annotations

from tests.sip.torture.invalid import ALICE, INVITE, OPTIONS, REGISTER
from tests.sip.torture.point import SDP, Outcome, Point, message, plain
from tests.sip.torture.valid import ours

TRANSACTIONS = (
    Point(
        "3.2.1",
        "a branch of the cookie alone",
        plain(OPTIONS, "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK"),
        200,
    ),
)

APPLICATIONS = (
    Point(
        "3.3.1",
        "no Call-ID, From or To",
        message(
            INVITE, "CSeq: 193942 INVITE", "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKinsuf", body=SDP
        ),
        400,
    ),
    Point(
        "3.3.2", "a scheme nobody knows", plain("OPTIONS nobodyKnowsThis:totallyopaquecontent SIP/2.0"), 416
    ),
    Point("3.3.3", "a scheme others know", plain("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), 416),
    Point(
        "3.3.4",
        "schemes others know, in To, From and Contact",
        plain(
            REGISTER, "To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233", "Contact: <name:Bob>"
        ),
        400,
    ),
    Point(
        "3.3.5",
        "extensions nobody supports, for us and for proxies",
        plain(
            OPTIONS,
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
        ),
        420,
        ("Unsupported: nothingsupportsthis, nothingsupportsthiseither",),
    ),
    Point(
        "3.3.6",
        "a body of an unknown kind",
        plain(INVITE, "Content-Type: application/unknownformat", body=b"<audio>\r\n"),
        415,
        ("Accept: application/sdp",),
    ),
    Point(
        "3.3.7",
        "credentials of an unknown scheme",
        plain(REGISTER, ALICE, "Authorization: NoOneKnowsThisScheme opaque-data=here", "X-Asked: yes"),
        401,
    ),
    Point(
        "3.3.8",
        "two of what may stand once",
        plain(
            INVITE,
            "CSeq: 5 INVITE", "CSeq: 59 INVITE",
            "Call-ID: one@192.0.2.1", "Call-ID: two@192.0.2.1",
            "From: <sip:alice@pbx.example>;tag=3413415", "From: <sip:eve@pbx.example>;tag=2923420123",
            "To: sip:bob@pbx.example", "To: sip:carol@pbx.example",
            "Max-Forwards: 70", "Max-Forwards: 5",
            "Contact: <sip:alice@192.0.2.1>", "Contact: <sip:eve@198.51.100.9>",
            body=SDP,
        ),
        400,
    ),
    Point(
        "3.3.9",
        "two lengths that differ",
        plain(OPTIONS, "Content-Length: 13", "Content-Length: 5", body=b"x" * 20),
        400,
    ),
    Point(
        "3.3.10",
        "a response with a second Via, to everybody",
        ours("SIP/2.0 200 OK").replace(b"\r\nFrom:", b"\r\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1\r\nFrom:"),
        Outcome.DROPPED,
    ),
    Point("3.3.11", "no hop left, at its goal", plain(OPTIONS, "Max-Forwards: 0"), 200),
    Point(
        "3.3.12",
        "a parameter of the Contact, without brackets",
        plain(REGISTER, ALICE, "Contact: sip:+19725552222@192.0.2.1;unknownparam"),
        200,
        ("Contact: <sip:+19725552222@192.0.2.1>;unknownparam;expires=3600",),
    ),
    Point(
        "3.3.13",
        "a parameter of the Contact's URI, in brackets",
        plain(REGISTER, ALICE, "Contact: <sip:+19725552222@192.0.2.1;unknownparam>"),
        200,
        ("Contact: <sip:+19725552222@192.0.2.1;unknownparam>;expires=3600",),
    ),
    Point(
        "3.3.14",
        "escaped headers in a Contact",
        plain(REGISTER, ALICE, "Contact: <sip:alice@192.0.2.1?Route=%3Csip:sip.pbx.example%3E>"),
        200,
        ("Contact: <sip:alice@192.0.2.1?Route=%3Csip:sip.pbx.example%3E>;expires=3600",),
    ),
    Point(
        "3.3.15",
        "an answer that would not be accepted",
        plain(INVITE, "Accept: text/nobodyKnowsThis", body=SDP),
        406,
    ),
)  # fmt: skip

COMPATIBILITY = (
    Point(
        "3.4.1",
        "an INVITE as RFC 2543 had it",
        message(
            INVITE,
            "Via: SIP/2.0/UDP 192.0.2.1",
            "From: <sip:+13035551111@192.0.2.1;user=phone>",
            "Record-Route: <sip:bob@pbx.example;maddr=192.0.2.1>",
            "To: sip:+16505552222@pbx.example;user=phone",
            "Call-ID: 1717@192.0.2.1",
            "CSeq: 56 INVITE",
            "Content-Type: application/sdp",
            "Contact: <sip:+13035551111@192.0.2.1>",
            body=SDP,
        ),
        Outcome.CALL,
    ),
)
