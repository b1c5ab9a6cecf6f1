"""Calls that come into another one, and what callers want of theirs, as the whole server takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.sdp import offer
from mediasrv.sip import Address, Key, Rejected, Replaces, Uri
from tests.server.house import HOUSE, Caller, House, running
from tests.server.test_server import hung_up, nothing_is_left

SUE: Address = ("127.0.0.1", 5080)
BEA: Address = ("127.0.0.1", 5090)
SUPERVISED = {"MEDIASRV_SUPERVISION__TRUNKS": "local", "MEDIASRV_AGENTS__DEFAULT": "tone"}


async def status_of(call: SipCall) -> int:
    with pytest.raises(CallGone) as gone:
        await call.wait_answered()
    assert isinstance(gone.value.end, Rejected)
    return gone.value.end.status


def call_id(house: House) -> str:
    return next(str(call) for call, kind, _ in house.sink.records if kind == "timeline")


def noted(house: House, event: str) -> list[Mapping[str, object]]:
    return [
        record for _, kind, record in house.sink.records if kind == "timeline" and record["event"] == event
    ]


# ---- supervisors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["name", "number"])
async def test_a_supervisor_hears_the_agent_and_leaves_with_the_call(autojump_clock, by: str) -> None:
    async with running(SUPERVISED) as house, house.caller() as anna, house.caller(SUE) as sue:
        call = await anna.answered()
        listening = await sue.answered(f"*1{call_id(house) if by == 'name' else 'anna'}")
        await trio.sleep(0.2)
        house.sent.clear()
        await trio.sleep(0.5)
        tone = {packet.to[1]: packet.data[12:] for packet in house.sent}
        assert len(set(tone[5081])) > 10, "the supervisor is sent silence"
        assert [entry["mode"] for entry in noted(house, "supervised")] == ["listen"]
        await call.bye()
        with trio.fail_after(5):
            await listening.wait_ended()
        await nothing_is_left(house)


async def test_a_supervisor_who_hangs_up_leaves_the_call_as_it_was(autojump_clock) -> None:
    async with running(SUPERVISED) as house, house.caller() as anna, house.caller(SUE) as sue:
        call = await anna.answered()
        listening = await sue.answered("*1100")
        await trio.sleep(0.5)
        await listening.bye()
        await trio.sleep(0.5)
        assert [entry["mode"] for entry in noted(house, "supervised")] == ["listen", "over"]
        assert house.server.statistics().live_calls == 1
        again = await sue.answered("*1100")
        await trio.sleep(0.5)
        assert len(noted(house, "supervised")) == 3
        await again.bye()
        await call.bye()
        await nothing_is_left(house)


async def test_a_second_supervisor_is_sent_away(autojump_clock) -> None:
    async with running(SUPERVISED) as house, house.caller() as anna, house.caller(SUE) as sue:
        call = await anna.answered()
        first = await sue.answered("*1100")
        second = await sue.answered("*1100")
        with trio.fail_after(5):
            await second.wait_ended()
        assert noted(house, "not_supervised")[0]["problem"] == "somebody supervises it already"
        assert first.end is None
        await call.bye()
        await nothing_is_left(house)


async def test_keys_switch_what_a_supervisor_does(autojump_clock) -> None:
    async with running(SUPERVISED) as house, house.caller() as anna, house.caller(SUE) as sue:
        call = await anna.answered()
        listening = await sue.answered("*1100")
        for key in "2319":
            await listening.talk.send_key(Key(key))
            await trio.sleep(0.3)
        assert [entry["mode"] for entry in noted(house, "supervised")] == [
            "listen", "whisper_callee", "barge", "listen",
        ]  # fmt: skip
        await call.bye()
        await nothing_is_left(house)


@pytest.mark.parametrize(
    "settings",
    [
        {"MEDIASRV_AGENTS__DEFAULT": "", "MEDIASRV_AGENTS__NUMBERS": '{"100": "tone"}'},
        {
            **SUPERVISED,
            "MEDIASRV_AGENTS__DEFAULT": "",
            "MEDIASRV_AGENTS__NUMBERS": '{"100": "tone"}',
            "MEDIASRV_SUPERVISION__CALLERS": "sue",
        },
    ],
)
async def test_who_is_not_named_learns_nothing(autojump_clock, settings: Mapping[str, str]) -> None:
    async with running(settings) as house, house.caller() as anna:
        call = await anna.answered()
        assert await status_of(await anna.call("*1100")) == 404
        assert await status_of(await anna.call("*1nobody")) == 404
        await call.bye()
        await nothing_is_left(house)


async def test_there_is_no_call_to_supervise(autojump_clock) -> None:
    async with running(SUPERVISED) as house, house.caller(SUE) as sue:
        assert await status_of(await sue.call("*1100")) == 404
        await nothing_is_left(house)


# ---- Replaces in an INVITE ---------------------------------------------------------------------------------------


async def replacing(caller: Caller, replaces: Replaces, body: bytes = b"") -> SipCall:
    host, port = caller.endpoint.local
    return await caller.endpoint.call(
        Uri.parse(f"sip:100@{HOUSE[0]}"),
        destination=HOUSE,
        from_uri=Uri.parse(f"sip:bea@{host}:{port}"),
        body=body or offer(caller.media).build(),
        headers=(("Replaces", str(replaces)), ("Require", "replaces")),
    )


async def test_one_of_the_same_trunk_takes_a_party_s_place_in_its_call(autojump_clock) -> None:
    async with running() as house, house.caller() as anna, house.caller(BEA) as bea:
        call = await anna.answered()
        await trio.sleep(1)
        instead = await replacing(bea, call.talk.replaces)
        await instead.wait_answered()
        with trio.fail_after(2):
            await call.wait_ended()
        house.sent.clear()
        await trio.sleep(1)
        assert house.packets_to(5091) >= 45
        assert [entry["who"] for entry in noted(house, "seat_taken")] == ["caller"]
        assert house.call_records() == []
        await instead.bye()
        await nothing_is_left(house)
        (record,) = house.call_records()
        assert (record["caller"], record["ending"]) == ("anna", "caller_hung_up")


async def test_of_two_that_name_one_party_at_once_the_second_is_hung_up_and_the_call_goes_on(
    autojump_clock,
) -> None:
    async with (
        running() as house,
        house.caller() as anna,
        house.caller(BEA) as bea,
        house.caller(("127.0.0.1", 5100)) as cleo,
    ):
        call = await anna.answered()
        await trio.sleep(1)
        comers = [await replacing(each, call.talk.replaces) for each in (bea, cleo)]
        for each in comers:
            await each.wait_answered()
        await trio.sleep(5)
        (stays,) = [each for each in comers if each.end is None]
        (left,) = [each for each in comers if each is not stays]
        assert "fault" not in (await hung_up(left)).reason_text
        assert call.end is not None
        assert len(noted(house, "seat_taken")) == 1
        await stays.bye()
        await nothing_is_left(house)
        (record,) = house.call_records()
        assert (record["ending"], record["error"]) == ("caller_hung_up", "")


async def test_one_of_another_trunk_replaces_nobody(autojump_clock) -> None:
    two = {
        "MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.1/32",
        "MEDIASRV_TRUNKS__OTHER__SOURCES": "127.0.0.2/32",
    }
    async with running(two) as house, house.caller() as anna, house.caller(("127.0.0.2", 5090)) as eve:
        call = await anna.answered()
        replaces = call.talk.replaces
        assert await status_of(await replacing(eve, replaces)) == 403
        assert await status_of(await replacing(eve, replace(replaces, from_tag="guessed"))) == 481
        await trio.sleep(1)
        assert call.end is None
        await call.bye()
        await nothing_is_left(house)


# ---- what callers want -------------------------------------------------------------------------------------------


async def test_a_refer_where_nobody_may_be_dialled_is_declined(autojump_clock) -> None:
    async with running() as house, house.caller() as anna:
        call = await anna.answered()
        transfer = await call.talk.refer(Uri.parse("sip:+19005550100@127.0.0.1"))
        progress = await transfer.wait_final()
        assert progress is not None
        assert progress.status == 603
        assert [entry["to"] for entry in noted(house, "transfer_refused")] == ["sip:+19005550100@127.0.0.1"]
        assert call.end is None
        await call.bye()
        await nothing_is_left(house)


async def test_a_refer_that_names_no_call_of_ours_is_declined(autojump_clock) -> None:
    async with running() as house, house.caller() as anna:
        call = await anna.answered()
        target = Uri.parse(f"sip:{HOUSE[0]}")
        transfer = await call.talk.refer(target, replaces=Replaces("who", "knows", "that"))
        progress = await transfer.wait_final()
        assert progress is not None
        assert progress.status == 481
        await call.bye()
        await nothing_is_left(house)


async def test_holding_is_noted(autojump_clock) -> None:
    async with running() as house, house.caller() as anna:
        call = await anna.answered()
        await anna.reinvite(call, direction="sendonly")
        await trio.sleep(0.5)
        await anna.reinvite(call, direction="sendrecv")
        await trio.sleep(0.5)
        assert [entry["who"] for entry in (*noted(house, "hold"), *noted(house, "resume"))] == ["caller"] * 2
        await call.bye()
        await nothing_is_left(house)
