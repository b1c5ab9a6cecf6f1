"""How long answers of the DNS are believed, in virtual time."""

from __future__ import annotations

import pytest
import trio

from mediasrv.endpoints.resolution import CachedRecords, CannotLookUp, Ipv4, Srv
from mediasrv.endpoints.resolution.cache import ANSWERS_MAX, EMPTY_TTL_MOST_S, FAILURE_S, STALE_S, TTL_MOST_S
from tests.fakes.clock import TrioClock
from tests.fakes.records import FakeRecords

ONE = {"a.example": [Ipv4("192.0.2.1")]}


async def asked(cache: CachedRecords, records: FakeRecords, name: str = "a.example") -> bool:
    """Whether the cache had to ask."""
    before = len(records.asked)
    await cache.look_up(name, Ipv4)
    return len(records.asked) > before


async def test_an_answer_is_believed_as_long_as_it_says(autojump_clock) -> None:
    records = FakeRecords(ONE, ttl_s=60)
    cache = CachedRecords(records, TrioClock())
    assert await asked(cache, records)
    await trio.sleep(59)
    assert not await asked(cache, records)
    await trio.sleep(2)
    assert await asked(cache, records)


async def test_names_are_the_same_in_any_case_and_kinds_are_not(autojump_clock) -> None:
    records = FakeRecords(ONE)
    cache = CachedRecords(records, TrioClock())
    await cache.look_up("a.example", Ipv4)
    assert not await asked(cache, records, "A.Example")
    assert (await cache.look_up("a.example", Srv)).records == ()


@pytest.mark.parametrize(
    ("name", "believed_s"), [("a.example", TTL_MOST_S), ("none.example", EMPTY_TTL_MOST_S)]
)
async def test_no_answer_is_believed_for_years(autojump_clock, name: str, believed_s: float) -> None:
    records = FakeRecords(ONE, ttl_s=2**31)
    cache = CachedRecords(records, TrioClock())
    await cache.look_up(name, Ipv4)
    await trio.sleep(believed_s - 1)
    assert not await asked(cache, records, name)
    await trio.sleep(2)
    assert await asked(cache, records, name)


async def test_an_answer_for_once_is_used_once(autojump_clock) -> None:
    records = FakeRecords(ONE, ttl_s=0)
    cache = CachedRecords(records, TrioClock())
    assert await asked(cache, records)
    assert await asked(cache, records)


async def test_while_the_dns_is_away_its_last_answer_holds_for_a_day(autojump_clock) -> None:
    records = FakeRecords(ONE, ttl_s=60)
    cache = CachedRecords(records, TrioClock())
    await cache.look_up("a.example", Ipv4)
    records.fails = {("a.example", "Ipv4")}
    await trio.sleep(STALE_S)
    assert (await cache.look_up("a.example", Ipv4)).records == (Ipv4("192.0.2.1"),)
    await trio.sleep(61)
    with pytest.raises(CannotLookUp):
        await cache.look_up("a.example", Ipv4)


async def test_a_dns_that_fails_is_left_alone_for_a_moment(autojump_clock) -> None:
    records = FakeRecords()
    records.fails = {("a.example", "Ipv4")}
    cache = CachedRecords(records, TrioClock())
    for _ in range(3):
        with pytest.raises(CannotLookUp):
            await cache.look_up("a.example", Ipv4)
    assert len(records.asked) == 1
    records.fails.clear()
    records.zone.update(ONE)
    await trio.sleep(FAILURE_S)
    assert (await cache.look_up("a.example", Ipv4)).records


async def test_a_burst_of_calls_is_one_question(autojump_clock) -> None:
    records = FakeRecords(ONE)
    records.delay_s = {("a.example", "Ipv4"): 1.0}
    cache = CachedRecords(records, TrioClock())
    async with trio.open_nursery() as calls:
        for _ in range(100):
            calls.start_soon(cache.look_up, "a.example", Ipv4)
    assert len(records.asked) == 1


async def test_who_gives_up_waiting_does_not_take_the_others_along(autojump_clock) -> None:
    records = FakeRecords(ONE)
    records.delay_s = {("a.example", "Ipv4"): 10.0}
    cache = CachedRecords(records, TrioClock())
    got: list[object] = []

    async def patient() -> None:
        got.append((await cache.look_up("a.example", Ipv4)).records)

    async with trio.open_nursery() as calls:
        with trio.move_on_after(1):
            calls.start_soon(patient)
            await cache.look_up("a.example", Ipv4)
    assert got == [(Ipv4("192.0.2.1"),)]


async def test_names_without_end_take_no_memory_without_end(autojump_clock) -> None:
    records = FakeRecords(ONE)
    cache = CachedRecords(records, TrioClock())
    for number in range(2 * ANSWERS_MAX):
        await cache.look_up(f"n{number}.example", Ipv4)
    assert len(cache) == ANSWERS_MAX
