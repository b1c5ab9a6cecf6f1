"""What a reply costs that was cut off: the same in a call that is recorded, and in its repetition."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.providers.protocols import Estimates, LlmDelta, LlmRequest, TextDelta, Usage
from mediasrv.replay.edges import NotedModel
from mediasrv.replay.recorder import RECORDER, Recorder
from mediasrv.replay.stage import Stage, StageClock
from mediasrv.replay.steps import Passes, SteadyClock
from mediasrv.replay.substitutes import Memory, SubstituteModel, World
from mediasrv.replay.tape import VERSION, Beginning, Pass, Tape

REQUEST = LlmRequest([])
GUESSED = Usage("mind", "m", {"output_tokens": 3}, Decimal("0.02"), estimated=True)
BEGINNING = Beginning(VERSION, CallInfo(CallId("a1"), "anna", "100", "local"), "desk", 0, 0, {}, {})


@dataclass
class Mute:
    name: str = "mind"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        yield TextDelta("so")


class Guessing(Mute):
    def estimate(self, request: LlmRequest, written: str) -> Usage | None:
        return GUESSED


def repeated(tape: Tape) -> SubstituteModel:
    return SubstituteModel("mind", World(Stage(tape, StageClock(0, 0)), Memory.of(tape)))


def test_a_model_that_guesses_what_it_took_does_so_behind_the_recorder() -> None:
    noted = NotedModel(Guessing())
    assert isinstance(noted, Estimates)
    assert noted.estimate(REQUEST, "so") == GUESSED
    assert NotedModel(Mute()).estimate(REQUEST, "so") is None


def test_what_was_guessed_then_is_guessed_again(tmp_path: Path) -> None:
    pieces: list[bytes] = []

    def write(piece: bytes) -> bool:
        pieces.append(piece)
        return True

    clock = SteadyClock()
    recorder = Recorder(clock, Passes(clock, lambda task: None), write)
    recorder.begin(BEGINNING)
    token = RECORDER.set(recorder)
    NotedModel(Guessing()).estimate(REQUEST, "so")
    RECORDER.reset(token)
    recorder.end()
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join(pieces))
    again = repeated(Tape.read(file))
    assert again.estimate(REQUEST, "so") == GUESSED
    assert again.world.stage.loosened == ""


def test_a_recording_without_guesses_goes_as_it_went() -> None:
    again = repeated(Tape(BEGINNING, passes=[Pass(0)]))
    assert again.estimate(REQUEST, "so") is None
    assert again.world.stage.loosened == ""
