"""Calls that ring before their agent picks up (`calls.answer_after_s`), in virtual time."""

from __future__ import annotations

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.sdp import answer, parse
from mediasrv.sip import Rejected, Uri
from tests.server.house import HOUSE, Caller, House, running
from tests.server.test_server import nothing_is_left

RINGS = {"MEDIASRV_CALLS__ANSWER_AFTER_S": "3"}


async def call(caller: Caller, *lines: tuple[str, str], offers: bool = True) -> SipCall:
    host, port = caller.endpoint.local
    return await caller.endpoint.call(
        Uri.parse(f"sip:100@{HOUSE[0]}"), destination=HOUSE, from_uri=Uri.parse(f"sip:anna@{host}:{port}"),
        body=caller.offer() if offers else b"", headers=lines,
    )  # fmt: skip


def lines(house: House, method: str) -> int:
    return sum(line.startswith(method) for line in house.network.lines())


async def test_a_call_rings_for_as_long_as_the_setting_says(autojump_clock) -> None:
    async with running(RINGS) as house, house.caller() as caller:
        calling, began = await call(caller), trio.current_time()
        with trio.fail_after(1):
            progress = await calling.wait_progress()
        assert (progress.status, progress.reliable) == (180, False)
        await calling.wait_answered()
        assert 3.0 <= trio.current_time() - began < 3.1
        await calling.bye()
        await nothing_is_left(house)


async def test_without_the_setting_nothing_rings(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        await (await caller.answered()).bye()
        assert lines(house, "SIP/2.0 180") == 0
        await nothing_is_left(house)


async def test_a_call_that_is_taken_back_while_it_rings_was_never_answered(autojump_clock) -> None:
    async with running(RINGS) as house, house.caller() as caller:
        calling = await call(caller)
        await trio.sleep(1)
        await calling.cancel()
        with pytest.raises(CallGone) as gone:
            await calling.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 487
        await nothing_is_left(house)
        assert [record["ending"] for record in house.call_records()] == ["caller_cancelled"]


async def test_who_requires_it_is_rung_reliably(autojump_clock) -> None:
    async with running(RINGS) as house, house.caller() as caller:
        calling = await call(caller, ("Require", "100rel"))
        assert (await calling.wait_progress()).reliable
        await calling.wait_answered()
        assert lines(house, "PRACK") == 1
        await calling.bye()
        await nothing_is_left(house)


async def test_who_requires_it_and_offers_nothing_is_rung_with_our_offer(autojump_clock) -> None:
    async with running(RINGS) as house, house.caller() as caller:
        calling = await call(caller, ("Require", "100rel"), offers=False)
        progress = await calling.wait_progress()
        assert (progress.status, progress.answer_due) == (180, True)
        await calling.talk.confirm(answer(parse(progress.body), caller.media).description.build())
        await trio.sleep(2)
        assert house.packets_to(5071) == 0  # nobody has picked up, and nobody speaks
        assert await calling.wait_answered() == b""
        await trio.sleep(1)
        assert house.packets_to(5071) >= 45
        await calling.bye()
        await nothing_is_left(house)


async def test_who_answers_our_offer_with_nonsense_is_refused(autojump_clock) -> None:
    async with running(RINGS) as house, house.caller() as caller:
        calling = await call(caller, ("Require", "100rel"), offers=False)
        assert (await calling.wait_progress()).answer_due
        await calling.talk.confirm(b"nonsense")
        with pytest.raises(CallGone) as gone:
            await calling.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 488
        await nothing_is_left(house)


async def test_a_caller_is_not_lost_however_long_it_rings(autojump_clock) -> None:
    """No sound is due before the answer; from then on it is."""
    settings = {"MEDIASRV_CALLS__ANSWER_AFTER_S": "10", "MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "4000"}
    async with running(settings) as house, house.caller() as caller:
        calling, began = await call(caller), trio.current_time()
        await calling.wait_answered()
        with trio.fail_after(10):
            await calling.wait_ended()
        assert 13.9 < trio.current_time() - began < 14.2
        await nothing_is_left(house)
        assert [record["ending"] for record in house.call_records()] == ["media_timeout"]
