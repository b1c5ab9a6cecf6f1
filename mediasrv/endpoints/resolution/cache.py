"""Answers of the DNS, kept for as long as they say, and no longer than we allow.

    fresh    within its TTL, an hour at most: answered from here
    stale    for a day after: answered from here only while the DNS cannot be asked (RFC 8767)

A carrier's name that cannot be looked up for a minute is no reason to stop telephoning. "There is no such thing" is
an answer like any other, but kept for minutes only: who has just made a record does not want to wait for it.

One that is asked for while the same question is under way waits for its answer: a burst of calls is one question.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, cast

import trio

from mediasrv.clock import Clock
from mediasrv.endpoints.resolution.records import Answer, CannotLookUp, Record, Records

ANSWERS_MAX = 1_024
TTL_MOST_S = 3_600.0
EMPTY_TTL_MOST_S = 300.0
STALE_S = 86_400.0
FAILURE_S = 5.0  # RFC 2308 section 7: a server that fails is left alone for a moment

Question = tuple[str, type[Any]]


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer[Any]
    fresh_until: float
    stale_until: float


class CachedRecords:
    """In front of whoever is asked."""

    def __init__(self, behind: Records, clock: Clock) -> None:
        self._behind, self._clock = behind, clock
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._failed_until: OrderedDict[Question, float] = OrderedDict()
        self._asking: dict[Question, trio.Event] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def look_up(self, name: str, kind: type[Record]) -> Answer[Record]:
        question = name.lower(), kind
        while question in self._asking:
            await self._asking[question].wait()
        kept = self._kept.get(question)
        if kept is not None and self._clock.now() < kept.fresh_until:
            self._kept.move_to_end(question)
            return cast("Answer[Record]", kept.answer)
        if self._clock.now() < self._failed_until.get(question, 0.0):
            return self._stale(question, CannotLookUp(f"{name}: failed a moment ago"))
        answered = self._asking[question] = trio.Event()
        try:
            answer = await self._behind.look_up(name, kind)
        except CannotLookUp as error:
            _put(self._failed_until, question, self._clock.now() + FAILURE_S)
            return self._stale(question, error)
        finally:
            del self._asking[question]
            answered.set()
        self._keep(question, answer)
        return answer

    def _keep(self, question: Question, answer: Answer[Any]) -> None:
        self._failed_until.pop(question, None)
        ttl_s = min(answer.ttl_s, TTL_MOST_S if answer.records else EMPTY_TTL_MOST_S)
        fresh_until = self._clock.now() + max(0.0, ttl_s)
        _put(self._kept, question, _Kept(answer, fresh_until, fresh_until + STALE_S))

    def _stale(self, question: Question, error: CannotLookUp) -> Answer[Any]:
        kept = self._kept.get(question)
        if kept is None or not kept.answer.records or self._clock.now() >= kept.stale_until:
            raise error
        return kept.answer


def _put(register: OrderedDict[Question, Any], question: Question, value: Any) -> None:
    """The one that was not asked for for longest makes room."""
    register[question] = value
    register.move_to_end(question)
    if len(register) > ANSWERS_MAX:
        register.popitem(last=False)
