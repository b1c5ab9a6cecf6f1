"""A corpus of messages, each taken in every way that a network can bring it: whole, in pieces, with more behind it.

What is read is printed as it came: every header with its name, its case, its place and its value, folds apart.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv.sip import Headers, Limits, Malformed, Request, Response, Uri
from mediasrv.sip.framing import Frame, StreamFramer, Unframeable
from mediasrv.sip.grammar.headers import COMPACT
from mediasrv.sip.grammar.message import Message
from mediasrv.sip.grammar.parse import parse
from tests.sip.torture.ipv6 import IPV6
from tests.sip.torture.meaning import APPLICATIONS, COMPATIBILITY, TRANSACTIONS
from tests.sip.torture.point import SDP, plain
from tests.sip.torture.valid import BINARY_PARTS, VALID

MIXED = (
    b"--edge\r\nContent-Type: application/sdp\r\n\r\n"
    + SDP
    + b"\r\n--edge\r\nContent-Type: application/isup\r\n\r\n"
    b"\x01\x00\r\n\r\nSIP/2.0\xff\r\n--edge--\r\n"
)
OWN = {
    "an ordinary INVITE": plain("INVITE sip:bob@192.0.2.2 SIP/2.0", body=SDP),
    "a body of several parts": plain(
        "INVITE sip:bob@192.0.2.2 SIP/2.0", "Content-Type: multipart/mixed;boundary=edge", body=MIXED
    ),
    "bytes for a body": plain("MESSAGE sip:bob@192.0.2.2 SIP/2.0", "Content-Type: a/b", body=bytes(range(256))),
    "line ends for a body": plain("INFO sip:bob@192.0.2.2 SIP/2.0", "Content-Type: a/b", body=b"\r\n\r\n\r\n"),
    "compact forms": plain(
        "INVITE sip:bob@192.0.2.2 SIP/2.0",
        *("k: timer", "x: 1800;refresher=uac", "o: talk", "s: hello", "e: identity", "u: dialog"),
        body=SDP,
    ),
    "a response": plain("SIP/2.0 486 Busy Here", "CSeq: 8 INVITE", "Warning: 399 pbx.example \"busy\""),
    "a compact content type": plain(
        "MESSAGE sip:b@c SIP/2.0", "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655", body=BINARY_PARTS
    ).replace(b"Content-Type", b"c", 1),
}  # fmt: skip


def readable(data: bytes) -> bool:
    try:
        parse(data, Limits())
    except Malformed:
        return False
    return True


def with_length(data: bytes) -> bytes:
    """As a stream must carry it."""
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


POINTS = (*VALID, *TRANSACTIONS, *APPLICATIONS, *COMPATIBILITY, *IPV6)
CORPUS = OWN | {
    f"{point.section} {point.name}": point.data
    for point in POINTS
    if b"{via}" not in point.data and b"Content-Length" not in point.data and readable(point.data)
}
each = pytest.mark.parametrize("name", CORPUS)


def frames_of(*chunks: bytes) -> list[bytes]:
    framer, frames = StreamFramer(Limits(), opened_by_peer=True), []
    for chunk in chunks:
        framer.receive_data(chunk)
        while (event := framer.next_event()) is not None:
            if isinstance(event, Frame):
                frames.append(event.data)
            elif isinstance(event, Unframeable):
                return frames
    return frames


def lines_of(message: Message) -> list[tuple[str, str]]:
    return [line for line in message.headers if line[0].lower() not in ("content-length", "l")]


@each
def test_what_is_read_is_printed_with_every_line_in_its_place(name: str) -> None:
    message = parse(CORPUS[name], Limits())
    again = parse(message.build(), Limits())
    assert (type(again), again.body, lines_of(again)) == (type(message), message.body, lines_of(message))
    assert again.build() == message.build()


@each
def test_a_stream_brings_the_same_message_whole_and_byte_by_byte(name: str) -> None:
    data = with_length(CORPUS[name])
    assert frames_of(data) == [data]
    assert frames_of(*(data[at : at + 1] for at in range(len(data)))) == [data]
    assert parse(data, Limits()).body == parse(CORPUS[name], Limits()).body


@each
def test_a_stream_brings_the_same_message_in_any_two_parts(name: str) -> None:
    data = with_length(CORPUS[name])
    step = 1 if len(data) < 2_000 else 37
    for at in range(0, len(data) + 1, step):
        assert frames_of(data[:at], data[at:]) == [data]


@each
def test_what_follows_a_message_is_no_part_of_it(name: str) -> None:
    data = with_length(CORPUS[name])
    for behind in (b"x", b"\r\n", b"\r\n\r\n", data[:1_000], b"\x00" * 20, b"BYE sip:b SIP/2.0\r\n\r\n"):
        assert parse(data + behind, Limits()) == parse(data, Limits())
        assert frames_of(data + behind)[0] == data
        assert frames_of(data, behind)[0] == data


@each
def test_every_part_of_a_datagram_is_refused_or_shorter(name: str) -> None:
    """A message without a length may lose its end and still be one; it never becomes another method's."""
    data = CORPUS[name]
    whole = parse(data, Limits())
    for end in range(0, len(data), 3):
        try:
            part = parse(data[:end], Limits())
        except Malformed:
            continue
        assert type(part) is type(whole)
        assert whole.body.startswith(part.body)


NAMES = st.sampled_from(
    [
        "Subject",
        "SUBJECT",
        "s",
        "k",
        "Supported",
        "x-Odd",
        "X-ODD",
        "Warning",
        "u",
        "Allow-Events",
        "o",
        "Event",
    ]
)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30).map(str.strip)
BODIES = st.binary(max_size=80) | st.sampled_from([b"", MIXED, BINARY_PARTS, SDP])
LONG = {short: name.title().replace("Call-Id", "Call-ID") for short, name in COMPACT.items()}


@given(
    lines=st.lists(st.tuples(NAMES, VALUES), max_size=12),
    order=st.permutations(["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type"]),
    compact=st.booleans(),
    body=BODIES,
    response=st.booleans(),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_order_case_and_form_of_headers_is_kept(
    lines: list[tuple[str, str]], order: list[str], compact: bool, body: bytes, response: bool
) -> None:
    values = {
        "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa , SIP/2.0/TCP h;branch=z9hG4bKb",
        "From": '"A, B" <sip:a@b>;tag=1',
        "To": "<sip:c@d>",
        "Call-ID": "x@y",
        "CSeq": "1 INFO",
        "Max-Forwards": "9",
        "Content-Type": "multipart/mixed;boundary=edge",
    }
    short = {name: letter for letter, name in LONG.items()}
    chosen = [(short.get(name, name) if compact else name, values[name]) for name in order]
    headers = Headers([*chosen[:3], *lines, *chosen[3:]])
    message: Message = (
        Response(200, "", headers, body) if response else Request("INFO", Uri.parse("sip:c@d"), headers, body)
    )
    read = parse(message.build(), Limits())
    assert lines_of(read) == list(headers)
    assert read.body == body
    assert read.build() == message.build()
