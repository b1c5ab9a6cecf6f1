"""RFC 5118 section 4: addresses with colons in them."""

from __future__ import annotations

from tests.sip.torture.point import Outcome, Point, plain

REGISTER = "REGISTER sip:[2001:db8::10] SIP/2.0"
TO = "To: <sip:alice@[2001:db8::10]>"
VIA = "Via: SIP/2.0/UDP [2001:db8::9:1];rport;branch=z9hG4bKipv6"
CONTACT = 'Contact: "Caller" <sip:alice@[2001:db8::9:1]>'
GONE = "To: <sip:bob@[2001:db8::10]>;tag=gone"
BYE = "BYE sip:bob@[2001:db8::10] SIP/2.0"


def session(*media: str, address: str = "IP6 2001:db8::20") -> bytes:
    lines = ("v=0", f"o=- 1 1 IN {address}", "s=-", "t=0 0", *media)
    return "".join(f"{line}\r\n" for line in lines).encode()


ONE_STREAM = ("c=IN IP6 2001:db8::20", "m=audio 4000 RTP/AVP 0")
TWO_STREAMS = (
    "m=audio 4000 RTP/AVP 0",
    "c=IN IP6 2001:db8::1",
    "m=video 4002 RTP/AVP 31",
    "c=IN IP4 192.0.2.1",
)

IPV6 = (
    Point("4.1", "addresses in brackets", plain(REGISTER, VIA, TO, CONTACT), 200),
    Point(
        "4.2",
        "a Request-URI whose address has no brackets",
        plain("REGISTER sip:2001:db8::10 SIP/2.0", VIA, TO, CONTACT),
        400,
    ),
    Point(
        "4.3",
        "a port that stands inside the brackets is none",
        plain("REGISTER sip:[2001:db8::10:5070] SIP/2.0", VIA, "To: <sip:alice@[2001:db8::10:5070]>", CONTACT),
        404,
    ),
    Point(
        "4.4", "a port behind the brackets", plain("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", VIA, TO, CONTACT), 200
    ),
    Point("4.5", "`received` in brackets", plain(BYE, f"{VIA};received=[2001:db8::9:255]", GONE), 481),
    Point("4.5", "`received` without brackets", plain(BYE, f"{VIA};received=2001:db8::9:255", GONE), 481),
    Point(
        "4.6",
        "a session description without brackets",
        plain("INVITE sip:bob@[2001:db8::10] SIP/2.0", VIA, CONTACT, body=session(*ONE_STREAM)),
        Outcome.CALL,
    ),
    Point(
        "4.7",
        "addresses of both kinds on the way",
        plain(
            BYE,
            VIA,
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb;received=192.0.2.200",
            "Via: SIP/2.0/UDP [2001:db8:0:0:0:0:0:1];branch=z9hG4bKc",
            GONE,
        ),
        481,
    ),
    Point(
        "4.8",
        "addresses of both kinds in a session description",
        plain("INVITE sip:bob@[2001:db8::10] SIP/2.0", VIA, CONTACT, body=session(*TWO_STREAMS)),
        Outcome.CALL,
    ),
    Point(
        "4.9",
        "an IPv4 address in an IPv6 one",
        plain(
            "INVITE sip:bob@[2001:db8::10] SIP/2.0",
            "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;rport;branch=z9hG4bKm",
            "Contact: <sip:alice@[::ffff:192.0.2.2]>",
            body=session("c=IN IP6 ::ffff:192.0.2.2", "m=audio 4000 RTP/AVP 0", address="IP6 ::ffff:192.0.2.2"),
        ),
        Outcome.CALL,
    ),
    Point(
        "4.10",  # RFC 5954 has taken out of the grammar what let it in
        "three colons in a row",
        plain("OPTIONS sip:bob@[2001:db8:::192.0.2.1] SIP/2.0", VIA),
        400,
    ),
    Point("4.10", "two colons there", plain("OPTIONS sip:bob@[2001:db8::192.0.2.1] SIP/2.0", VIA), 200),
)  # fmt: skip
