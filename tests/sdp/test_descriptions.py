"""SDP text to values and back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sdp import (
    Connection,
    MalformedDescription,
    MediaDescription,
    Origin,
    SessionDescription,
    parse,
)  # fmt: skip
from mediasrv.sdp.description import place_of
from mediasrv.sdp.parse import FORMATS, LINES, MEDIA

SOUND = b"""v=0
o=alice 2890844526 2890844527 IN IP4 192.0.2.1
s=A call
i=information
c=IN IP4 192.0.2.1
b=AS:64
t=0 0
k=prompt
a=tool:test
a=sendrecv
m=audio 49170/2 RTP/AVP 0 8 97
i=sound
c=IN IP6 2001:db8::1
a=rtpmap:97 iLBC/8000
a=recvonly
m=video 51372 RTP/AVP 99
a=rtpmap:99 h263-1998/90000
"""

WORD = st.text("abcXYZ019-._", min_size=1, max_size=10)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)
CONNECTIONS = st.builds(
    Connection, st.sampled_from(["IP4", "IP6"]), st.sampled_from(["192.0.2.1", "::1", "h.example"])
)
ORIGINS = st.builds(Origin, WORD, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), CONNECTIONS)
ATTRIBUTES = st.lists(st.tuples(WORD, st.none() | TEXT), max_size=5).map(tuple)
KNOWN_ORDER = "iuepbtrzk"


def lines(letters: str) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Lines in the order in which they are printed."""
    unordered = st.lists(st.tuples(st.sampled_from(letters), TEXT), max_size=4)
    return unordered.map(lambda pairs: tuple(sorted(pairs, key=place_of)))


MEDIA_DESCRIPTIONS = st.builds(
    MediaDescription, st.sampled_from(["audio", "video"]), st.integers(0, 65_535),
    st.sampled_from(["RTP/AVP", "UDP/TLS/RTP/SAVPF"]), st.lists(WORD, min_size=1, max_size=5).map(tuple),
    st.integers(1, 9), st.none() | CONNECTIONS, ATTRIBUTES, lines("ibk"),
)  # fmt: skip
DESCRIPTIONS = st.builds(
    SessionDescription, ORIGINS, TEXT.map(str.strip), st.none() | CONNECTIONS, ATTRIBUTES, lines("iuepbtrzk"),
    st.lists(MEDIA_DESCRIPTIONS, max_size=3).map(tuple),
)  # fmt: skip


@given(DESCRIPTIONS)
def test_a_description_is_printed_as_it_reads(description: SessionDescription) -> None:
    assert parse(description.build()) == description


def test_every_line_is_kept_in_its_section() -> None:
    description = parse(SOUND)
    assert description.build().replace(b"\r\n", b"\n") == SOUND
    audio, video = description.media
    assert (audio.port, audio.port_count, audio.formats) == (49_170, 2, ("0", "8", "97"))
    assert description.connection_of(audio) == Connection("IP6", "2001:db8::1")
    assert description.connection_of(video) == Connection("IP4", "192.0.2.1")
    assert (description.direction_of(audio), description.direction_of(video)) == ("recvonly", "sendrecv")
    assert audio.attribute("rtpmap") == "97 iLBC/8000"
    assert audio.attribute("recvonly") == ""
    assert audio.attribute("nothing") is None


def test_lines_of_letters_that_nobody_knows_are_kept() -> None:
    data = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nx=future\r\nm=audio 1 RTP/AVP 0\r\ny=later\r\n"
    )
    description = parse(data)
    assert description.build() == data
    assert description.media[0].others == (("y", "later"),)


def test_what_sloppy_senders_leave_out_is_not_missed() -> None:
    description = parse(b"v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0")
    assert (description.name, description.others) == ("-", ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"v=0", b"v=1"),
        (b"v=0\n", b""),
        (b"o=alice", b"o=al ice"),
        (b"2890844526", b"18446744073709551616"),
        (b"2890844526", b"-1"),
        (b"2890844526", b"1e9"),
        (b"IN IP4 192.0.2.1\ns", b"IN IP5 192.0.2.1\ns"),
        (b"c=IN IP4 192.0.2.1", b"c=IN IP4"),
        (b"c=IN IP4 192.0.2.1", b"c=IN IP4 a b"),
        (b"c=IN IP4 192.0.2.1", b"c=IN IP4 <script>"),
        (b"t=0 0", b"t 0 0"),
        (b"t=0 0", b"T=0 0"),
        (b"t=0 0", b" t=0 0"),
        (b"t=0 0", b"t=\x000 0"),
        (b"t=0 0", b"t=0\r0"),
        (b"a=tool:test", b"a=:test"),
        (b"a=tool:test", b"a="),
        (b"i=sound", b"o=- 1 1 IN IP4 192.0.2.1"),
        (b"49170/2", b"65536"),
        (b"49170/2", b"-1"),
        (b"49170/2", b"4294967296"),
        (b"49170/2", b"49170/x"),
        (b"audio 49170/2 RTP/AVP 0 8 97", b"audio 49170/2 RTP/AVP"),
        (b"information", b"x" * 2_000),
    ],
)
def test_what_is_no_description_is_refused(old: bytes, new: bytes) -> None:
    assert SOUND.count(old) >= 1
    with pytest.raises(MalformedDescription):
        parse(SOUND.replace(old, new, 1))


@pytest.mark.parametrize(
    "flood",
    [
        b"a=x\n" * (LINES + 1),
        b"m=audio 1 RTP/AVP 0\n" * (MEDIA + 1),
        b"m=audio 1 RTP/AVP " + b"0 " * (FORMATS + 1) + b"\n",
        b"a=" + b"x" * 20_000 + b"\n",
    ],
)
def test_more_than_anybody_needs_is_refused(flood: bytes) -> None:
    with pytest.raises(MalformedDescription):
        parse(SOUND + flood)


def test_every_prefix_reads_or_is_refused() -> None:
    for end in range(len(SOUND)):
        with suppress(MalformedDescription):
            parse(SOUND[:end])


@given(st.binary(max_size=300))
def test_whatever_the_bytes_they_read_or_are_refused(data: bytes) -> None:
    for candidate in (data, b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n" + data):
        with suppress(MalformedDescription):
            parse(candidate)
