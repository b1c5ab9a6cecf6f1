"""How long a list of providers must be waited for: the same in the repetition, where there is no list."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

from mediasrv.call.dialogue import ConversationAgent
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.providers.protocols import Waits
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.resilience import Member, SteadyEars, SteadyModel, SteadyVoice
from mediasrv.providers.script import parse_script
from mediasrv.replay.edges import NotedEars, NotedModel, NotedVoice, note_names
from mediasrv.replay.recorder import RECORDER, Recorder
from mediasrv.replay.stage import Stage, StageClock
from mediasrv.replay.steps import Passes, SteadyClock
from mediasrv.replay.substitutes import Memory, World, substituted
from mediasrv.replay.tape import VERSION, Beginning, Tape

BEGINNING = Beginning(VERSION, CallInfo(CallId("a1"), "anna", "100", "local"), "desk", 0, 0, {}, {})
SCRIPT = parse_script("")


def recorded(providers: Providers, path: Path) -> Tape:
    """A call that was told its providers, and nothing else."""
    pieces: list[bytes] = []

    def write(piece: bytes) -> bool:
        pieces.append(piece)
        return True

    clock = SteadyClock()
    recorder = Recorder(clock, Passes(clock, lambda task: None), write)
    recorder.begin(BEGINNING)
    token = RECORDER.set(recorder)
    note_names(providers)
    RECORDER.reset(token)
    recorder.end()
    path.write_bytes(b"".join(pieces))
    return Tape.read(path)


def repeated(tape: Tape) -> Providers:
    world = World(Stage(tape, StageClock(0, 0)), Memory.of(tape))
    agent = substituted(scripted_agent(SCRIPT), world)
    assert isinstance(agent, ConversationAgent)
    return agent.providers()


def waits(providers: Providers) -> list[Waits]:
    them = providers.stt, providers.llm, providers.tts, providers.spare_voice
    return [each.waits for each in them]  # type: ignore[union-attr]


def test_lists_are_waited_for_as_they_were(tmp_path: Path) -> None:
    inner, chance = scripted(SCRIPT), Random(1)
    assert inner.spare_voice is not None
    ears = SteadyEars("e", [Member("a", inner.stt), Member("b", inner.stt)], chance)
    model = SteadyModel("m", [Member("a", inner.llm)], chance, first_s=7.0)
    voice = SteadyVoice("v", [Member("a", inner.tts), Member("b", inner.tts)], chance)
    noted = Providers(NotedEars(ears), NotedModel(model), NotedVoice(voice), NotedVoice(inner.spare_voice))
    assert waits(noted) == [Waits(math.inf, math.inf), model.waits, voice.waits, Waits()]
    assert waits(repeated(recorded(noted, tmp_path / "a.jsonl"))) == waits(noted)


def test_of_a_recording_that_knows_of_no_lists_nobody_is_waited_for_longer(tmp_path: Path) -> None:
    again = repeated(recorded(scripted(SCRIPT), tmp_path / "a.jsonl"))
    assert waits(again) == [Waits()] * 4
