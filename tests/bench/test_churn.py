"""What bench churn deals out, and how it judges what is left."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from mediasrv.bench.churn.endings import MANNERS
from mediasrv.bench.churn.holdings import Holdings, left_over
from mediasrv.bench.churn.rounds import Plan, fault, number_of

IDLE = Holdings(
    calls=0, dialogs=0, streams=0, transactions=0, tasks=20, ports=0, descriptors=14, threads=4,
    memory_bytes=50_000_000,
)  # fmt: skip


@pytest.mark.parametrize(("calls", "rounds"), [(1_000, 4), (27, 2), (13, 1)])
def test_rounds_share_all_calls_and_every_manner_is_played_as_often(calls: int, rounds: int) -> None:
    plan = Plan(calls, rounds)
    dealt = [plan.manners(number) for number in range(rounds)]
    assert sum(map(len, dealt)) == calls
    for manners in dealt:
        often = [Counter(manners)[name] for name in MANNERS]
        assert max(often) - min(often) <= 1


def test_the_same_seed_deals_the_same_calls_and_another_does_not() -> None:
    assert Plan(seed=7).manners(0) == Plan(seed=7).manners(0)
    assert Plan(seed=7).manners(0) != Plan(seed=8).manners(0)
    assert Plan(seed=7).manners(0) != Plan(seed=7).manners(1)


def test_what_is_held_beyond_the_beginning_is_left_over_and_memory_is_told_apart() -> None:
    after = replace(IDLE, ports=2, tasks=21, threads=3, memory_bytes=60_000_000)
    grown = after.beyond(IDLE)
    assert grown["memory_bytes"] == 10_000_000
    assert left_over(grown) == {"ports": 2, "tasks": 1}
    assert left_over(IDLE.beyond(IDLE)) == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (json.dumps({"level": "info", "event": "call ended"}), ""),
        (json.dumps({"level": "error", "event": "fault in a call"}), "fault in a call"),
        (
            json.dumps({"level": "error", "event": "fault", "error": "  | x\n  | ValueError: no\n  +-----"}),
            "fault: ValueError: no",
        ),
        ("Segmentation fault", "Segmentation fault"),
    ],
)
def test_a_fault_is_told_by_its_last_words(line: str, words: str) -> None:
    assert fault(line) == words


def test_a_call_is_known_by_its_number_whoever_dialled_it() -> None:
    assert number_of("round-0-7") == number_of("sip:round-0-7@127.0.0.1:40000") == "round-0-7"
