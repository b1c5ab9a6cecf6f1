"""Tests that mostly wait for real time to pass, run side by side.

A call of two seconds takes two seconds, whatever the machine; fifty of them need not take a hundred. Tests marked
`side_by_side` take parameters and the two fixtures below, and share nothing but servers. When the first of them is
reached, all that were selected run in one nursery, a few at a time, so that none starves the others of the processor;
each then reports its own outcome in its own place. What measures time to a millisecond is not marked, nor what wants
warnings filtered.

Where several processes share the tests (xdist) each runs alone. Tests marked `long` are begun first: one that is begun
last is waited for by everybody.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.interop.patience import LATE_MS
from tests.interop.servers import Servers, sharing

MARK = "side_by_side"
AT_A_TIME = 2 * (os.cpu_count() or 1)
Fault = Exception | pytest.fail.Exception
OUTCOMES = pytest.StashKey[dict[str, Fault | None]]()
TEST = pytest.StashKey[Callable[..., Awaitable[None]]]()  # as it was written, without a loop of its own


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}: runs together with the others of its kind")
    config.addinivalue_line("markers", "long: waits for many seconds, and is begun first")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker(MARK) is not None and isinstance(item, pytest.Function):
        item.stash[TEST] = item.obj


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Servers that these tests start work as late as the machine makes them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MEDIASRV_SIP__LATE_MS", str(LATE_MS))
        yield


@pytest.fixture
def servers() -> None:
    """Servers to share (servers.py); what a marked test is given stands in `_fault_of`."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if pyfuncitem.get_closest_marker(MARK) is None:
        return None
    session = pyfuncitem.session
    outcomes = session.stash.setdefault(OUTCOMES, {})
    if pyfuncitem.nodeid not in outcomes:
        alone = hasattr(pyfuncitem.config, "workerinput")  # of several processes, who knows which runs what
        together = [pyfuncitem] if alone else [item for item in session.items if TEST in item.stash]
        base = pyfuncitem.config._tmp_path_factory.mktemp(MARK)
        outcomes.update(trio.run(_run_together, together, base))
    fault = outcomes[pyfuncitem.nodeid]
    if fault is not None:
        raise fault
    return True


async def _run_together(items: Sequence[Any], base: Path) -> dict[str, Fault | None]:
    outcomes: dict[str, Fault | None] = {}
    places = trio.CapacityLimiter(AT_A_TIME)

    async def run(item: Any, directory: Path) -> None:
        async with places:
            outcomes[item.nodeid] = await _fault_of(item, directory, servers)

    async with sharing(base) as servers, trio.open_nursery() as nursery:
        for number, item in enumerate(items):
            directory = base / str(number)
            directory.mkdir()
            nursery.start_soon(run, item, directory)
    return outcomes


async def _fault_of(item: Any, directory: Path, servers: Servers) -> Fault | None:
    test = item.stash[TEST]
    given: dict[str, Any] = {"tmp_path": directory, "servers": servers}
    names = inspect.signature(test).parameters
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    try:
        await test(**{name: given[name] if name in given else parameters[name] for name in names})
    except (Exception, pytest.fail.Exception) as fault:
        return fault
    return None
