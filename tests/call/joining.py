"""One call whose menu connects the caller with somebody, over fakes in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from mediasrv.call import CallRecord, CallServices, run_call
from mediasrv.call.menu import menu_agent, parse_menus
from mediasrv.ids import CallId, SeededTokens
from mediasrv.legs import CallInfo
from mediasrv.media import Dtmf, Listen, MediaEvent
from mediasrv.telemetry import MemorySink
from tests.fakes.leg import TrioClock
from tests.fakes.parties import FakeDialler, FakeParty, Guest

MENUS = """
[voice]
kind = "tone"

[menus.main]
say = "a"
attempts = 1
first_key_ms = 60000
keys = { 1 = [{ do = "connect", to = "bob", STEP }, { do = "say", text = "again" }], 9 = [{ do = "hang_up" }] }

[menus.busy]
say = "engaged"
attempts = 1
first_key_ms = 1000
no_key = ""
"""


def pressed(*presses: tuple[float, str]) -> list[tuple[float, MediaEvent]]:
    return [(at_s, Dtmf(key, 100, round(at_s * 1e9))) for at_s, key in presses]


@dataclass
class Stage:
    """Calls that go on, and who was dialled for them."""

    nursery: trio.Nursery
    dialler: FakeDialler
    sink: MemorySink = field(default_factory=MemorySink)
    recordings: Path | None = None
    services: CallServices = field(init=False)
    records: dict[str, CallRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = CallServices(
            TrioClock(), SeededTokens(1), self.sink, recordings=self.recordings,
            why_not_follow=lambda info, target: "", dial=self.dialler.dial,
        )  # fmt: skip

    def call(
        self,
        guest: Guest | None = None,
        *,
        name: str = "call-1",
        step: str = 'after = "continue"',
        trunk: str = "local",
    ) -> FakeParty:
        """A caller who presses 1, and whom the menu connects with `bob`."""
        caller = FakeParty(guest or caller_who(), CallInfo(CallId(name), "100", "200", trunk))
        self.nursery.start_soon(caller.stream.run)
        self.nursery.start_soon(self._run, caller, MENUS.replace("STEP", step))
        return caller

    async def _run(self, caller: FakeParty, menus: str) -> None:
        agent = menu_agent(parse_menus(menus))
        self.records[caller.info.id] = await run_call(caller, agent, self.services)
        await caller.stream.aclose()

    def noted(self, event: str, name: str = "call-1") -> list[Mapping[str, Any]]:
        return [entry for entry in self.sink.of(CallId(name), "timeline") if entry["event"] == event]

    def said(self, name: str = "call-1") -> list[str]:
        return [entry["what"] for entry in self.noted("said", name)]

    def outcome(self, name: str = "call-1") -> str:
        return str(self.noted("bridge_ended", name)[-1]["why"])


def caller_who(
    *presses: tuple[float, str],
    stays_s: float | None = 40.0,
    wants: Sequence[tuple[float, Any]] = (),
    events: Sequence[tuple[float, MediaEvent]] = (),
) -> Guest:
    """Picks the first choice after a second; times count from the answer."""
    keys = pressed((1.0, "1"), *presses)
    return Guest(answers_after_s=0.01, stays_s=stays_s, wants=wants, events=[*keys, *events])


def hears(listener: FakeParty, source: FakeParty, what: Listen = Listen.HEARD) -> bool:
    return (id(source.stream), what) in listener.stream.listens_to


@asynccontextmanager
async def stage(*, recordings: Path | None = None, **guests: Guest) -> AsyncIterator[Stage]:
    """Nothing of a call may be left when the block ends, however it ended."""
    async with trio.open_nursery() as nursery:
        here = Stage(nursery, FakeDialler(nursery, dict(guests)), recordings=recordings)
        await trio.lowlevel.checkpoint()
        before = trio.lowlevel.current_statistics().tasks_living
        yield here
        with trio.fail_after(400):
            while trio.lowlevel.current_statistics().tasks_living > before:  # noqa: ASYNC110
                await trio.sleep(0.5)
        assert list(here.services.live) == []
        assert all(party.closed for party in here.dialler.dialled)
        nursery.cancel_scope.cancel()
