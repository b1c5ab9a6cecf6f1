"""A DNS in a dictionary: answers at once or late, in virtual time, and what it was asked."""

from __future__ import annotations

from typing import Any, cast

import trio

from mediasrv.endpoints.resolution import Answer, CannotLookUp, Record


class FakeRecords:
    """`zone` has the records of each (name, kind); what is not there does not exist. `fails`: SERVFAIL for those."""

    def __init__(self, zone: dict[str, list[Any]] | None = None, *, ttl_s: float = 60.0) -> None:
        self.zone = zone or {}
        self.ttl_s = ttl_s
        self.asked: list[tuple[str, str]] = []
        self.fails: set[tuple[str, str]] = set()
        self.delay_s: dict[tuple[str, str], float] = {}

    async def look_up(self, name: str, kind: type[Record]) -> Answer[Record]:
        question = name, kind.__name__
        self.asked.append(question)
        await trio.sleep(self.delay_s.get(question, 0.0))
        if question in self.fails:
            raise CannotLookUp(f"{name}: as told")
        found = [record for record in self.zone.get(name, ()) if isinstance(record, kind)]
        return Answer(cast("tuple[Record, ...]", tuple(found)), self.ttl_s)
