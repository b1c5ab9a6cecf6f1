"""Requests in the spirit of RFC 4475: odd but right, or wrong in one way, each with the answer it deserves."""

from __future__ import annotations

import pytest

from mediasrv.ids import SeededTokens
from mediasrv.sip import IncomingCall, Limits, UserAgent
from mediasrv.sip.grammar.parse import parse

HERE, THERE = ("192.0.2.2", 5060), ("192.0.2.1", 5060)


def request(
    method: str = "OPTIONS", *, drop: str = "", add: tuple[str, ...] = (), body: str = "", **change: str
) -> bytes:
    """A sound request, changed: header names by keyword (underscores for dashes), `line` for the start line."""
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKtorture",
        "Max-Forwards": "70",
        "From": "<sip:alice@example.com>;tag=alice",
        "To": "<sip:bob@example.com>",
        "Call-ID": "torture@192.0.2.1",
        "CSeq": f"1 {method}",
        "Contact": "<sip:alice@192.0.2.1>",
    }
    line = change.pop("line", f"{method} sip:bob@192.0.2.2 SIP/2.0")
    headers |= {name.replace("_", "-"): value for name, value in change.items()}
    headers.pop(drop, None)
    lines = [line, *(f"{name}: {value}" for name, value in headers.items()), *add]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "surrogateescape")


ROOM = ("User-Agent: " + "x" * 300,)  # for an answer with all that it has to tell


def answers(data: bytes, limits: Limits | None = None) -> list[bytes]:
    agent = UserAgent(HERE, SeededTokens(1), limits=limits)
    agent.receive(data, THERE, 0.0)
    sent = agent.datagrams_to_send(0.0)
    assert all(to[0] == THERE[0] for _, to in sent)
    return [answer for answer, _ in sent]


def status(data: bytes, limits: Limits | None = None) -> int | None:
    """Of the only answer; None when there is none."""
    sent = answers(data, limits)
    assert len(sent) <= 1
    return int(sent[0].split(b" ")[1]) if sent else None


ODD_BUT_RIGHT = {
    "a short one in compact forms": request(drop="From", add=("f: <sip:a@b>;tag=x",)),
    "folded header": request(Subject="one\r\n two\r\n\tthree"),
    "folds inside Via": request(Via="SIP / 2.0\r\n / UDP\r\n    192.0.2.1;branch=z9hG4bKfold"),
    "spaces before the colon": request(drop="To", add=("To   \t: <sip:bob@example.com>",)),
    "names in another case": request(drop="CSeq", add=("cSEQ: 1 OPTIONS",)),
    "leading zeros in CSeq": request(CSeq="0009 OPTIONS"),
    "an empty Subject": request(Subject=""),
    "unknown headers with odd values": request(NewFangledHeader="newfangled value\r\n continued newfangled value"),
    "bare line feeds": request().replace(b"\r\n", b"\n"),
    "line ends before the request": b"\r\n\r\n" + request(),
    "escapes in the user": request(line="OPTIONS sip:sips%3Auser%40example.com@192.0.2.2;x=%20 SIP/2.0"),
    "a NUL that is escaped": request(To="<sip:null-%00-null@example.com>"),
    "parameters that look like others": request(line="OPTIONS sip:user;par=u%40example.net@192.0.2.2 SIP/2.0"),
    "a quoted name with a backslash and a comma": request(From='"J Rosenberg \\\\\\", x" <sip:a@b>;tag=98'),
    "a name in UTF-8": request(From='"Łukasz 中" <sip:a@b>;tag=98'),
    "no brackets, so parameters are the header's": request(From="sip:a@b;tag=1"),
    "a user that is a tel number": request(line="OPTIONS sip:+15551234567;phone-context=x@192.0.2.2 SIP/2.0"),
    "Max-Forwards of zero, at its goal": request(Max_Forwards="0"),
    "many Vias in one line": request(
        Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa, SIP/2.0/TCP [2001:db8::9:1];branch=z9hG4bKb;x=\"q,;\""
    ),
    "an unknown transport": request(Via="SIP/2.0/SPIFFY 192.0.2.1;branch=z9hG4bKt"),
    "a body of a kind we do not know": request(Content_Type="text/wild", body="x"),
    "bytes after the body": request(Content_Length="3", body="abcdefg"),
    "an RFC 2543 branch": request(Via="SIP/2.0/UDP 192.0.2.1;branch=1"),
    "no branch at all": request(Via="SIP/2.0/UDP 192.0.2.1"),
    "no tag in From": request(From="<sip:a@b>"),
    "no Max-Forwards": request(drop="Max-Forwards"),
    "a lower-case version": request(line="OPTIONS sip:bob@192.0.2.2 sip/2.0"),
    "an IPv6 host": request(line="OPTIONS sip:bob@[2001:db8::2]:5060 SIP/2.0"),
    "a tel URI": request(line="OPTIONS tel:+15551234 SIP/2.0"),
    "extremely many parameters": request(To="<sip:bob@x" + ";p" * 200 + ">"),
}  # fmt: skip

