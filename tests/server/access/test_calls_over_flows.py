"""Calls to telephones that keep flows open, by a whole server in virtual time."""

from __future__ import annotations

import pytest
import trio

from mediasrv.sip import Headers, Hop, Response, Uri
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.limits import Limits
from tests.server.access.phones import Phone, users
from tests.server.departing import carrier, depart
from tests.server.house import HOUSE, House, running

DESK, HALL = (f"urn:uuid:00000000-0000-1000-8000-00000000000{n}" for n in (1, 2))
OLD, NEW, OTHER = ("192.0.2.50", 5070), ("192.0.2.51", 5070), ("192.0.2.60", 5070)
NOBODY_CAME_S = 0.5


async def flow(
    house: House, at: tuple[str, int], reg_id: int, instance: str = DESK, *, supports: str = "outbound"
) -> tuple[Phone, Response]:
    """A telephone that has registered over that flow, and what it was told."""
    phone = await Phone.at(house.network, *at)
    request = phone.request("REGISTER", "sip:127.0.0.1", ("Supported", supports), call_id=f"c{at[0]}{reg_id}")
    contact = f'<sip:1000@10.0.0.7:5060;ob>;+sip.instance="<{instance}>";reg-id={reg_id};expires=600'
    request = Request(
        request.method, request.uri, request.headers.without("Contact").plus(("Contact", contact)), b""
    )
    answer = await phone.ask(phone.answered(request, await phone.ask(request)))
    assert answer.status == 200
    return phone, answer


async def rung(phone: Phone, within_s: float = 1.0) -> Request:
    with trio.fail_after(within_s):
        while True:
            data, _ = await phone.socket.receive()
            if data.startswith(b"INVITE"):
                message = parse(data, Limits())
                assert isinstance(message, Request)
                return message


async def is_left_alone(phone: Phone) -> bool:
    try:
        await rung(phone, NOBODY_CAME_S)
    except trio.TooSlowError:
        return True
    return False


def say(phone: Phone, invite: Request, status: int, reason: str) -> None:
    kept = [(name, value) for name, value in invite.headers if name in ("Via", "From", "Call-ID", "CSeq")]
    to = invite.headers.text("To") or ""
    answer = Response(status, reason, Headers([*kept, ("To", f"{to};tag=t")]), b"")
    phone.socket.send(answer.build(), HOUSE)


async def test_a_telephone_is_rung_over_its_newest_flow_alone(autojump_clock) -> None:
    async with running(carrier(), users=users()) as house:
        old, _ = await flow(house, OLD, 1)
        await trio.sleep(1)
        new, answer = await flow(house, NEW, 2)
        other, _ = await flow(house, OTHER, 1, HALL)
        assert "outbound" in (answer.headers.text("Require") or "")
        await depart(house, "1000")
        await rung(new)
        await rung(other)
        assert await is_left_alone(old)


@pytest.mark.parametrize("status", [430, 503])
async def test_when_a_flow_has_failed_the_next_is_rung(autojump_clock, status: int) -> None:
    async with running(carrier(), users=users()) as house:
        old, _ = await flow(house, OLD, 1)
        await trio.sleep(1)
        new, _ = await flow(house, NEW, 2)
        call = await depart(house, "1000")
        say(new, await rung(new), status, "Flow Failed")
        say(old, await rung(old), 486, "Busy Here")
        assert await call.ending() == "busy"
        assert [each["status"] for each in call.of("not_reached")] == [status]


async def test_a_flow_that_is_silent_is_given_five_seconds(autojump_clock) -> None:
    async with running(carrier(), users=users()) as house:
        old, _ = await flow(house, OLD, 1)
        await trio.sleep(1)
        await flow(house, NEW, 2)
        house.network.loses = lambda data, to: to == NEW
        call = await depart(house, "1000")
        assert await is_left_alone(old)
        say(old, await rung(old, 5.0), 486, "Busy Here")
        assert await call.ending() == "busy"


async def test_a_telephone_whose_newest_flow_was_silent_is_rung_over_the_next(autojump_clock) -> None:
    """It is no reason to pass the whole telephone over, though another one can be rung."""
    async with running(carrier(), users=users()) as house:
        old, _ = await flow(house, OLD, 1)
        other, _ = await flow(house, OTHER, 1, HALL)
        await trio.sleep(1)
        await flow(house, NEW, 2)
        house.network.loses = lambda data, to: to == NEW
        for longest_s in (6.0, 1.0):
            call = await depart(house, "1000")
            ringing = await rung(other)
            say(other, ringing, 180, "Ringing")
            say(old, await rung(old, longest_s), 486, "Busy Here")
            say(other, ringing, 486, "Busy Here")
            assert await call.ending() == "busy"


async def test_other_telephones_ring_on_while_one_goes_another_way(autojump_clock) -> None:
    async with running(carrier(), users=users()) as house:
        old, _ = await flow(house, OLD, 1)
        other, _ = await flow(house, OTHER, 1, HALL)
        await trio.sleep(1)
        new, _ = await flow(house, NEW, 2)
        call = await depart(house, "1000")
        ringing = await rung(other)
        say(other, ringing, 180, "Ringing")
        say(new, await rung(new), 430, "Flow Failed")
        say(old, await rung(old), 486, "Busy Here")
        await trio.sleep(1)
        assert not call.over.is_set()
        say(other, ringing, 486, "Busy Here")
        assert await call.ending() == "busy"


async def test_a_telephone_whose_connection_is_closed_is_not_rung_over_it(autojump_clock) -> None:
    async with running(carrier(), users=users()) as house:
        await flow(house, OLD, 1)
        access, endpoint = house.server._access, house.server._endpoint
        assert access is not None
        assert endpoint is not None
        connection = Hop(*NEW, "TCP", 7)
        lines = [
            ("Via", "SIP/2.0/TCP 10.0.0.7:5060;branch=z9hG4bK7"), ("From", "<sip:1000@127.0.0.1>;tag=f"),
            ("To", "<sip:1000@127.0.0.1>"), ("Call-ID", "over-tcp"), ("CSeq", "1 REGISTER"),
            ("Supported", "outbound"),
            ("Contact", f'<sip:1000@10.0.0.7;transport=tcp>;+sip.instance="<{DESK}>";reg-id=2'),
        ]  # fmt: skip
        register = Request("REGISTER", Uri.parse("sip:127.0.0.1"), Headers(lines), b"")
        assert access.registrar.register(register, "1000", connection, trio.current_time()).status == 200
        assert {each.hop for each in access.locations.of("1000")} == {OLD, connection}
        endpoint.lost(connection)
        assert [each.hop for each in access.locations.of("1000")] == [OLD]
