"""Writes down what enters one call, as it comes; what it writes is a `tape`.

It never waits and never fails the call: a piece that finds no room, or a recording that has grown too large, ends the
recording and nothing else. Tasks of the call find it in their context, which they have from the task that began it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import trio

from mediasrv.clock import NS_PER_MS
from mediasrv.media.again import Birth, Moment, MomentKind
from mediasrv.replay.steps import Passes, SteadyClock
from mediasrv.replay.tape import (
    Beginning,
    Beyond,
    Born,
    Deed,
    End,
    Entry,
    Line,
    Outcome,
    Pass,
    Told,
    Wish,
    digest,
    written,
)

MOST_BYTES = 128 * 2**20  # of one call: two hours
RTP_HEADER = 12
SILENT = b"\xff"  # in G.711; in any other codec at least nothing that anybody said
MARGIN_NS = 100 * NS_PER_MS

RECORDER: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@dataclass(slots=True)
class _Gathering:
    """A pass that is not over."""

    number: int
    at_ns: int
    came: list[Told | Wish] = field(default_factory=list)
    over: list[Outcome] = field(default_factory=list)
    reached: list[tuple[int, int]] = field(default_factory=list)
    doubted: list[int] = field(default_factory=list)
    begins: bool = False
    asked_to_end: str = ""


class Recorder:
    """`write` takes a piece, or says that it has no room; `is_secret`: what is said now is nobody's business."""

    def __init__(self, clock: SteadyClock, passes: Passes, write: Callable[[bytes], bool]) -> None:
        self._clock, self._passes, self._write_piece = clock, passes, write
        self.is_secret: Callable[[], bool] = lambda: False
        self._pass: _Gathering | None = None
        self._operations = itertools.count()
        self._room, self._lost, self._uncertain = MOST_BYTES, 0, 0
        self._is_wishing: Wish | None = None
        self._secret_from_ns, self._secret_until_ns = 0, 0
        self._born = self._is_over = False

    # ---- the beginning and the end
    def begin(self, beginning: Beginning) -> None:
        """Before the call is run, and in the task that runs it."""
        self._write(beginning)

    def leads(self) -> None:
        """Here the call itself begins."""
        self._now().begins = True

    def end(self) -> None:
        self._flush()
        self._write(End(self._clock.now_ns(), self._uncertain, self._lost))
        self._is_over = True

    def beyond(self, why: str) -> None:
        """Something has happened that will not happen again by itself."""
        self._write(Beyond(self._clock.now_ns(), why))

    def line(self, kind: str, record: Mapping[str, object]) -> None:
        self._write(Line(kind, record))

    # ---- passes
    def step(self) -> None:
        """A task of the call is about to run."""
        self._now()

    def _now(self) -> _Gathering:
        current = self._pass
        if current is None or current.number != self._passes.number:
            self._flush()
            self._look_for_secrets()
            current = self._pass = _Gathering(self._passes.number, self._clock.now_ns())
        return current

    def _flush(self) -> None:
        done, self._pass = self._pass, None
        if done is not None:
            self._write(
                Pass(
                    done.at_ns,
                    done.came,
                    done.over,
                    done.reached,
                    done.doubted,
                    done.begins,
                    done.asked_to_end,
                )
            )

    def asked_to_end(self, why: str) -> None:
        """Somebody outside ends the call."""
        self._now().asked_to_end = why

    # ---- what the world brings
    def operation(self) -> tuple[int, int]:
        """One begins: its number, and the time."""
        return next(self._operations), self._clock.now_ns()

    def over(
        self,
        begun: tuple[int, int],
        name: str,
        how: Literal["value", "error", "cancelled", "end"],
        value: object = None,
        asked: object = None,
        of: int = -1,
    ) -> None:
        if self.is_secret():
            asked = None
        self._now().over.append(Outcome(begun[0], name, begun[1], how, value, asked, of))

    # ---- the stream
    def born(self, birth: Birth) -> None:
        if self._born:
            self.beyond("a second stream")
            return
        self._born = True
        self._write(Born(birth))

    def reached(self, moments: int, *, certain: bool) -> None:
        self._uncertain += not certain
        if self._is_wishing is not None:
            self._is_wishing.reached.append(moments)
            return
        now = self._now()
        reached = now.reached
        if not certain:
            now.doubted.append(sum(count for _, count in reached))
        if reached and reached[-1][0] == moments:
            reached[-1] = moments, reached[-1][1] + 1
        else:
            reached.append((moments, 1))

    def told(self, moments: int, events: int) -> None:
        self._now().came.append(Told(moments // 2, events))

    @contextmanager
    def wishes(
        self, method: str, arguments: tuple[object, ...], named: Mapping[str, object]
    ) -> Iterator[None]:
        wish = self._is_wishing = Wish(method, arguments, dict(named), [])
        self._now().came.append(wish)
        try:
            yield
        finally:
            self._is_wishing = None

    def moment(self, moment: Moment) -> None:
        self._look_for_secrets()
        data = moment.data
        if moment.kind is MomentKind.SENT:
            data = digest(data)
        elif self._secret_from_ns <= moment.at_ns <= self._secret_until_ns:
            data = data[:RTP_HEADER] + SILENT * (len(data) - RTP_HEADER)
        self._write(Deed(Moment(moment.number, moment.kind, moment.at_ns, moment.due_ns, moment.peer, data)))

    def _look_for_secrets(self) -> None:
        if not self.is_secret():
            return
        now_ns = self._clock.now_ns()
        if now_ns > self._secret_until_ns:
            self._secret_from_ns = now_ns - MARGIN_NS
            self.beyond("secure: what the caller said and pressed was left out")
        self._secret_until_ns = now_ns + MARGIN_NS

    # ---- writing
    def _write(self, entry: Entry) -> None:
        if self._is_over:
            return
        if self._lost:
            self._lost += 1
            if not isinstance(entry, End):
                return
        piece = written(entry)
        self._room -= len(piece)
        if (self._room < 0 and not isinstance(entry, End)) or not self._write_piece(piece):
            self._lost += 1


def step_of(task: trio.lowlevel.Task) -> None:
    """For `Passes`: tells the call that a task belongs to."""
    recorder = task.context.get(RECORDER)
    if recorder is not None:
        recorder.step()


def recorder_here() -> Any:
    """Of the call that the running task belongs to."""
    return RECORDER.get()
