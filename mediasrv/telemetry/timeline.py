"""What happened in a call, one JSON object a line: the timeline, and the records of its turns.

Rooms write through a `Timeline`; where the lines go is a `RecordSink`, chosen by the composition root. Writing
never waits and never fails a call: a sink that cannot keep up drops and counts, and one that fails is told of once
a call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from mediasrv.clock import NS_PER_MS, Clock
from mediasrv.ids import CallId, TenantId

Kind = Literal["timeline", "turn", "call"]


class RecordSink(Protocol):
    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        """Takes one record, which is JSON-ready; never waits."""


class MemorySink:
    """Keeps everything, in order: for tests and the simulation."""

    def __init__(self) -> None:
        self.records: list[tuple[CallId, Kind, Mapping[str, object]]] = []

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        self.records.append((call, kind, record))

    def of(self, call: CallId, kind: Kind) -> list[Mapping[str, object]]:
        return [record for owner, k, record in self.records if owner == call and k == kind]


_log = logging.getLogger(__name__)

SECRET = "[secure]"
NEVER_SECRET = frozenset((
    "because", "by", "ending", "file", "id", "kind", "outcome", "peer", "phase", "rule", "stage", "state", "tool",
    "transport", "why",
))  # fmt: skip


class Timeline:
    """One call's timeline: each entry carries milliseconds since the call began, and whose call it is.

    While it is `secret`, entries keep their figures, and lose every word that may be the caller's.
    """

    def __init__(
        self, sink: RecordSink, clock: Clock, call: CallId, tenant: TenantId, began_ns: int | None = None
    ) -> None:
        self._sink, self._clock, self._call, self._tenant = sink, clock, call, tenant
        self._secret, self._told_of_loss = False, False
        self._secret_from_ns: int | None = None
        self._secret_until_ns = 0
        self._followers: list[Callable[[Kind, Mapping[str, object]], None]] = []
        self.began_ns = clock.now_ns() if began_ns is None else began_ns

    @property
    def secret(self) -> bool:
        return self._secret

    @secret.setter
    def secret(self, on: bool) -> None:
        if on and not self._secret:
            self._secret_from_ns = self._clock.now_ns()
        elif self._secret and not on:
            self._secret_until_ns = self._clock.now_ns()
        self._secret = on

    @property
    def last_secret_ns(self) -> tuple[int, int] | None:
        """From when until when it was so last; None: never."""
        if self._secret_from_ns is None:
            return None
        return self._secret_from_ns, self._clock.now_ns() if self._secret else self._secret_until_ns

    def ms(self, at_ns: int | None = None) -> float:
        """Milliseconds from the call's beginning to `at_ns` (now, if none)."""
        return round(((self._clock.now_ns() if at_ns is None else at_ns) - self.began_ns) / NS_PER_MS, 3)

    def wall(self) -> str:
        """The date and time, in UTC."""
        return self._clock.wall().isoformat()

    def note(self, event: str, *, at_ns: int | None = None, **fields: object) -> None:
        if self.secret:
            fields = {name: _censored(name, value) for name, value in fields.items()}
        self._write("timeline", {"ms": self.ms(at_ns), "event": event, **self._whose(), **fields})

    def record(self, kind: Literal["turn", "call"], record: Mapping[str, object]) -> None:
        self._write(kind, {**self._whose(), **record})

    def follow(self, follower: Callable[[Kind, Mapping[str, object]], None]) -> None:
        """Is told of everything that is written from now on."""
        self._followers.append(follower)

    def _whose(self) -> dict[str, object]:
        return {"call": self._call, "tenant": self._tenant}

    def _write(self, kind: Kind, record: Mapping[str, object]) -> None:
        """A sink ought not to fail; one that does loses the record, and no call is lost with it."""
        try:
            self._sink.write(self._call, kind, record)
        except Exception:
            if not self._told_of_loss:
                _log.exception("a record was lost", extra={"kind": kind})
            self._told_of_loss = True
        for follower in self._followers:
            follower(kind, record)


def _censored(name: str, value: object) -> object:
    return value if name in NEVER_SECRET or isinstance(value, int | float | None) else SECRET