WRONG = {
    "no From": (400, request(drop="From")),
    "no To": (400, request(drop="To")),
    "no Call-ID": (400, request(drop="Call-ID")),
    "no CSeq": (400, request(drop="CSeq")),
    "two From": (400, request(add=("From: <sip:eve@b>;tag=2",))),
    "two To, one compact": (400, request(add=("t: <sip:eve@b>",))),
    "two Call-IDs": (400, request(add=("i: other",))),
    "two CSeqs": (400, request(add=("CSeq: 2 OPTIONS",))),
    "two lengths": (400, request(add=("Content-Length: 0", "l: 5"))),
    "two Max-Forwards": (400, request(add=("Max-Forwards: 3",))),
    "a CSeq beyond 31 bits": (400, request(CSeq="2147483648 OPTIONS")),
    "a CSeq of many digits": (400, request(CSeq="36893488147419103232 OPTIONS")),
    "a negative CSeq": (400, request(CSeq="-1 OPTIONS")),
    "a CSeq of another method": (400, request(CSeq="1 INVITE")),
    "a CSeq in Arabic digits": (400, request(CSeq="١ OPTIONS")),
    "a negative length": (400, request(Content_Length="-999")),
    "a length that is no number": (400, request(Content_Length="abc")),
    "a length beyond the datagram": (400, request(Content_Length="9999", body="short")),
    "a length of many digits": (400, request(Content_Length="9" * 400)),
    "Max-Forwards beyond its byte": (400, request(Max_Forwards="300")),
    "a port beyond its bits in Via": (None, request(Via="SIP/2.0/UDP 192.0.2.1:70000;branch=z9hG4bKp")),
    "a Via of another protocol": (None, request(Via="SOAP/2.0/UDP 192.0.2.1;branch=z9hG4bKp")),
    "an unreadable Via": (None, request(Via=";;,;,,")),
    "no Via": (None, request(drop="Via")),
    "angle brackets around the Request-URI": (400, request(line="OPTIONS <sip:bob@192.0.2.2> SIP/2.0")),
    "a space inside the Request-URI": (400, request(line="OPTIONS sip:bob@192.0.2.2; lr SIP/2.0")),
    "two spaces in the request line": (400, request(line="OPTIONS  sip:bob@192.0.2.2 SIP/2.0")),
    "a space after the request line": (400, request(line="OPTIONS sip:bob@192.0.2.2 SIP/2.0 ")),
    "a Request-URI without a scheme": (400, request(line="OPTIONS bob@192.0.2.2 SIP/2.0")),
    "a user with two at-signs": (400, request(line="OPTIONS sip:bob@x@192.0.2.2 SIP/2.0")),
    "a broken escape": (400, request(line="OPTIONS sip:b%ob@192.0.2.2 SIP/2.0")),
    "a port that is a word": (400, request(line="OPTIONS sip:bob@192.0.2.2:sip SIP/2.0")),
    "a quote that never ends": (400, request(From='"Mr. X <sip:a@b>;tag=1')),
    "a bracket that never ends": (400, request(To="<sip:bob@example.com")),
    "headers in a URI without brackets": (400, request(To="sip:bob@example.com?Route=%3Csip:x%3E")),
    "a Call-ID of two words": (400, request(Call_ID="two words")),
    "bytes that are no UTF-8": (400, request(Subject="\udcff\udcfe")),
    "a control character": (400, request(Subject="bell \x07")),
    "a lone carriage return": (400, request(Subject="x\rEvil: header")),
    "a line without a colon": (400, request(add=("garbage",))),
    "a header name with a space": (400, request(add=("Two Words: x",))),
    "no end of the headers": (400, request().rstrip(b"\r\n")),
    "another version": (505, request(line="OPTIONS sip:bob@192.0.2.2 SIP/7.0")),
    "an old version": (505, request(line="OPTIONS sip:bob@192.0.2.2 SIP/1.0")),
    "an unknown scheme": (416, request(line="OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0")),
    "the web": (416, request(line="OPTIONS http://example.com/ SIP/2.0")),
    "an unknown method": (501, request("NEWMETHOD")),
    "a method of odd characters": (501, request("!interesting-Method0123456789_*+`.%indeed'~")),
    "a method in lower case": (501, request("options")),
    "a method that is not spoken here": (405, request("REGISTER")),
    "SUBSCRIBE": (405, request("SUBSCRIBE")),
    "REFER outside of a call": (481, request("REFER")),
    "NOTIFY that nobody asked for": (481, request("NOTIFY")),
    "PRACK for nothing": (481, request("PRACK")),
    "an extension that is required": (420, request(Require="nothingSupportsThis, 100rel")),
    "BYE without a dialog": (481, request("BYE")),
    "BYE in a dialog that is not": (481, request("BYE", To="<sip:bob@example.com>;tag=gone")),
    "CANCEL of nothing": (481, request("CANCEL")),
    "INFO without a dialog": (481, request("INFO")),
    "UPDATE in a dialog that is not": (481, request("UPDATE", To="<sip:bob@example.com>;tag=gone")),
    "re-INVITE in a dialog that is not": (481, request("INVITE", To="<sip:bob@example.com>;tag=gone")),
    "INVITE without a Contact": (400, request("INVITE", drop="Contact")),
    "INVITE with two Contacts": (400, request("INVITE", Contact="<sip:a@b>, <sip:c@d>")),
    "INVITE with a Contact of stars": (400, request("INVITE", Contact="*")),
    "INVITE with a Contact on the web": (416, request("INVITE", Contact="<http://example.com>")),
    "INVITE with a body of another kind": (415, request("INVITE", Content_Type="text/plain", body="x")),
    "INVITE with several bodies": (415, request("INVITE", Content_Type="multipart/mixed;boundary=x", body="x")),
    "INVITE with a body of no kind": (400, request("INVITE", body="x")),
    "INVITE with a compressed body": (
        415, request("INVITE", Content_Type="application/sdp", Content_Encoding="gzip", body="x")),
    "ACK of nothing": (None, request("ACK")),
    "a broken ACK": (None, request("ACK", drop="Call-ID")),
    "an empty datagram": (None, b""),
    "a keep-alive": (None, b"\r\n\r\n"),
    "STUN": (None, bytes.fromhex("000100002112a442000102030405060708090a0b")),
    "RTP": (None, bytes([0x80, 0, 0, 1]) + bytes(168)),
    "a stray response": (None, request(line="SIP/2.0 200 OK")),
    "a response of a status beyond all": (None, request(line="SIP/2.0 4294967301 better not break")),
    "a response to a broadcast": (
        None, request(line="SIP/2.0 200 OK", Via="SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1, SIP/2.0/UDP 255.255.255.255")),
    "HTTP": (None, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_BUT_RIGHT)
def test_what_is_odd_but_right_is_answered_as_always(name: str) -> None:
    assert status(ODD_BUT_RIGHT[name]) == 200


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_gets_the_answer_it_deserves(name: str) -> None:
    expected, data = WRONG[name]
    assert status(data) == expected


@pytest.mark.parametrize("name", [*ODD_BUT_RIGHT, *WRONG])
def test_a_strange_message_leaves_nothing_behind(name: str) -> None:
    data = ODD_BUT_RIGHT[name] if name in ODD_BUT_RIGHT else WRONG[name][1]
    agent = UserAgent(HERE, SeededTokens(1))
    agent.receive(data, THERE, 0.0)
    left = agent.statistics()
    assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0)
    assert agent.next_event() is None
    assert sum(left.counts.values()) >= 1


