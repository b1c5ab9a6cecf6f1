"""What a captured call kept is enough to run it again: line for line, packet for packet.

The calls are real: a server of its own, a caller's packets every 20 ms, timers and threads as they fall. What they come
to differs from run to run; that they come to the same again does not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediasrv.cli.control import ask
from mediasrv.cli.replay import run_again
from mediasrv.replay.repeat import Repetition
from mediasrv.replay.tape import Tape
from tests.interop.patience import PATIENCE_S
from tests.interop.replay.caller import Caller, Score
from tests.interop.test_serve import serving

pytestmark = pytest.mark.interop

SAID = "excuse me I have another question"


@dataclass(slots=True)
class Server:
    directory: Path
    sip: str

    def call(self, score: Score, seed: int = 1) -> Path:
        """The recording of that call, when it is over."""
        before = set(self.tapes())
        caller = Caller(self.sip)
        try:
            caller.play(score, seed)
        finally:
            caller.close()
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            for path in set(self.tapes()) - before:
                if Tape.read(path).end is not None:
                    return path
            time.sleep(0.05)
        raise AssertionError("the recording does not end")

    def tapes(self) -> list[Path]:
        return list(self.directory.glob("calls/*.replay.jsonl"))


@contextmanager
def capturing(directory: Path, *arguments: str) -> Iterator[Server]:
    with serving(directory, "--capture", *arguments) as (_, ready):
        yield Server(directory, ready["sip"])


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with capturing(tmp_path_factory.mktemp("scripted"), "--agent", "scripted") as server:
        yield server


def events(done: Repetition) -> list[object]:
    return [line.record.get("event") for line in done.now]


def assert_same(done: Repetition) -> None:
    assert done.left_step == ""
    assert done.then == done.now
    assert done.sent > 0
    assert done.sent_otherwise == []


def test_an_interruption_is_the_same_again(scripted: Server) -> None:
    done = run_again(Tape.read(scripted.call(Score(250).say(1.2, SAID))))
    assert "confirm" in events(done)
    assert_same(done)


def test_keys_and_lost_packets_are_the_same_again(scripted: Server) -> None:
    score = Score(250, loss=0.05).press(1.0, "5").press(1.6, "1").say(2.5, SAID)
    done = run_again(Tape.read(scripted.call(score, seed=7)))
    assert "key" in events(done)
    assert_same(done)


def test_a_call_that_is_held_is_the_same_again(scripted: Server) -> None:
    score = Score(250).do(1.5, lambda caller: caller.change("sendonly"))
    done = run_again(Tape.read(scripted.call(score.do(2.5, lambda caller: caller.change("sendrecv")))))
    assert {"hold", "resume"} <= set(events(done))
    assert_same(done)


def test_calls_at_the_same_time_are_each_the_same_again(tmp_path: Path) -> None:
    with capturing(tmp_path, "--agent", "scripted") as server, ThreadPoolExecutor(3) as callers:
        scores = [Score(200, loss=0.02).say(0.9 + late_s, SAID) for late_s in (0.0, 0.03, 0.41)]
        list(callers.map(server.call, scores))  # each waits for one recording, which may be another's
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends and any(Tape.read(path).end is None for path in server.tapes()):
            time.sleep(0.05)
    assert len(server.tapes()) == len(scores)
    for path in server.tapes():
        assert_same(run_again(Tape.read(path)))


def test_a_call_that_the_operator_ends_is_the_same_again(scripted: Server) -> None:
    before = set(scripted.tapes())

    def hang_up(caller: Caller) -> None:
        name = (set(scripted.tapes()) - before).pop().name.partition(".")[0]
        list(ask(scripted.directory, {"do": "hang_up", "call": name}))

    done = run_again(Tape.read(scripted.call(Score(250).do(0.8, hang_up))))
    assert done.now[-1].record["ending"] == "admin"
    assert_same(done)


@pytest.mark.parametrize("agent", ["echo", "menu", "tone"])
def test_agents_without_providers_are_the_same_again(tmp_path: Path, agent: str) -> None:
    with capturing(tmp_path, "--agent", agent) as server:
        assert_same(run_again(Tape.read(server.call(Score(120, loss=0.03).say(0.5, SAID).press(1.5, "1")))))


def test_another_setting_shows_where_the_call_would_have_gone(scripted: Server) -> None:
    tape = Tape.read(scripted.call(Score(250).say(1.2, SAID)))
    done = run_again(tape, ("calls.interruptible=false",))
    assert "confirm" not in events(done)
    assert "confirm" in [line.record.get("event") for line in done.then]
    assert not done.is_same
    assert done.left_step
