"""Streams are cut where their heads say, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.errors import LocalError
from mediasrv.sip.framing import PING, PONG, Frame, FramingEvent, Ping, Pong, StreamFramer, Unframeable
from mediasrv.sip.limits import Limits

LIMITS = Limits(message_bytes=400)
BODY = b"v=0\r\n\r\nOPTIONS sip:smuggled SIP/2.0\r\n\r\n"


def message(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"OPTIONS sip:a@192.0.2.1 SIP/2.0", b"Call-ID: 1", *lines)) + b"\r\n\r\n" + body


WHOLE = message(b"Content-Length: %d" % len(BODY), body=BODY)
EMPTY = message(b"l:0")
FOLDED = message(b"Content-Length :\r\n  5", body=b"hello")


def frames(*chunks: bytes, opened_by_peer: bool = True) -> list[FramingEvent]:
    framer = StreamFramer(LIMITS, opened_by_peer=opened_by_peer)
    events: list[FramingEvent] = []
    for chunk in chunks:
        framer.receive_data(chunk)
        while (event := framer.next_event()) is not None:
            events.append(event)
        if events and isinstance(events[-1], Unframeable):
            break
    return events


@pytest.mark.parametrize("data", [WHOLE, EMPTY, FOLDED])
def test_a_message_is_found_whole_byte_by_byte_and_before_another(data: bytes) -> None:
    assert frames(data) == [Frame(data)]
    assert frames(*(data[i : i + 1] for i in range(len(data)))) == [Frame(data)]
    assert frames(data + EMPTY) == [Frame(data), Frame(EMPTY)]


pieces = st.sampled_from(
    [WHOLE, EMPTY, FOLDED, PING, PONG, b"\r", b"\n", message(), message(b"l: -1"), b"x" * 150, b" "]
)


@given(st.lists(pieces, max_size=6), st.booleans(), st.data())
def test_events_do_not_depend_on_how_the_stream_is_cut(
    parts: list[bytes], opened_by_peer: bool, data: st.DataObject
) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = frames(stream, opened_by_peer=opened_by_peer)
    assert frames(*chunks, opened_by_peer=opened_by_peer) == whole
    bytewise = [stream[i : i + 1] for i in range(len(stream))]
    assert frames(*bytewise, opened_by_peer=opened_by_peer) == whole


def test_a_double_line_end_is_a_ping_only_from_whoever_opened_the_connection() -> None:
    assert frames(PING + EMPTY + PING) == [Ping(), Frame(EMPTY), Ping()]
    assert frames(PONG + EMPTY, opened_by_peer=False) == [Pong(), Frame(EMPTY)]
    assert frames(PONG, PONG, opened_by_peer=False) == [Pong(), Pong()]


def test_a_single_line_end_before_a_message_means_nothing() -> None:
    assert frames(b"\r\n", EMPTY) == [Frame(EMPTY)]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 400),
        ((b"Content-Length: 0", b"l: 0"), 400),
        ((b"Content-Length: 5", b"CONTENT-LENGTH : 50"), 400),
        ((b"Content-Length: -1",), 400),
        ((b"Content-Length: +1",), 400),
        ((b"Content-Length: 0x10",), 400),
        ((b"Content-Length:",), 400),
        ((b"Content-Length: 1, 1",), 400),
        ((b"Content-Length: " + b"9" * 40,), 400),
        ((b"Content-Length: 4294967296",), 513),
        ((b"Content-Length: 400",), 513),
    ],
)
def test_a_length_that_lies_ends_the_stream_and_tells_the_head(lines: tuple[bytes, ...], status: int) -> None:
    data = message(*lines, body=b"hello")
    (event,) = frames(data)
    assert isinstance(event, Unframeable)
    assert (event.head, event.status) == (data.partition(b"\r\n\r\n")[0], status)


def test_an_endless_head_ends_at_the_limit() -> None:
    (event,) = frames(*(b"X" for _ in range(LIMITS.message_bytes)))
    assert event == Unframeable(b"X" * LIMITS.message_bytes, "head too long", 513)


def test_nothing_is_taken_after_the_frames_are_lost() -> None:
    framer = StreamFramer(LIMITS, opened_by_peer=True)
    framer.receive_data(message())
    assert isinstance(framer.next_event(), Unframeable)
    assert framer.next_event() is None
    with pytest.raises(LocalError):
        framer.receive_data(EMPTY)


def test_a_sender_is_waited_for_only_inside_a_message() -> None:
    framer = StreamFramer(LIMITS, opened_by_peer=True)
    framer.receive_data(b"\r\n")
    assert framer.next_event() is None
    assert not framer.in_message
    framer.receive_data(b"O")
    assert framer.next_event() is None
    assert framer.in_message
