"""Marks that wait for the engine's attention: none is lost when it has none to spare."""

from __future__ import annotations

from mediasrv.media.events import Generation
from mediasrv.media.streams.marks import WATCHED, Marks
from mediasrv_native.errors import QueueFull

FIRST = Generation(1)


class BusyEngine:
    """Watches what it is told to, unless its commands are full."""

    def __init__(self) -> None:
        self.watched: list[int] = []
        self.full = False

    def watch(self, _generation: Generation, _source: int, number: int) -> None:
        if self.full:
            raise QueueFull(-3, "mark", "full")
        self.watched.append(number)


def test_a_mark_that_the_engine_has_no_room_for_waits_for_the_next_chance() -> None:
    engine = BusyEngine()
    marks = Marks(engine.watch)
    for word in range(WATCHED + 2):
        marks.add(FIRST, word, str(word))
    engine.full = True
    assert marks.reached(engine.watched[0]) == "0"
    assert len(engine.watched) == WATCHED
    engine.full = False
    assert marks.reached(engine.watched[1]) == "1"
    assert len(engine.watched) == WATCHED + 2


def test_a_mark_is_taken_even_when_the_engine_has_no_room_and_goes_with_its_generation() -> None:
    engine = BusyEngine()
    engine.full = True
    marks = Marks(engine.watch)
    marks.add(FIRST, 0, "never")
    engine.full = False
    marks.over(FIRST)
    assert engine.watched == []
