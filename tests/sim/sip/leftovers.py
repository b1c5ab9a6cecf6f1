"""What must hold after every story, whatever happened in it: nothing is left, and the books agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import trio

from mediasrv.errors import AtCapacity
from mediasrv.media import Cost
from tests.sim.world import living_tasks

if TYPE_CHECKING:
    from tests.sim.sip.house import House

SETTLING_S = 120  # a lost BYE is said for 32 s, and what answered it is remembered for as long again


async def settle(house: House) -> None:
    """Until the server has forgotten everything, or has had all the time it may take for that."""
    for _ in range(SETTLING_S):
        if not any(living(house).values()):
            return
        await trio.sleep(1)


def living(house: House) -> dict[str, int]:
    """Of a server that has stopped, the calls: what its user agent still remembers went with the process."""
    server, core = house.server.statistics(), house.core
    agent = house.endpoint.statistics()
    calls = {
        "calls": server.live_calls,
        "calls of the endpoint": server.live_dialogs,
        "streams": server.live_streams,
    }
    if house.stopped:
        return calls
    return calls | {
        "transactions": agent.transactions,
        "dialogs": agent.dialogs,
        "calls of the user agent": agent.calls,
        "deadlines": agent.deadlines,
        "invitations": len(core.inviting),
        "registrations": len(house.endpoint._core.registrations),
        "events that nobody fetched": len(core.events),
        "datagrams that nobody sent": len(core.outbox),
    }


def violations(house: House, tasks_before: Counter[str], logs: list[str]) -> Iterator[str]:
    yield from (f"left behind: {count} {what}" for what, count in living(house).items() if count)
    yield from (
        f"left behind: the task {task}" for task in sorted((living_tasks() - tasks_before).elements())
    )
    yield from _of_the_engine(house)
    yield from _of_the_books(house)
    yield from (
        f"logged: {line}"
        for line in logs
        if not any(expected in line for expected in house.story.expected_logs)
    )


def _of_the_engine(house: House) -> Iterator[str]:
    if house.stopped:
        return
    capacity = house.server.settings.media.capacity
    try:
        house.engine.reserve(Cost(streams=capacity)).release()
    except AtCapacity as full:
        yield f"left behind: reservations ({full})"
    held = house.engine._ports._numbers.held
    if held:
        yield f"left behind: {len(held)} ports"


def _of_the_books(house: House) -> Iterator[str]:
    """Every call that was taken or dialled has ended once, has one record, and its trunk has its place again."""
    calls, ended = house.counts("calls"), house.counts("calls_ended")
    taken = calls.get("taken", 0) + calls.get("dialled", 0)
    if taken != sum(ended.values()):
        yield f"{taken} calls were taken, and {sum(ended.values())} have ended: {ended}"
    records = Counter(str(record["id"]) for record in house.records())
    if len(records) != taken or any(count != 1 for count in records.values()):
        yield f"{taken} calls were taken, and there are {sum(records.values())} records of {len(records)} calls"
    if ended != Counter(house.endings()):
        yield f"counted as ended: {ended}; recorded: {dict(Counter(house.endings()))}"
    if house.counts("sip_fault"):
        yield f"faults in the endpoint: {house.counts('sip_fault')}"
    assert house.server._reception is not None
    inside = {name: count for name, count in house.server._reception._house.gates._inside.items() if count}
    if inside:
        yield f"trunks that still count calls as theirs: {inside}"
