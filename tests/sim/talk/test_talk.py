"""Every story of the book, once: what must hold holds, and what it expects comes of it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.sim.caller import Spoken
from tests.sim.invariants import MS
from tests.sim.network import Wired
from tests.sim.sweep import judge
from tests.sim.talk.account import Account
from tests.sim.talk.agent import AgentScript
from tests.sim.talk.stories import BOOK
from tests.sim.talk.story import scenario
from tests.sim.world import run

SEED = 1
NIGHTLY_SEEDS = 20
OFTEN = [name for name in BOOK if "ms_into_a_reply" not in name or name.split("_")[1] in {"0", "500", "1900"}]


@pytest.mark.parametrize("name", OFTEN)
def test_a_story_comes_to_what_it_says(name: str) -> None:
    outcome = judge(scenario(name, random.Random(SEED)), SEED)
    assert not outcome.violations, f"seed {SEED}: {outcome.violations}"


@pytest.mark.parametrize(
    ("name", "seed"),
    [  # a hold that was let go after the reply's end had its last word said again
        ("interrupted_1800_ms_into_a_reply_of_two_seconds", 2),
        ("interrupted_as_the_reply_ends", 10),
    ],
)
def test_a_story_that_once_went_wrong_does_not_again(name: str, seed: int) -> None:
    outcome = judge(scenario(name, random.Random(seed)), seed)
    assert not outcome.violations, f"seed {seed}: {outcome.violations}"


@pytest.mark.parametrize(
    ("lost_ms", "whole_from_ms"), [((), 0), ((100,), 120), ((40, 240), 260), ((100, 280, 460), None)]
)
def test_an_utterance_counts_from_the_first_stretch_of_it_that_came_whole(
    lost_ms: tuple[int, ...], whole_from_ms: int | None
) -> None:
    """Packets of 20 ms, half a second of them with speech; silence comes whole too, and is no word."""
    told = run(scenario("a_backchannel", random.Random(SEED)), SEED)
    caller, loud, quiet_code = told.callers[0], b"\x80\x00" + bytes(10) + b"\x80" * 160, b"\xff" * 160
    spoken = Spoken("hello", voiced_ns=0, ends_ns=1_000 * MS)
    wire = [
        Wired(
            ms * MS,
            (caller.host, 7_000),
            ("192.0.2.1", 1),
            loud if ms < 500 else loud[:12] + quiet_code,
            () if ms in lost_ms else (ms * MS,),
        )
        for ms in range(0, 1_500, 20)
    ]
    since_ns = Account(replace(told, wire=wire)).arrived_whole_ns(spoken, 200)
    assert since_ns == (spoken.ends_ns if whole_from_ms is None else whole_from_ms * MS)


@pytest.mark.nightly
@pytest.mark.parametrize("name", BOOK)
def test_a_story_comes_to_what_it_says_at_many_moments(name: str) -> None:
    for seed in range(NIGHTLY_SEEDS):
        outcome = judge(scenario(name, random.Random(f"{seed}/{name}")), seed)
        assert not outcome.violations, f"seed {seed}: {outcome.violations}"


def test_a_story_is_the_same_every_time_byte_for_byte() -> None:
    name = "an_interruption_through_the_echo"
    once, again = (run(scenario(name, random.Random(SEED)), SEED).digest() for _ in range(2))
    assert once == again


def test_the_book_has_at_least_forty_stories_besides_those_that_differ_in_their_moment() -> None:
    assert len([name for name in BOOK if "ms_into_a_reply" not in name]) >= 40


def test_a_script_is_written_as_the_agent_reads_it() -> None:
    script = AgentScript()
    script.adds("reply", text='He said "yes".', tools=[{"name": "look", "arguments": {"people": 4}}])
    assert 'tools = [{name = "look", arguments = {people = 4}}]' in script.toml()
    assert 'text = "He said \\"yes\\"."' in script.toml()
