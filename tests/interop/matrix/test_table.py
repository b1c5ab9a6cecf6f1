"""The table says something of every peer in every row, and every cell of it has a test."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.interop.matrix import test_in_calls, test_ringing, test_signalling, test_sound, test_users
from tests.interop.matrix.table import PEERS, TABLE, cells


@pytest.mark.parametrize("row", TABLE)
def test_a_row_says_of_each_peer_what_it_does_or_why_it_does_not(row: str) -> None:
    assert tuple(TABLE[row]) == PEERS
    for ways in TABLE[row].values():
        assert ways, "neither ways nor a reason"


def test_each_cell_has_one_test() -> None:
    tested: Counter[str] = Counter()
    for file in (test_sound, test_in_calls, test_ringing, test_signalling, test_users):
        for name, test in vars(file).items():
            if name.startswith("test_"):
                marks = [mark for mark in test.pytestmark if mark.name == "parametrize"]
                tested.update(str(cell) for mark in marks for cell in mark.args[1])
    assert tested == Counter(map(str, cells(*TABLE)))