def test_an_unknown_protocol_in_via_is_dropped_and_counted() -> None:
    agent = UserAgent(HERE, SeededTokens(1))
    agent.receive(WRONG["a Via of another protocol"][1], THERE, 0.0)
    assert agent.statistics().counts == {"dropped.malformed": 1}


def test_a_message_too_large_is_told_so_when_its_head_can_be_read() -> None:
    assert status(request(Content_Type="text/plain", body="x" * 20_000)) == 513


def test_a_head_too_large_is_told_so_too() -> None:
    assert status(request(Subject="x" * 20_000)) == 513


def test_a_long_header_or_too_many_of_them_are_refused() -> None:
    assert status(request(Subject="x" * 4_100)) == 400
    assert status(request(add=tuple(f"X-{n}: y" for n in range(200)))) == 400
    assert status(request(Via=", ".join(f"SIP/2.0/UDP h{n};branch=z9hG4bK{n}" for n in range(71)))) == 400


def test_a_long_request_uri_is_told_so() -> None:
    assert status(request(line=f"OPTIONS sip:{'b' * 1_100}@192.0.2.2 SIP/2.0")) == 414


def test_405_and_501_name_what_is_allowed() -> None:
    for method in ("REGISTER", "NEWMETHOD"):
        answer = parse(answers(request(method, add=ROOM))[0], Limits())
        assert answer.headers.text("Allow") == (
            "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY"
        )


def test_420_names_what_is_not_supported_and_415_what_is() -> None:
    answer = parse(answers(request(Require="foo, bar"))[0], Limits())
    assert answer.headers.values("Unsupported") == ["foo", "bar"]
    answer = parse(answers(request("INVITE", add=ROOM, Content_Type="text/plain", body="x"))[0], Limits())
    assert answer.headers.text("Accept") == "application/sdp"


