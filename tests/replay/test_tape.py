"""The file of a recorded call, whole, cut off and wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.media.again import Moment, MomentKind
from mediasrv.providers.protocols import ProviderError, SpeechChunk, TextDelta, Transcript, WordTime
from mediasrv.replay.outcomes import brought, brought_error, kept, kept_error
from mediasrv.replay.tape import (
    VERSION,
    Beginning,
    Deed,
    End,
    Entry,
    NoTape,
    Outcome,
    Pass,
    Tape,
    Told,
    Wish,
    written,
)

BEGINNING = Beginning(
    VERSION, CallInfo(CallId("a1"), "anna", "100", "local"), "echo", 7, 9, {"calls": {}}, {}
)
ENTRIES: list[Entry] = [
    BEGINNING,
    Pass(
        11,
        [Told(3, 2), Wish("set_codec", (8,), {}, [4])],
        [Outcome(0, "leg.answer", 8)],
        [(3, 2)],
        begins=True,
    ),
    Deed(Moment(1, MomentKind.RECEIVED, 12, 0, ("127.0.0.1", 4), b"\x80\xff")),
    End(20, 0, 0),
]


def put(path: Path, entries: list[Entry]) -> Path:
    path.write_bytes(b"".join(map(written, entries)))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tape = Tape.read(put(tmp_path / "a.jsonl", ENTRIES))
    assert [tape.beginning, *tape.passes, Deed(tape.moments[0]), tape.end] == ENTRIES


def test_half_a_letter_that_a_provider_brought_does_not_cost_the_tape(tmp_path: Path) -> None:
    brought = Pass(11, over=[Outcome(0, "llm.stream", 8, value=kept(TextDelta("Hi \ud83d")))])
    tape = Tape.read(put(tmp_path / "a.jsonl", [BEGINNING, brought, *ENTRIES[1:]]))
    (outcome,) = tape.passes[0].over
    assert outcome == Outcome(0, "llm.stream", 8, value=kept(TextDelta("Hi \ufffd")))
    assert [*tape.passes[1:], Deed(tape.moments[0]), tape.end] == ENTRIES[1:]


def test_it_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(map(written, ENTRIES))))
    assert Tape.read(path).end == ENTRIES[-1]


@pytest.mark.parametrize("cut", range(2, 40, 7))
def test_one_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    path = put(tmp_path / "a.jsonl", ENTRIES)
    path.write_bytes(path.read_bytes()[:-cut])
    tape = Tape.read(path)
    assert tape.passes == [ENTRIES[1]]
    assert tape.end is None


@pytest.mark.parametrize(
    "data", [b"", b"{}\n", b"\x00\xff", b'{"is":"end","at_ns":1,"uncertain":0,"lost":0}\n']
)
def test_what_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    with pytest.raises(NoTape):
        Tape.read(path)


def test_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoTape):
        Tape.read(tmp_path / "none.jsonl")


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", ENTRIES)
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2', 1))
    with pytest.raises(NoTape, match="version 2"):
        Tape.read(path)


@pytest.mark.parametrize(
    "value",
    [
        None, TextDelta("so"), Transcript("yes", True, 0.9, 1.0, 2.0), 0.25,
        SpeechChunk(b"\x01\x02" * 80, 8_000, (WordTime("so", 0.0, 5.0),)),
    ],
)  # fmt: skip
def test_what_a_provider_brings_is_brought_again(value: object) -> None:
    assert brought(kept(value)) == value


def test_a_providers_failure_is_the_same_failure() -> None:
    again = brought_error(kept_error(ProviderError("ears", "gone", retryable=True, retry_after_s=2.0)))
    assert isinstance(again, ProviderError)
    assert (str(again), again.retryable, again.retry_after_s) == ("ears: gone", True, 2.0)
