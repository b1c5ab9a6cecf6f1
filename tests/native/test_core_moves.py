"""Plain RTP whose source moves in mid-call: a NAT's new mapping is followed, and nobody else is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.native.line import CALLER, FRAME, LOCKED, MS, STRANGER, Line, noise
from tests.reference.rtp import RtpPacket, telephone_event

MOVED: tuple[str, int] = (CALLER[0], CALLER[1] + 7)  # the same NAT, another of its ports
SILENCE_MS = 1_000
LATER_MS = 1_200  # beyond it


@pytest.fixture
def line() -> Line:
    """A caller who has been heard."""
    line = Line()
    line.say(noise(5 * FRAME))
    return line


def go_silent(line: Line, for_ms: int) -> None:
    """The caller speaks on, and nothing of it arrives."""
    line.now_ns += for_ms * MS
    line.sequence += for_ms // 20
    line.timestamp += for_ms * 8


def places(line: Line) -> list[tuple[str, int]]:
    return [event.remote for event in line.of_kind(LOCKED)]


def foreign(line: Line) -> int:
    return int(line.core.statistics()["foreign"])


@pytest.mark.parametrize("place", [MOVED, STRANGER])
def test_a_stream_that_goes_on_from_elsewhere_is_heard_and_answered_there(
    line: Line, place: tuple[str, int]
) -> None:
    go_silent(line, LATER_MS)
    heard = line.core.statistics()["packets_received"] - foreign(line)
    for k in range(10):
        line.now_ns += 20 * MS
        line.give(line.packet(noise(FRAME, seed=k)), place)
    line.tick()
    assert places(line) == [CALLER, place]
    assert line.sent_to == [place]
    assert line.core.statistics()["packets_received"] - foreign(line) == heard + 10
    assert line.core.statistics()["ssrc_changes"] == 0


def test_nobody_is_followed_while_the_old_place_speaks(line: Line) -> None:
    for _ in range(100):
        mine = line.packet(noise(FRAME))
        line.now_ns += 20 * MS
        line.give(replace(mine, sequence=mine.sequence + 1), STRANGER)
        line.give(mine)
    assert places(line) == [CALLER]
    assert foreign(line) == 100


def test_the_silence_must_last_before_anybody_is_followed(line: Line) -> None:
    go_silent(line, SILENCE_MS - 40)
    line.now_ns += 20 * MS
    line.give(line.packet(noise(FRAME)), MOVED)
    assert places(line) == [CALLER]
    line.now_ns += 20 * MS
    line.give(line.packet(noise(FRAME)), MOVED)
    assert places(line) == [CALLER, MOVED]


def test_what_comes_late_from_the_old_place_moves_nothing_back(line: Line) -> None:
    go_silent(line, LATER_MS)
    line.give(line.packet(noise(FRAME)), MOVED)
    for _ in range(20):
        line.now_ns += 20 * MS
        line.give(line.packet(noise(FRAME)), MOVED)
        line.give(line.packet(noise(FRAME)), CALLER)
    line.tick()
    assert line.sent_to == [MOVED]
    assert foreign(line) == 20


FORGERIES: dict[str, Callable[[RtpPacket], RtpPacket]] = {
    "another source": lambda next_: replace(next_, ssrc=next_.ssrc ^ 1),
    "a number that was": lambda next_: replace(next_, sequence=(next_.sequence - 200) % 65_536),
    "a number that is far away": lambda next_: replace(next_, sequence=next_.sequence + 4_000),
    "a clock that is a minute ahead": lambda next_: replace(next_, timestamp=next_.timestamp + 480_000),
    "a clock that stands still": lambda next_: replace(next_, timestamp=next_.timestamp - 1_300 * 8),
    "a key": lambda next_: replace(next_, payload_type=101, payload=telephone_event(1, 160)),
    "another type": lambda next_: replace(next_, payload_type=97),
    "comfort noise": lambda next_: replace(next_, payload_type=13, payload=b"\x40"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_is_not_the_next_of_that_stream_is_not_followed(line: Line, what: str) -> None:
    go_silent(line, LATER_MS)
    for _ in range(50):
        line.now_ns += 20 * MS
        line.give(FORGERIES[what](line.packet(noise(FRAME))), STRANGER)
    line.tick()
    assert places(line) == [CALLER]
    assert line.sent_to == [CALLER]
    assert foreign(line) == 50


def test_a_spray_of_guesses_is_not_followed(line: Line) -> None:
    chance = random.Random(7)
    go_silent(line, LATER_MS)
    for _ in range(5_000):
        guess = RtpPacket(
            bytes(FRAME), chance.getrandbits(16), chance.getrandbits(32), ssrc=chance.getrandbits(32)
        )
        line.give(guess, STRANGER)
    assert places(line) == [CALLER]


def test_a_stream_that_may_not_hear_follows_nobody(line: Line) -> None:
    """On hold nothing is believed of who sends, so nothing of it tells who has moved."""
    line.core.set_direction(line.now_ns, hearing=False)
    go_silent(line, LATER_MS)
    line.give(line.packet(noise(FRAME)), STRANGER)
    assert places(line) == [CALLER]
