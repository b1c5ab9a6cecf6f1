"""Of a secure passage there is nothing in the recording: no key and no word, whichever way it came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.conversation.tools import Prepared, ToolResult
from mediasrv.media.again import Moment, MomentKind
from mediasrv.providers.protocols import (
    ProviderError,
    SpeechChunk,
    TextDelta,
    ToolCall,
    ToolFragment,
    ToolRequest,
    Transcript,
    WordTime,
)
from mediasrv.replay.edges import noted
from mediasrv.replay.outcomes import brought
from mediasrv.replay.recorder import RECORDER, Recorder
from mediasrv.replay.tape import Outcome, Tape, Wish
from mediasrv.telemetry.secret_while import AFTER_NS, BEFORE_NS, LONGEST_KEY_NS
from tests.replay.test_recorder import BEGINNING, PEER, Disk

NUMBER = "4829"
MS = 1_000_000
EVENT_TYPE = 101


class Time:
    """Stands where a SteadyClock and its passes stand: each look at the clock may be a pass."""

    def __init__(self) -> None:
        self.at_ns, self.number = 10**12, 0

    def now_ns(self) -> int:
        return self.at_ns

    def go(self, by_ns: int) -> None:
        self.at_ns += by_ns
        self.number += 1


class Kept:
    """A recorder, and whether the call is secure."""

    def __init__(self) -> None:
        self.time, self.disk, self.is_secret = Time(), Disk(), False
        self.recorder = Recorder(self.time, self.time, self.disk.write)  # type: ignore[arg-type]
        self.recorder.is_secret = lambda: self.is_secret
        self.recorder.begin(BEGINNING)

    def go(self, by_ms: int) -> None:
        """A pass goes by, and the one that begins sees how it is."""
        self.time.go(by_ms * MS)
        self.recorder.step()

    def passage(self, *, secure: bool) -> None:
        self.is_secret = secure
        self.go(1)

    def press(self, digit: str) -> None:
        with self.recorder.wishes("hear_key", (digit, 100), {}):
            self.go(1)

    async def does(self, name: str, operation: Callable[[], Awaitable[Any]], asked: object = None) -> None:
        RECORDER.set(self.recorder)
        with suppress(ProviderError):
            await noted(name, asked, operation)

    def end(self, directory: Path) -> Tape:
        self.recorder.end()
        return self.disk.tape(directory)

    @property
    def text(self) -> str:
        return b"".join(self.disk.pieces).decode()


def keys(tape: Tape) -> list[str]:
    return [each.arguments[0] for one in tape.passes for each in one.came if isinstance(each, Wish)]


def outcomes(tape: Tape) -> list[Outcome]:
    return [each for one in tape.passes for each in one.over]


def event(digit: int, stamp: int, at_ns: int, source: int = 7) -> Moment:
    """One packet of a key that is pressed."""
    header = bytes([0x80, EVENT_TYPE, 0, 0]) + stamp.to_bytes(4, "big") + source.to_bytes(4, "big")
    return Moment(1, MomentKind.RECEIVED, at_ns, 0, PEER, header + bytes([digit, 10, 0, 160]))


def test_keys_in_info_are_there_and_are_others(tmp_path: Path) -> None:
    kept = Kept()
    kept.press("7")
    kept.go(1_000)
    kept.passage(secure=True)
    for digit in NUMBER:
        kept.press(digit)
    kept.passage(secure=False)
    kept.go(1_000)
    kept.press("8")
    tape = kept.end(tmp_path)
    assert keys(tape) == ["7", "0", "0", "0", "0", "8"]
    assert len(tape.beyond) == 1


def test_a_key_in_info_that_came_just_before_is_another_too(tmp_path: Path) -> None:
    kept = Kept()
    kept.press("4")
    kept.go(BEFORE_NS // MS // 2)
    kept.passage(secure=True)
    assert keys(kept.end(tmp_path)) == ["0"]


def test_a_key_in_packets_that_began_before_is_silent_from_its_beginning(tmp_path: Path) -> None:
    kept = Kept()
    early = kept.time.at_ns
    kept.recorder.moments([event(4, 800, early)])
    kept.go(200)
    kept.recorder.moments([event(4, 800, kept.time.at_ns)])
    kept.passage(secure=True)
    kept.recorder.moments([event(4, 800, kept.time.at_ns)])
    payloads = [moment.data[12:] for moment in kept.end(tmp_path).moments]
    assert payloads == [b"\xff" * 4] * 3


def test_a_key_in_packets_that_is_held_when_the_passage_is_over_is_silent_to_its_end(tmp_path: Path) -> None:
    """It is told with its first packet, and may end the passage; the next key is nobody's secret."""
    kept = Kept()
    kept.passage(secure=True)
    kept.recorder.moments([event(9, 800, kept.time.at_ns)])
    kept.passage(secure=False)
    held_ns = LONGEST_KEY_NS // 2
    kept.go((AFTER_NS + held_ns) // MS)
    kept.recorder.moments([event(9, 800, kept.time.at_ns), event(7, 9_000, kept.time.at_ns)])
    held, after = [moment.data[12] for moment in kept.end(tmp_path).moments][1:]
    assert (held, after) == (0xFF, 7)


BROUGHT = [
    ("ears.next", Transcript(NUMBER, final=True, confidence=1.0, start_ms=0.0, end_ms=900.0)),
    ("tool.prepare", Prepared(ToolCall("t", "pay", {"card": NUMBER}), NUMBER, {"card": NUMBER})),
    ("tool.commit", ToolResult("t", f"paid with {NUMBER}")),
    ("model.next", TextDelta(f"I have {NUMBER}.")),
    ("model.next", ToolFragment(f'{{"card":"{NUMBER}"')),
    ("model.next", ToolRequest(ToolCall("t", "pay", {"card": NUMBER}))),
    ("voice.next", SpeechChunk(NUMBER.encode() * 40, 8_000, (WordTime(NUMBER, 0, 80),))),
]


@pytest.mark.parametrize(("name", "value"), BROUGHT)
async def test_what_is_brought_within_comes_again_at_its_time_and_empty(
    name: str, value: Any, tmp_path: Path
) -> None:
    kept = Kept()
    kept.passage(secure=True)

    async def operation() -> Any:
        await trio.lowlevel.checkpoint()
        return value

    await kept.does(name, operation, asked=NUMBER)
    tape = kept.end(tmp_path)
    (outcome,) = outcomes(tape)
    assert NUMBER not in kept.text
    assert outcome.asked is None
    again = brought(outcome.value)
    assert type(again) is type(value)
    assert again != value
    if isinstance(again, SpeechChunk):
        assert again.pcm == bytes(len(value.pcm))


async def test_an_error_keeps_its_kind_and_loses_what_it_quotes(tmp_path: Path) -> None:
    kept = Kept()
    kept.passage(secure=True)

    async def refuse() -> None:
        await trio.lowlevel.checkpoint()
        raise ProviderError("bank", f"no such card: {NUMBER}", retryable=False)

    await kept.does("tool.commit", refuse)
    (outcome,) = outcomes(kept.end(tmp_path))
    assert NUMBER not in kept.text
    assert outcome.value[:2] == ["provider", "bank"]


async def test_a_tool_that_began_within_and_answers_after_it_is_empty_and_words_of_later_are_not(
    tmp_path: Path,
) -> None:
    kept = Kept()
    kept.passage(secure=True)

    async def slow(value: object) -> Any:
        await trio.lowlevel.checkpoint()
        kept.passage(secure=False)
        kept.go(2_000)
        return value

    await kept.does("tool.commit", lambda: slow(ToolResult("t", NUMBER)))
    kept.passage(secure=True)
    words = Transcript("thank you", final=True, confidence=1.0, start_ms=0.0, end_ms=900.0)
    await kept.does("ears.next", lambda: slow(words))
    tool, heard = outcomes(kept.end(tmp_path))
    assert NUMBER not in kept.text
    assert not tool.value[1]["text"].startswith("4")
    assert brought(heard.value) == words


async def test_a_result_that_is_none_of_its_kind_does_not_fail_the_recording(tmp_path: Path) -> None:
    kept = Kept()
    kept.passage(secure=True)

    async def operation() -> Any:
        await trio.lowlevel.checkpoint()
        return Transcript(NUMBER, "yes", 1.0, 0.0, 1.0)  # type: ignore[arg-type]

    await kept.does("ears.next", operation)
    kept.end(tmp_path)
    assert NUMBER not in kept.text
