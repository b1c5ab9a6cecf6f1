"""RFC 4475 section 3.1.1: well-formed, however it looks."""

from __future__ import annotations

from tests.sip.torture.point import SDP, Outcome, Point, message, plain

LONG = "long" * 60

SHORT_AND_TORTUOUS = message(
    "INVITE sip:bob@pbx.example;unheard-of SIP/2.0",
    "TO :",
    " sip:bob@pbx.example ;   x-tag    = 1918181833n",
    'from   : "A Name \\\\\\""       <sip:alice@pbx.example>',
    "  ;",
    "  tag = 98asjd8",
    "MaX-fOrWaRdS: 0068",
    "Call-ID: tortuous.ndaksdj@192.0.2.1",
    "cseq: 0009",
    "  INVITE",
    "Via  : SIP  /   2.0",
    " /UDP",
    "    192.0.2.1;rport;branch=390skdjuw",
    "s :",
    "X-New-Fangled:   newfangled value",
    " continued newfangled value",
    "X-Unusual-Value: ;;,,;;,;",
    "Content-Type: application/sdp",
    "Route:",
    " <sip:services.pbx.example;lr;x-with=value;x-without>",
    "v:  SIP  / 2.0  / TCP     spindle.example   ;",
    "  branch  =   z9hG4bK9ikj8  ,",
    " SIP  /    2.0   / UDP  198.51.100.111   ; branch=",
    " z9hG4bK30239",
    'm:"Quoted \\"\\"" <sip:alice@192.0.2.1> ; newparam =',
    "      newvalue ;",
    "  secondparam ; q = 0.33",
    body=SDP,
)

WIDE_CHARACTERS = plain(
    "!odd-Method0123456789_*+`.%indeed'~"
    " sip:1_odd.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@pbx.example"
    " SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK-.!%66*_+`'~",
    'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_odd.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@pbx.example>',
    "From: token1~` token2'+_ token3*%!.- <sip:mundane@pbx.example>"
    ";fromParam''~+*_!.-%=\"\u0440\u0430\u0431\u043e\u0442\u0430\";tag=_token~1'+`*%!-.",
    "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
    "x-header-!.%*+_`'~: \ufeff\u5927\u505c\u96fb",
)

MANY_LONG_VALUES = plain(
    "INVITE sip:bob@pbx.example SIP/2.0",
    f'To: "I have a {LONG} name" <sip:bob@pbx.example:6000;unknownparam1=very{LONG}value;{LONG}parameter;x=y>',
    f"From: sip:amazinglylong{LONG}callername@pbx.example;tag=12{LONG}44;unknownheaderparam={LONG}",
    f"Call-ID: {LONG}.onereallylongcallid@192.0.2.1",
    f"Unknown-{LONG}-Name: unknown-{LONG}-value; unknown-{LONG}-parameter-name = unknown-{LONG}-parameter-value",
    "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKlongreq",
    *(f"Via: SIP/2.0/TCP sip{n}.example.com;received=198.51.100.{n};branch=very{LONG}branch{n}" for n in range(34)),
    f"Contact: <sip:amazinglylong{LONG}@192.0.2.1>",
    body=SDP,
)  # fmt: skip

VIAS = (
    "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKkdjuw",
    "Via: SIP/2.0/SCTP 198.51.100.2;branch=z9hG4bKdsf",
    "Via: SIP/2.0/TLS 198.51.100.3;branch=z9hG4bKaxz",
    "Via: SIP/2.0/UNKNOWN 198.51.100.4;branch=z9hG4bK2b",
    "Via: SIP/2.0/TCP 198.51.100.5;branch=z9hG4bKg7",
)

BINARY_PARTS = (
    b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n"
    b"--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\x30\x82\x01\x00\x0d\x0a\x00\xff\r\n"
    b"--7a9cbec02ceef655--\r\n"
)


def ours(status_line: str, cseq: int = 1) -> bytes:
    """A response to the INVITE that the user agent under test has sent: the caller fills in how it names it."""
    return message(
        status_line,
        "Via: {via}",
        "From: {from}",
        "To: <sip:bob@pbx.example>;tag=b1",
        "Call-ID: {call_id}",
        f"CSeq: {cseq} INVITE",
        "Contact: <sip:bob@192.0.2.1>",
    )


VALID = (
    Point("3.1.1.1", "a short tortuous INVITE", SHORT_AND_TORTUOUS, Outcome.CALL),
    Point("3.1.1.2", "a wide range of valid characters", WIDE_CHARACTERS, 501),
    Point(
        "3.1.1.3",
        "escapes where they are legal",
        plain(
            "INVITE sip:sips%3Abob%40pbx.example@192.0.2.2 SIP/2.0",
            "To: sip:%62o%62@pbx.example",
            "From: <sip:I%20have%20spaces@pbx.example>;tag=938",
            "Contact: <sip:cal%6Cer@192.0.2.1;%6C%72;n%61me=v%61lue%25%34%31>",
            body=SDP,
        ),
        Outcome.CALL,
    ),
    Point(
        "3.1.1.4",
        "NUL, escaped, in a URI",
        plain(
            "REGISTER sip:pbx.example SIP/2.0",
            "To: sip:null-%00-null@pbx.example",
            "From: sip:null-%00-null@pbx.example;tag=839923423",
            "Contact: <sip:%00@192.0.2.1>",
            "Contact: <sip:%00%00@192.0.2.1>",
        ),
        200,
        ("Contact: <sip:%00@192.0.2.1>;expires=3600", "Contact: <sip:%00%00@192.0.2.1>;expires=3600"),
    ),
    Point(
        "3.1.1.5",
        "percent signs that escape nothing, in a method",
        plain("RE%47IST%45R sip:pbx.example SIP/2.0", 'To: "%Z%45" <sip:resource@pbx.example>'),
        501,
    ),
    Point(
        "3.1.1.6",
        "no space between a name and its bracket",
        plain("OPTIONS sip:bob@pbx.example SIP/2.0", "From: caller<sip:alice@pbx.example>;tag=323"),
        200,
        ("From: caller<sip:alice@pbx.example>;tag=323",),
    ),
    Point("3.1.1.7", "long values everywhere", MANY_LONG_VALUES, Outcome.CALL),
    Point(
        "3.1.1.8",
        "another request behind the end of the first",
        plain("REGISTER sip:pbx.example SIP/2.0", "To: sip:alice@pbx.example", "Content-Length: 0")
        + plain("INVITE sip:bob@pbx.example SIP/2.0", body=SDP),
        200,
        ("CSeq: 8 REGISTER",),
    ),
    Point(
        "3.1.1.9",
        "parameters, separated, in the user part",
        plain("OPTIONS sip:user;par=u%40example.net@pbx.example SIP/2.0"),
        200,
    ),
    Point("3.1.1.10", "transports of all kinds", plain("OPTIONS sip:bob@pbx.example SIP/2.0", *VIAS), 200, VIAS[1:]),
    Point(
        "3.1.1.11",
        "a body of several parts with bytes in it",
        plain(
            "MESSAGE sip:bob@pbx.example SIP/2.0",
            "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
            "MIME-Version: 1.0",
            body=BINARY_PARTS,
        ),
        405,
    ),
    Point(
        "3.1.1.12",
        "a reason phrase of odd characters",
        ours("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e"),
        Outcome.TAKEN,
    ),
    Point("3.1.1.13", "an empty reason phrase", ours("SIP/2.0 180 "), Outcome.TAKEN),
)  # fmt: skip
