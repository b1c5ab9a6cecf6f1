"""Calls of ours that are picked up: what is offered, what is heard, and what is written down."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import trio

from mediasrv.endpoints.sip_talk import ChangeRefused
from mediasrv.legs import Ending
from mediasrv.sdp import offer, parse
from mediasrv.sip import Ended
from tests.server.departing import (
    CARRIER,
    NUMBER,
    answered_with,
    arrived,
    carrier,
    depart,
    live,
    picked_up,
)
from tests.server.house import running
from tests.server.test_server import hung_up, nothing_is_left


async def test_a_number_is_dialled_over_its_trunk_answered_heard_and_recorded(autojump_clock) -> None:
    async with running(carrier(country_code="44")) as house, house.caller(CARRIER) as callee:
        call = await depart(house, "020 7946 0018")
        theirs = await picked_up(callee)
        assert theirs.request is not None
        assert str(theirs.request.uri) == f"sip:{NUMBER}@127.0.0.1:5090"
        await trio.sleep(1)
        assert house.packets_to(5091) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        assert call.events() == ["call_began", "dialling", "ringing", "answered", "call_ended"]
        assert (call.record["direction"], call.record["called"]) == ("out", "020 7946 0018")
        assert (call.record["answered"], call.record["trunk"]) == (True, "t")
        await nothing_is_left(house)


async def test_a_call_over_ipv6_is_dialled_and_may_be_transferred(autojump_clock) -> None:
    trunk = {"sources": ["::1/128"], "hosts": ["[::1]:5090"], "dial_allow": ["+44"]}
    settings = {"MEDIASRV_SIP__LISTEN": "[::1]:5060", "MEDIASRV_TRUNKS": json.dumps({"t": trunk})}
    async with running(settings) as house, house.caller(("::1", 5090)) as callee:
        call = await depart(house)
        theirs = await picked_up(callee)
        assert theirs.request is not None
        assert str(theirs.request.uri) == f"sip:{NUMBER}@[::1]:5090"
        assert theirs.request.from_.uri.host == "[::1]"
        await trio.sleep(0.5)
        async with trio.open_nursery() as asking:
            asking.start_soon(live(house, call).leg.transfer, "200")
            referral = await theirs.talk.wait_referral()
            assert str(referral.target) == "sip:200@[::1]"
            await theirs.talk.accept_referral(referral.referral)
            await theirs.talk.tell_referral(referral.referral, 200)
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        await nothing_is_left(house)


async def test_all_codecs_of_the_trunk_are_offered_in_our_order_with_keys_for_each_clock(
    autojump_clock,
) -> None:
    settings = carrier(codecs=["opus", "PCMU", "G722"]) | {
        "MEDIASRV_MEDIA__CODECS": "G722,PCMU,PCMA,opus",
        "MEDIASRV_MEDIA__COMFORT_NOISE": "true",
    }
    async with running(settings) as house, house.caller(CARRIER) as callee:
        await depart(house)
        (audio,) = parse((await arrived(callee)).offer).media
        maps = [text.split(" ", 1)[1] for text in audio.attribute_values("rtpmap")]
        assert maps == [
            "G722/8000", "PCMU/8000", "opus/48000/2", "CN/8000", "telephone-event/8000", "telephone-event/48000",
        ]  # fmt: skip


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "opus"])
@pytest.mark.parametrize("security", ["off", "offered"])
async def test_the_stream_is_what_the_answer_has_chosen(autojump_clock, codec: str, security: str) -> None:
    settings = carrier() | {"MEDIASRV_MEDIA__SECURITY": security}
    async with running(settings) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await picked_up(callee, replace(callee.media, codecs=(codec,)))
        await trio.sleep(1)
        (stream,) = house.engine.streams()
        assert stream.codec == codec
        assert stream.local[1] == parse(theirs.offer).media[0].port
        assert house.packets_to(5091) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        await nothing_is_left(house)


async def test_an_answer_may_number_its_codec_otherwise_than_we_did(autojump_clock) -> None:
    settings = carrier() | {"MEDIASRV_MEDIA__SECURITY": "off", "MEDIASRV_MEDIA__CODECS": "opus,PCMU"}
    async with running(settings) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        told = answered_with(theirs, replace(callee.media, codecs=("opus",))).replace(b"96", b"111")
        await theirs.answer(told)
        await trio.sleep(0.5)
        (stream,) = house.engine.streams()
        assert [(each.codec, each.payload_type) for each in stream.spec.codings()] == [
            ("opus", 111),
            ("opus", 96),
        ]
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"


@pytest.mark.parametrize(("early", "late"), [("PCMU", "PCMU"), ("PCMU", "opus"), ("opus", "PCMA")])
@pytest.mark.parametrize("reliable", [False, True])
async def test_what_the_network_plays_before_the_answer_is_heard_but_nothing_is_said(
    autojump_clock, early: str, late: str, reliable: bool
) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        media = replace(callee.media, codecs=(early,))
        await theirs.ring(183, answered_with(theirs, media), reliable=reliable)
        await trio.sleep(1)
        (stream,) = house.engine.streams()
        assert stream.codec == early
        assert house.packets_to(5091) == 0
        assert call.events("call_began") == ["dialling", "ringing", "early_media"]
        await theirs.answer(answered_with(theirs, replace(callee.media, codecs=(late,))))
        await trio.sleep(1)
        (stream,) = house.engine.streams()
        assert stream.codec == late
        assert house.packets_to(5091) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        await nothing_is_left(house)


async def test_an_answer_that_came_in_a_reliable_183_need_not_be_repeated(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring(183, answered_with(theirs, callee.media), reliable=True)
        await theirs.wait_confirmed()
        await theirs.answer(b"")
        await trio.sleep(1)
        assert house.packets_to(5091) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"


@pytest.mark.parametrize("repeats", [False, True])
async def test_a_telephone_that_rings_may_move_its_sound_before_it_answers(
    autojump_clock, repeats: bool
) -> None:
    """RFC 3311: what its 200 says again is what was agreed on first, and is not listened to."""
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        first = answered_with(theirs, callee.media)
        await theirs.ring(183, first, reliable=True)
        await theirs.wait_confirmed()
        moved = replace(callee.media, address=(callee.media.address[0], 5095), session_version=1)
        assert parse(await theirs.talk.update(offer(moved).build())).media[0].port
        await trio.sleep(1)
        assert house.packets_to(5095) == 0  # it still rings
        await theirs.answer(first if repeats else b"")
        await trio.sleep(1)
        assert house.packets_to(5095) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        assert "early_offer" in call.events("call_began")
        await nothing_is_left(house)


async def test_an_offer_before_the_answer_that_we_cannot_take_changes_nothing(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring(183, answered_with(theirs, callee.media), reliable=True)
        await theirs.wait_confirmed()
        with pytest.raises(ChangeRefused) as refused:
            await theirs.talk.update(b"nonsense")
        assert refused.value.status == 488
        await theirs.answer(b"")
        await trio.sleep(1)
        assert house.packets_to(5091) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"


async def test_who_answers_after_a_long_silence_of_the_network_is_not_taken_for_lost(autojump_clock) -> None:
    settings = carrier() | {"MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "5000", "MEDIASRV_CALLS__RING_S": "60"}
    async with running(settings) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring(183, answered_with(theirs, callee.media))
        await trio.sleep(20)
        await theirs.answer(answered_with(theirs, callee.media))
        await trio.sleep(3)
        assert not call.over.is_set()
        assert await call.ending() == "media_timeout"
        assert isinstance(await theirs.wait_ended(), Ended)


async def test_the_operator_hangs_up_and_the_other_side_reads_why(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await picked_up(callee)
        await trio.sleep(0.5)
        live(house, call).end(Ending.ADMIN)
        assert "ended by operator" in (await hung_up(theirs)).reason_text
        assert await call.ending() == "admin"
        await nothing_is_left(house)


async def test_what_the_callee_changes_in_mid_call_is_followed(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        await depart(house)
        theirs = await picked_up(callee)
        await callee.reinvite(theirs, port=5095)
        await trio.sleep(1)
        house.sent.clear()
        await trio.sleep(1)
        assert house.packets_to(5095) >= 45
        await theirs.bye()
        await nothing_is_left(house)


@pytest.mark.parametrize(("caller_id", "asserted"), [("", False), ("+442079460000", True)])
async def test_a_trunk_says_which_number_is_shown(autojump_clock, caller_id: str, asserted: bool) -> None:
    settings = carrier(caller_id=caller_id, caller_asserted=asserted)
    async with running(settings) as house, house.caller(CARRIER) as callee:
        await depart(house)
        theirs = await arrived(callee)
        assert theirs.request is not None
        assert theirs.request.from_.uri.user_text == (caller_id or "anonymous")
        assert [str(each.uri) for each in theirs.party.asserted] == (
            [f"sip:{caller_id}@127.0.0.1"] * asserted
        )
        await theirs.reject(486)


async def test_a_callee_that_dies_in_the_middle_is_noticed(autojump_clock) -> None:
    async with running(carrier()) as house:
        async with house.caller(CARRIER) as callee:
            call = await depart(house)
            await picked_up(callee)
        assert await call.ending() == "media_timeout"
        await nothing_is_left(house)
