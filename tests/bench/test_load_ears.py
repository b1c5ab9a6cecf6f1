"""From the engine's pieces to the verdict on a call, and from the verdicts to the report."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ, EarsChunk, Span
from mediasrv.bench.instruments.process_meter import Usage
from mediasrv.clock import NS_PER_MS
from mediasrv.media.statistics import StreamStatistics
from mediasrv_native.kernels import Resampler
from tools.load.crowd import Crowd, Outcome, Plan
from tools.load.ears import FRAME_BYTES, Listener
from tools.load.report import failures, report
from tools.load.verdict import Verdict
from tools.load.watermark import CALLS_MAX, SPEAKS_RATE_HZ, turn_of

BYTES_PER_MS = BYTES_PER_SAMPLE * EARS_RATE_HZ // 1000
CALL = 11


def sound(turns: int) -> bytes:
    pcm = Resampler(SPEAKS_RATE_HZ, EARS_RATE_HZ).process(turn_of(CALL) * turns)
    return pcm[FRAME_BYTES:]  # behind the filter's beginning


def piece(pcm: bytes, at_ms: float, *, concealed: bool = False) -> EarsChunk:
    return EarsChunk(pcm, (Span(0, round(at_ms * NS_PER_MS), len(pcm) // BYTES_PER_SAMPLE, concealed),))


def hear(listener: Listener, pcm: bytes, piece_ms: int, concealed_pieces: range = range(0)) -> None:
    step = piece_ms * BYTES_PER_MS
    for number, at in enumerate(range(0, len(pcm), step)):
        taken = pcm[at : at + step]
        ends_ms = (at + len(taken)) / BYTES_PER_MS
        listener.hear(piece(taken, ends_ms, concealed=number in concealed_pieces))
    listener.verdict.finish()


@pytest.mark.parametrize("piece_ms", [7, 20, 33, 500])
def test_sound_in_pieces_of_any_length_is_all_ones_own(piece_ms: int) -> None:
    listener = Listener(Verdict(CALL))
    hear(listener, sound(3), piece_ms)
    verdict = listener.verdict
    assert (verdict.gaps_ms, verdict.jumps, verdict.foreign_ms) == ([], 0, 0)
    assert verdict.own_ms == len(sound(3)) // FRAME_BYTES * 20


def test_what_was_made_up_counts_as_a_gap_however_good_it_sounds() -> None:
    listener = Listener(Verdict(CALL))
    hear(listener, sound(2), 20, range(10, 14))
    assert (listener.verdict.gaps_ms, listener.verdict.concealed_ms) == ([80], 80)


def test_a_frame_that_is_made_up_in_part_is_not_heard() -> None:
    listener = Listener(Verdict(CALL))
    hear(listener, sound(2), 10, range(21, 22))
    assert listener.verdict.gaps_ms == [20]


def test_time_that_passes_without_sound_is_a_gap_though_nothing_marks_it() -> None:
    listener, pcm = Listener(Verdict(CALL)), sound(3)
    half = len(pcm) // FRAME_BYTES // 2 * FRAME_BYTES
    listener.hear(piece(pcm[: 10 * FRAME_BYTES], 0))
    listener.hear(piece(pcm[10 * FRAME_BYTES : half], half / BYTES_PER_MS - 200))
    listener.hear(piece(pcm[half:], (len(pcm) / BYTES_PER_MS) - 200 + 140))
    listener.verdict.finish()
    assert listener.verdict.gaps_ms == [140]


def test_gaps_of_ones_own_doing_are_pardoned_and_later_ones_are_not() -> None:
    listener, pcm = Listener(Verdict(CALL)), sound(4)
    silence = bytes(5 * FRAME_BYTES)
    listener.hear(piece(pcm[: 20 * FRAME_BYTES], 0))
    listener.verdict.pardon(200)
    listener.hear(piece(silence + pcm[25 * FRAME_BYTES : 40 * FRAME_BYTES], 400))
    listener.hear(piece(silence + pcm[45 * FRAME_BYTES : 60 * FRAME_BYTES], 800))
    listener.verdict.finish()
    assert (listener.verdict.pardoned_ms, listener.verdict.gaps_ms) == (100, [100])


def crowd(*verdicts: Verdict, refusals: tuple[str, ...] = ()) -> Crowd:
    plan = Plan(calls=len(verdicts) + len(refusals), per_second=10, seconds=1)
    outcomes = [
        Outcome(5.0, 20.0, 2.5, verdict, StreamStatistics(packets_received=100)) for verdict in verdicts
    ]
    nowhere = cast("Any", SimpleNamespace())
    return Crowd(nowhere, nowhere, nowhere, plan, outcomes, list(refusals))


def test_a_call_fails_by_a_long_gap_anothers_sound_or_none_of_its_own() -> None:
    good = Verdict(0, own_ms=2_000, gaps_ms=[20, 60])
    torn, strange, deaf = (
        Verdict(1, own_ms=20, gaps_ms=[80]),
        Verdict(2, own_ms=20, foreign_ms=20),
        Verdict(3),
    )
    assert failures(crowd(good)) == 0
    told = report(crowd(good, torn, strange, deaf, refusals=("503",)), Usage(4, 16, 0), Usage(1, 2, 0))
    assert (told["answered"], told["failed"]) == (4, 4)
    assert told["reasons"] == {"503": 1, "gap": 1, "heard another call": 1, "never heard itself": 1}
    assert told["server_cpu_ms_per_call_second"] == {"control": 1.6, "media": 0.4}
    json.dumps(told)


def test_more_calls_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="told apart"):
        Plan(CALLS_MAX + 1, 10, 1)
