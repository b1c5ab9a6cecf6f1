"""The quality bench's cases side by side: the same answer in the same order, and a failure that is told."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

from mediasrv.bench.quality.pool import spread


def halved(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def cores(monkeypatch: pytest.MonkeyPatch, numbers: Iterable[int]) -> None:
    usable = set(numbers)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: usable)


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_made_comes_in_the_order_of_its_jobs(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    cores(monkeypatch, range(count))
    assert spread(halved, [8, 2, 6, 4]) == [4, 1, 3, 2]


def test_nothing_to_do_is_done_at_once() -> None:
    assert spread(halved, []) == []


def test_a_case_that_fails_fails_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    cores(monkeypatch, range(2))
    with pytest.raises(ValueError, match="7 is odd"):
        spread(halved, [8, 7])
