"""Writes down what enters one call, as it comes; what it writes is a `tape`.

A call that converses has some three hundred things a second to write down. Each becomes a line, and the lines leave
together, in pieces of half a second. Passes and moments wait as long before they become lines: a key may be told when
the secure passage that it belongs to begins, and then what has passed of it is not yet written.

It never waits and never fails the call: a piece that finds no room, or a recording that has grown too large, ends the
recording and nothing else. Tasks of the call find it in their context, which they have from the task that began it.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import trio

from mediasrv.media.again import Birth, Moment, MomentKind
from mediasrv.replay.left_out import without_secrets
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
from mediasrv.telemetry.secret_while import BEFORE_NS, RTP_HEADER, SecretWhile

MOST_BYTES = 128 * 2**20  # of one call: two hours
PIECE_BYTES = 16 * 2**10  # leave together: half a second, which is what a crash may take along
SILENT = b"\xff"  # in G.711; in any other codec at least nothing that anybody said

RECORDER: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


class Recorder:
    """`write` takes a piece, or says that it has no room; `is_secret`: what is said now is nobody's business."""

    def __init__(self, clock: SteadyClock, passes: Passes, write: Callable[[bytes], bool]) -> None:
        self._clock, self._passes, self._write_piece = clock, passes, write
        self.is_secret: Callable[[], bool] = lambda: False
        self._pass: Pass | None = None
        self._pass_number = -1
        self._lines, self._lines_bytes, self._entries = list[bytes](), 0, 0
        self._operations = itertools.count()
        self._room, self._lost, self._uncertain = MOST_BYTES, 0, 0
        self._is_wishing: Wish | None = None
        self._secret = SecretWhile()
        self._kept_back = deque[Pass | Moment]()
        self._born = self._is_over = False

    # ---- the beginning and the end
    def begin(self, beginning: Beginning) -> None:
        """Before it is known whether there will be a call, and in the task that runs it."""
        self._write(beginning)

    def leads(self) -> None:
        """Here the call itself begins; from now on whoever looks for its tape finds one."""
        self._now().begins = True
        self._leave()

    def end(self) -> None:
        self._flush()
        self._let_go(of_all=True)
        self._leave()
        if not self._is_over:
            self._write_piece(written(End(self._clock.now_ns(), self._uncertain, self._lost)))
        self._is_over = True

    def beyond(self, why: str) -> None:
        """Something has happened that will not happen again by itself."""
        self._write(Beyond(self._clock.now_ns(), why))

    def line(self, kind: str, record: Mapping[str, object]) -> None:
        self._write(Line(kind, record))

    # ---- passes
    def step(self) -> None:
        """A task of the call is about to run."""
        if self._pass_number != self._passes.number:
            self._now()

    def _now(self) -> Pass:
        current = self._pass
        if current is None or self._pass_number != self._passes.number:
            self._look_for_secrets()
            self._flush()
            current = self._pass = Pass(self._clock.now_ns())
            self._pass_number = self._passes.number
        return current

    def _flush(self) -> None:
        done, self._pass = self._pass, None
        if done is not None:
            self._kept_back.append(done)
            self._let_go()

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

    def moments(self, moments: Sequence[Moment]) -> None:
        self._look_for_secrets()
        self._kept_back.extend(moments)
        self._let_go()

    def _let_go(self, *, of_all: bool = False) -> None:
        """What no secure passage can reach back to any more is written."""
        kept_back, until_ns = self._kept_back, self._clock.now_ns() - BEFORE_NS
        entries: list[Entry] = []
        while kept_back and (of_all or kept_back[0].at_ns < until_ns):
            each = kept_back.popleft()
            if isinstance(each, Pass):
                entries.append(without_secrets(each, self._secret))
            else:
                entries.append(Deed(self._without_sound(each)))
        if entries:
            self._write(*entries)

    def _without_sound(self, moment: Moment) -> Moment:
        """Of what was sent a digest, of what is secret silence; all else as it is."""
        number, at_ns, data = moment.number, moment.at_ns, moment.data
        if moment.kind is MomentKind.SENT:
            return Moment(number, moment.kind, at_ns, moment.due_ns, moment.peer, digest(data))
        if not data or not self._secret.has(at_ns, data):
            return moment
        silence = data[:RTP_HEADER] + SILENT * (len(data) - RTP_HEADER)
        return Moment(number, moment.kind, at_ns, moment.due_ns, moment.peer, silence)

    def _look_for_secrets(self) -> None:
        if self.is_secret():
            now_ns = self._clock.now_ns()
            if self._secret.mark(now_ns, now_ns):
                self.beyond("secure: what the caller said and pressed was left out")

    # ---- writing
    def _write(self, *entries: Entry) -> None:
        if self._is_over:
            return
        if self._lost:
            self._lost += len(entries)
            return
        lines = written(*entries)
        self._lines.append(lines)
        self._entries += len(entries)
        self._lines_bytes += len(lines)
        if self._lines_bytes >= PIECE_BYTES:
            self._leave()

    def _leave(self) -> None:
        """What has gathered leaves; where it finds no room, nothing follows it but the end."""
        piece, entries = b"".join(self._lines), self._entries
        self._lines, self._lines_bytes, self._entries = [], 0, 0
        self._room -= len(piece)
        if piece and (self._room < 0 or not self._write_piece(piece)):
            self._lost += entries


def step_of(task: trio.lowlevel.Task) -> None:
    """For `Passes`: tells the call that a task belongs to."""
    recorder = task.context.get(RECORDER)
    if recorder is not None:
        recorder.step()


def recorder_here() -> Any:
    """Of the call that the running task belongs to."""
    return RECORDER.get()
