"""Throws damaged streams of messages at the framer: `fuzz_framing.py --seconds N --seed S`.

Fails on any exception, when what comes out depends on how the stream was cut, when more is kept than the limit allows,
and when the parser reads another message in a frame than the framer has cut: that is how one message becomes two.
"""

from __future__ import annotations

import sys

from mediasrv.sip import Limits
from mediasrv.sip.errors import Malformed
from mediasrv.sip.framing import Frame, FramingEvent, StreamFramer, Unframeable
from mediasrv.sip.grammar.parse import parse
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator

LIMITS = Limits(message_bytes=2_000)
STREAMS_A_RUN = 40
CHUNKINGS = 3
HEAD = (
    b"OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:bob@192.0.2.2>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
)
MESSAGES = (
    HEAD + b"Content-Length: 0\r\n\r\n",
    HEAD + b"Content-Type: text/plain\r\nl: 26\r\n\r\nv=0\r\n\r\nOPTIONS sip:x SIP/2.0\r\n",
    HEAD + b"CONTENT-LENGTH \t:\r\n  3\r\n\r\nabc",
    b"\r\n\r\n",
    b"\r\n",
    HEAD + b"\r\n",
)
SPICES = (
    b"\r\n", b"\r\n\r\n", b"\n\n", b"\r", b"\n", b"\r\n ", b"Content-Length: 5\r\n", b"l:0\r\n", b"\r\nl: -1", b"\x00",
    b":", b"Content-Length : 7\r\n", b"Content-Length: 1 1\r\n", b"Content-Length: 0x10\r\n", b"99999999999",
    b"+1", b"\xd9\xa1", b"Content-Length: 3, 3\r\n", b"X: y\r\n\tl: 9\r\n", b"x" * 300,
)  # fmt: skip


def events_of(chunks: list[bytes], *, opened_by_peer: bool) -> list[FramingEvent]:
    framer = StreamFramer(LIMITS, opened_by_peer=opened_by_peer)
    events: list[FramingEvent] = []
    for chunk in chunks:
        framer.receive_data(chunk)
        while (event := framer.next_event()) is not None:
            events.append(event)
            if isinstance(event, Unframeable):
                assert framer.next_event() is None
                assert not framer.in_message
                return events
        assert len(framer._buffer) <= LIMITS.message_bytes
    return events


def check_frame(frame: Frame) -> None:
    """What the parser takes for the body is what the framer took for it."""
    head, _, body = frame.data.partition(b"\r\n\r\n")
    assert len(frame.data) <= LIMITS.message_bytes
    try:
        message = parse(frame.data, LIMITS)
    except Malformed:
        return
    assert message.body == body, "the parser reads another message than the framer has cut"
    assert b"\n\n" not in head


def run(seed: int) -> None:
    mind = Mutator(seed, SPICES)
    for _ in range(STREAMS_A_RUN):
        stream = b"".join(mind.mutate(mind.random.choice(MESSAGES)) for _ in range(mind.random.randint(1, 5)))
        opened_by_peer = mind.random.random() < 0.5
        expected = (
            events_of([stream], opened_by_peer=opened_by_peer)
            if len(stream) <= LIMITS.message_bytes
            else None
        )
        bytewise = events_of(
            [stream[at : at + 1] for at in range(len(stream))], opened_by_peer=opened_by_peer
        )
        assert expected is None or bytewise == expected
        for _ in range(CHUNKINGS):
            cuts = sorted(mind.random.randint(0, len(stream)) for _ in range(mind.random.randint(0, 9)))
            chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
            if all(len(chunk) <= LIMITS.message_bytes // 2 for chunk in chunks):
                assert events_of(chunks, opened_by_peer=opened_by_peer) == bytewise
        for event in bytewise:
            if isinstance(event, Frame):
                check_frame(event)


if __name__ == "__main__":
    sys.exit(campaign("fuzz_framing", run, f"{STREAMS_A_RUN} streams", __doc__))
