from __future__ import annotations

import os

import pytest

from mediasrv.errors import AtCapacity
from mediasrv.media.recognition import RecognitionRoom, millicores_for_recognition, spared_cpus


def test_calls_are_kept_room_for_until_there_is_none() -> None:
    room = RecognitionRoom(300)
    with room.kept(150), room.kept(150):
        with pytest.raises(AtCapacity) as full, room.kept(150):
            pass
        assert full.value.retry_after_s > 0
    with room.kept(300):
        pass
    assert room.promised == 0


def test_a_call_that_recognises_elsewhere_needs_no_room() -> None:
    with RecognitionRoom(0).kept(0):
        pass


def test_room_comes_back_whatever_ends_the_call() -> None:
    room = RecognitionRoom(1)
    for _ in range(1_000):
        with pytest.raises(ZeroDivisionError), room.kept(0.1), room.kept(0.2):
            raise ZeroDivisionError
    assert room.promised == 0


def test_the_engines_processors_are_spared_unless_there_are_no_others() -> None:
    mine = sorted(os.sched_getaffinity(0))
    assert spared_cpus([None]) == ()
    assert spared_cpus([*mine]) == ()
    if len(mine) > 1:
        assert spared_cpus([mine[-1]]) == (mine[-1],)
        assert millicores_for_recognition([mine[-1]]) == pytest.approx(700 * (len(mine) - 1))
