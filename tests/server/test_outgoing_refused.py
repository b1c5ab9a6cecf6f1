"""Calls of ours that nobody picks up, and what is tried before they are given up."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.legs import Ending
from mediasrv.sdp import MalformedDescription, parse
from mediasrv.sip import Cancelled, Uri
from tests.server.departing import (
    AT_CARRIER,
    AT_OTHER,
    CARRIER,
    OTHER_CARRIER,
    Departure,
    answered_with,
    arrived,
    carrier,
    depart,
    live,
    picked_up,
)
from tests.server.house import Caller, House, running
from tests.server.test_server import hung_up, nothing_is_left

BOTH = {"hosts": [AT_CARRIER, AT_OTHER]}


async def refused(call: SipCall, status: int, **headers: str) -> None:
    await call.reject(status, headers=[(name.replace("_", "-"), value) for name, value in headers.items()])


def invites(house: House, to: tuple[str, int] = CARRIER) -> int:
    """How many different ones were sent there, repetitions apart."""
    sent = {data for _, where, data in house.network.wire if where == to and data.startswith(b"INVITE")}
    return len(sent)


@pytest.mark.parametrize(
    ("status", "ending"),
    [(486, "busy"), (600, "busy"), (480, "no_answer"), (404, "refused"), (603, "refused"), (488, "refused")],
)
async def test_a_refusal_is_the_answer_and_no_other_host_is_asked(
    autojump_clock, status: int, ending: str
) -> None:
    async with running(carrier(**BOTH)) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        await refused(await arrived(callee), status)
        assert await call.ending() == ending
        assert call.record["answered"] is False
        assert call.of("refused")[0]["status"] == status
        assert invites(house, OTHER_CARRIER) == 0
        await nothing_is_left(house)


@pytest.mark.parametrize(
    ("status", "reason", "ending"),
    [
        (480, "Q.850;cause=17", "busy"),
        (486, 'Q.850;cause=19;text="no answer"', "no_answer"),
        (404, 'SIP;cause=404, Q.850;cause=20;text="absent"', "no_answer"),
        (480, "Q.850;cause=21", "refused"),
        (480, "Q.850;cause=16", "no_answer"),
        (486, "Q.850;cause=999999", "busy"),
        (486, "Q.850", "busy"),
        (486, ";;=", "busy"),
    ],
)
async def test_what_the_telephone_network_behind_a_gateway_said_counts(
    autojump_clock, status: int, reason: str, ending: str
) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        theirs._respond(status, headers=(("Reason", reason),))
        assert await call.ending() == ending
        told = call.of("refused")[0].get("q850")
        assert told == next(
            iter([int(cause) for cause in re.findall(r"Q\.850;cause=(\d{1,3})\b", reason)]), None
        )


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_host_that_cannot_serve_is_passed_over(autojump_clock, status: int) -> None:
    async with (
        running(carrier(**BOTH)) as house,
        house.caller(CARRIER) as first,
        house.caller(OTHER_CARRIER) as second,
    ):
        call = await depart(house)
        await refused(await arrived(first), status)
        theirs = await picked_up(second)
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        assert call.events()[:4] == ["call_began", "dialling", "not_reached", "dialling"]
        await nothing_is_left(house)


async def test_a_host_that_is_silent_is_passed_over_after_its_time(autojump_clock) -> None:
    async with running(carrier(**BOTH)) as house, house.caller(OTHER_CARRIER) as second:
        call = await depart(house)
        await trio.sleep(6)
        theirs = await picked_up(second)
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        assert call.of("not_reached")[0]["status"] == 408


async def test_a_host_that_asks_for_rest_is_left_alone_until_then(autojump_clock) -> None:
    async with (
        running(carrier(**BOTH)) as house,
        house.caller(CARRIER) as first,
        house.caller(OTHER_CARRIER) as second,
    ):
        call = await depart(house)
        await refused(await arrived(first), 503, Retry_After="60")
        await refused(await arrived(second), 486)
        assert await call.ending() == "busy"
        call = await depart(house)
        await refused(await arrived(second), 486)
        assert await call.ending() == "busy"
        assert invites(house) == 1
        await trio.sleep(61)
        call = await depart(house)
        await refused(await arrived(first), 486)
        assert await call.ending() == "busy"


async def test_the_only_host_is_asked_although_it_rests(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        await refused(await arrived(callee), 503, Retry_After="60")
        assert await call.ending() == "refused"
        call = await depart(house)
        await refused(await arrived(callee), 486)
        assert await call.ending() == "busy"


async def test_a_telephone_that_has_rung_is_not_rung_at_another_host(autojump_clock) -> None:
    async with running(carrier(**BOTH)) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring()
        await trio.sleep(1)
        await refused(theirs, 500)
        assert await call.ending() == "refused"
        assert invites(house, OTHER_CARRIER) == 0


async def test_who_only_lets_it_ring_is_given_up_in_time(autojump_clock) -> None:
    async with (
        running(carrier() | {"MEDIASRV_CALLS__RING_S": "20"}) as house,
        house.caller(CARRIER) as callee,
    ):
        began = trio.current_time()
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring()
        assert await call.ending() == "no_answer"
        assert trio.current_time() - began == pytest.approx(20, abs=0.5)
        assert isinstance(await theirs.wait_ended(), Cancelled)
        await nothing_is_left(house)


async def test_a_callee_that_dies_while_it_rings_costs_no_more_than_the_ringing(autojump_clock) -> None:
    async with running(carrier() | {"MEDIASRV_CALLS__RING_S": "20"}) as house:
        async with house.caller(CARRIER) as callee:
            call = await depart(house)
            await (await arrived(callee)).ring()
            await trio.sleep(1)
        assert await call.ending() == "no_answer"
        await nothing_is_left(house)


@pytest.mark.parametrize("rings", [False, True])
async def test_the_operator_gives_up_and_it_rings_no_more(autojump_clock, rings: bool) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        if rings:
            await theirs.ring()
            await trio.sleep(1)
        live(house, call).end(Ending.ADMIN)
        assert isinstance(await theirs.wait_ended(), Cancelled)
        assert await call.ending() == "admin"
        await nothing_is_left(house)


async def test_an_answer_that_crosses_our_giving_up_is_acknowledged_and_hung_up(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring()
        await trio.sleep(1)
        house.network.loses = lambda data, to: data.startswith(b"CANCEL")
        live(house, call).end(Ending.ADMIN)
        await trio.sleep(0.1)
        with suppress(CallGone):  # the ACK and the BYE may come together
            await theirs.answer(answered_with(theirs, callee.media))
        assert "completed elsewhere" in (await hung_up(theirs)).reason_text
        assert await call.ending() == "admin"
        assert "ACK" in {line.split(" ")[0] for line in house.network.lines()}
        await nothing_is_left(house)


@pytest.mark.parametrize("body", [b"", b"garbage", b"v=0\r\n"])
async def test_an_answer_that_makes_no_sense_ends_the_call(autojump_clock, body: bytes) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        with trio.move_on_after(5):
            await theirs.answer(body)
        assert await call.ending() == "fault"
        await theirs.wait_ended()
        assert call.of("unacceptable_answer")
        with pytest.raises(MalformedDescription):
            parse(body)
        await nothing_is_left(house)


async def test_an_answer_without_a_codec_of_ours_ends_the_call(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        told = answered_with(theirs, callee.media).replace(b"RTP/AVP 0", b"RTP/AVP 18")
        await theirs.answer(told)
        assert await call.ending() == "fault"
        await nothing_is_left(house)


async def test_what_a_network_describes_badly_before_the_answer_is_not_heard_and_does_no_harm(
    autojump_clock,
) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        theirs = await arrived(callee)
        await theirs.ring(183, b"garbage")
        await trio.sleep(1)
        assert "problem" in call.of("early_media")[0]
        await theirs.answer(answered_with(theirs, callee.media))
        await trio.sleep(1)
        assert house.packets_to(5091) >= 45
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"


# ---- redirections


async def redirected(callee: Caller, *contacts: str) -> None:
    await refused(await arrived(callee), 302, Contact=", ".join(f"<{contact}>" for contact in contacts))


async def test_a_redirection_to_an_allowed_number_is_followed(autojump_clock) -> None:
    async with (
        running(carrier()) as house,
        house.caller(CARRIER) as first,
        house.caller(OTHER_CARRIER) as second,
    ):
        call = await depart(house)
        await redirected(first, f"sip:+442079460019@{AT_OTHER}")
        theirs = await picked_up(second)
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"
        assert call.of("redirected")[0]["to"] == f"sip:+442079460019@{AT_OTHER}"
        await nothing_is_left(house)


async def test_a_redirection_to_a_number_that_may_not_be_dialled_is_not_followed(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        await redirected(callee, f"sip:+8823456789@{AT_OTHER}", f"sip:bob@nowhere.example:{CARRIER[1]}")
        assert await call.ending() == "refused"
        assert "+8823456789 is" in str(call.of("not_followed")[0]["problem"])
        assert invites(house, OTHER_CARRIER) == 0
        await nothing_is_left(house)


async def test_redirections_in_a_circle_end(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        house.nursery.start_soon(_send_elsewhere_for_ever, callee)
        assert await call.ending() == "refused"
        assert invites(house) <= 7
        await nothing_is_left(house)


async def _send_elsewhere_for_ever(callee: Caller) -> None:
    number = 0
    async for call in callee.endpoint.incoming():
        number += 1
        await refused(call, 302, Contact=f"<sip:{number}@{AT_CARRIER}>")


# ---- what it may cost


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("+15551234567", "dial_allow"),
        ("+8823456789", "dial_allow"),
        (f"sip:+15551234567@{AT_CARRIER}", "dial_allow"),
        ("tel:+15551234567", "dial_allow"),
        ("sip:bob@", "names nobody"),
    ],
)
async def test_what_may_not_be_dialled_is_not_sent(autojump_clock, target: str, problem: str) -> None:
    async with running(carrier()) as house, house.caller(CARRIER):
        call = await depart(house, target)
        assert await call.ending() == "refused"
        assert problem in str(call.record["error"])
        assert house.network.wire == []
        await nothing_is_left(house)


async def test_where_no_trunk_has_hosts_a_number_leads_nowhere(autojump_clock) -> None:
    async with running(carrier(hosts=[])) as house:
        call = await depart(house)
        assert await call.ending() == "refused"
        assert "leads nowhere" in str(call.record["error"])


async def test_a_host_without_an_address_is_told_and_passed_over(autojump_clock) -> None:
    async with (
        running(carrier(hosts=["sip.example.com", AT_CARRIER])) as house,
        house.caller(CARRIER) as callee,
    ):
        call = await depart(house)
        await refused(await arrived(callee), 486)
        assert await call.ending() == "busy"
        assert "sip.example.com" in str(call.of("not_found")[0]["problem"])


async def ended(house: House, callee: Caller, after_s: float = 1.0) -> Departure:
    call = await depart(house)
    theirs = await picked_up(callee)
    await trio.sleep(after_s)
    await theirs.bye()
    await call.ending()
    await trio.sleep(1)
    return call


async def test_the_calls_of_a_day_are_counted(autojump_clock) -> None:
    async with running(carrier(dial_calls_a_day=2)) as house, house.caller(CARRIER) as callee:
        await ended(house, callee)
        await ended(house, callee)
        call = await depart(house)
        assert await call.ending() == "refused"
        assert "used up" in str(call.record["error"])


async def test_the_minutes_of_a_day_are_counted_from_the_answer(autojump_clock) -> None:
    settings = carrier(dial_minutes_a_day=3) | {"MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "600000"}
    async with running(settings) as house, house.caller(CARRIER) as callee:
        await ended(house, callee, 90)
        await ended(house, callee, 30)
        call = await depart(house)
        assert await call.ending() == "refused"
        assert "used up" in str(call.record["error"])


async def test_a_full_trunk_dials_nobody(autojump_clock) -> None:
    async with running(carrier(calls_max=1)) as house, house.caller(CARRIER) as callee:
        first = await depart(house)
        theirs = await picked_up(callee)
        second = await depart(house)
        assert await second.ending() == "refused"
        assert "trunk_full" in str(second.record["error"])
        incoming = await callee.call()
        with pytest.raises(Exception, match="503"):
            await incoming.wait_answered()
        await theirs.bye()
        await first.ending()
        await trio.sleep(1)
        await ended(house, callee)


async def test_a_server_that_drains_dials_nobody_more(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(CARRIER) as callee:
        first = await depart(house)
        theirs = await picked_up(callee)
        house.server.drain()
        second = await depart(house)
        assert await second.ending() == "refused"
        assert "shutting down" in str(second.record["error"])
        await theirs.bye()
        assert await first.ending() == "callee_hung_up"
        with trio.fail_after(10):
            await house.server.wait_stopped()


async def test_an_engine_that_is_full_dials_nobody(autojump_clock) -> None:
    settings = carrier() | {"MEDIASRV_MEDIA__CAPACITY": "1"}
    async with running(settings) as house, house.caller(CARRIER):
        call = await depart(house)
        assert await call.ending() == "refused"
        assert "no room" in str(call.record["error"])
        await nothing_is_left(house)


# ---- users of ours


async def test_a_registered_user_is_rung_where_he_is(autojump_clock) -> None:
    async with running(carrier()) as house, house.caller(OTHER_CARRIER) as callee:
        house.server._locations = _At(Uri.parse(f"sip:bob@{AT_OTHER};ob"))
        assert house.server._dialler is not None
        house.server._dialler._routes._locations = house.server._locations
        for target in ("1001", "sip:1001@127.0.0.1:5060"):
            call = await depart(house, target)
            theirs = await picked_up(callee)
            assert theirs.request is not None
            assert str(theirs.request.uri) == f"sip:bob@{AT_OTHER};ob"
            await theirs.bye()
            assert await call.ending() == "callee_hung_up"


class _At:
    def __init__(self, contact: Uri) -> None:
        self.contact, self.hop, self.path, self.instance = contact, OTHER_CARRIER, (), ""

    def of(self, user: str) -> list[Any]:
        return [self] if user == "1001" else []


async def test_a_uri_elsewhere_is_called_there(autojump_clock) -> None:
    async with running(carrier(hosts=[])) as house, house.caller(OTHER_CARRIER) as callee:
        call = await depart(house, f"sip:bob@{AT_OTHER}")
        theirs = await picked_up(callee)
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"


# ---- who we are


def challenge(realm: str) -> str:
    return f'Digest realm="{realm}", nonce="n0nce", algorithm=SHA-256, qop="auth"'


@pytest.mark.parametrize("realm", ["carrier", ""])
async def test_a_trunk_that_asks_who_we_are_is_told(autojump_clock, realm: str) -> None:
    settings = carrier(username="house", password="secret", realm=realm)
    async with running(settings) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        await refused(await arrived(callee), 401, WWW_Authenticate=challenge("carrier"))
        theirs = await picked_up(callee)
        assert theirs.request is not None
        told = theirs.request.headers.text("Authorization") or ""
        assert 'username="house"' in told
        assert 'realm="carrier"' in told
        assert "secret" not in str(house.network.wire)
        await theirs.bye()
        assert await call.ending() == "callee_hung_up"


async def test_a_realm_that_is_not_the_trunk_s_is_told_nothing(autojump_clock) -> None:
    settings = carrier(username="house", password="secret", realm="carrier")
    async with running(settings) as house, house.caller(CARRIER) as callee:
        call = await depart(house)
        await refused(await arrived(callee), 401, WWW_Authenticate=challenge("elsewhere"))
        assert await call.ending() == "refused"
        assert b"Authorization" not in b"".join(data for _, _, data in house.network.wire)


async def test_a_place_that_we_are_sent_on_to_is_not_told_who_we_are(autojump_clock) -> None:
    settings = carrier(username="house", password="secret", realm="carrier")
    other = ("127.0.0.9", 5090)
    async with (
        running(settings) as house,
        house.caller(CARRIER) as first,
        house.caller(other) as second,
    ):
        call = await depart(house)
        await redirected(first, "sip:bob@127.0.0.9:5090")
        await refused(await arrived(second), 401, WWW_Authenticate=challenge("carrier"))
        assert await call.ending() == "refused"
        assert b"Authorization" not in b"".join(data for _, _, data in house.network.wire)