def test_options_tells_what_we_can_do() -> None:
    answer = parse(answers(request(add=ROOM))[0], Limits())
    assert answer.status == 200
    assert {"Allow", "Accept", "Supported"} <= {name for name, _ in answer.headers}
    assert answer.to.tag


def test_the_same_refusal_has_the_same_tag_and_no_other_has_it() -> None:
    agent = UserAgent(HERE, SeededTokens(1))
    for data in (request("BYE"), request("BYE"), request("BYE", Call_ID="other")):
        agent.receive(data, THERE, 0.0)
    tags = [parse(data, Limits()).to.tag for data, _ in agent.datagrams_to_send(0.0)]
    assert tags[0] == tags[1] != tags[2]


def test_a_response_copies_what_the_rfc_says_and_how_it_was_spelled() -> None:
    data = request(
        Via="SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;rport, SIP/2.0/UDP far;branch=z9hG4bKb",
        From='"A, \\"B\\"" <sip:a@b;x=1?h=2>;tag=t;other="q"',
    )
    answer = parse(answers(data)[0], Limits())
    assert answer.headers.values("Via") == [
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;rport=5060;received=192.0.2.1",
        "SIP/2.0/UDP far;branch=z9hG4bKb",
    ]
    assert answer.headers.text("From") == '"A, \\"B\\"" <sip:a@b;x=1?h=2>;tag=t;other="q"'
    assert answer.headers.text("Call-ID") == "torture@192.0.2.1"


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("192.0.2.1:7070;rport", 4444),
        ("192.0.2.1:7070", 7070),
        ("192.0.2.1", 5060),
        ("192.0.2.1:0", 4444),
        ("198.51.100.7:7070;maddr=203.0.113.9;received=203.0.113.9", 7070),
    ],
)
def test_answers_go_to_the_host_that_asked_and_to_the_port_it_wants(via: str, port: int) -> None:
    agent = UserAgent(HERE, SeededTokens(1))
    agent.receive(request(Via=f"SIP/2.0/UDP {via};branch=z9hG4bKv"), ("192.0.2.1", 4444), 0.0)
    assert [to for _, to in agent.datagrams_to_send(0.0)] == [("192.0.2.1", port)]


def test_the_same_invite_by_two_ways_is_a_loop() -> None:
    agent = UserAgent(HERE, SeededTokens(1))
    agent.receive(request("INVITE"), THERE, 0.0)
    agent.receive(request("INVITE", Via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother"), THERE, 0.0)
    assert [parse(data, Limits()).status for data, _ in agent.datagrams_to_send(0.0)] == [100, 482]
    assert isinstance(agent.next_event(), IncomingCall)
    assert agent.next_event() is None


def test_more_calls_than_the_limit_are_asked_to_come_back() -> None:
    agent = UserAgent(HERE, SeededTokens(1), limits=Limits(calls=3))
    for n in range(5):
        via = f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{n}"
        agent.receive(request("INVITE", Via=via, Call_ID=f"c{n}"), THERE, 0.0)
    sent = [parse(data, Limits()) for data, _ in agent.datagrams_to_send(0.0)]
    assert [answer.status for answer in sent] == [100, 100, 100, 503, 503]
    assert sent[-1].headers.text("Retry-After") == "5"


def test_new_calls_are_refused_while_nobody_reads_the_events() -> None:
    agent = UserAgent(HERE, SeededTokens(1), limits=Limits(queued_events=4))
    for n in range(4):
        via = f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{n}"
        agent.receive(request("INVITE", Via=via, Call_ID=f"c{n}"), THERE, 0.0)
    statuses = [parse(data, Limits()).status for data, _ in agent.datagrams_to_send(0.0)]
    assert statuses == [100, 100, 503, 503]


def test_the_queue_of_datagrams_is_bounded_and_what_falls_off_is_counted() -> None:
    agent = UserAgent(HERE, SeededTokens(1), limits=Limits(queued_datagrams=10))
    for _ in range(15):
        agent.receive(request(), THERE, 0.0)
    assert len(agent.datagrams_to_send(0.0)) == 10
    assert agent.statistics().counts["dropped.outbox_full"] == 5


@pytest.mark.parametrize("name", [*ODD_BUT_RIGHT, *WRONG])
def test_an_answer_to_a_stranger_is_one_datagram_and_no_larger_than_what_it_answers(name: str) -> None:
    data = ODD_BUT_RIGHT[name] if name in ODD_BUT_RIGHT else WRONG[name][1]
    assert sum(map(len, answers(data))) <= len(data)


def test_every_message_byte_by_byte_is_never_more_than_refused() -> None:
    for data in (request("INVITE", Content_Type="application/sdp", body="v=0"), request("NEWMETHOD")):
        for end in range(len(data)):
            answers(data[:end])
