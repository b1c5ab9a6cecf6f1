"""What single carriers do with our calls: session timers, transfers, caps on new calls, and registrations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio

from mediasrv.legs import CannotTransfer, Ending
from tests.carriers.carrier import Manner
from tests.carriers.digest import is_right, parameters
from tests.carriers.message import Message, respond
from tests.carriers.taken import PASSWORD, USER, Switch, nonce, switch_at
from tests.carriers.test_outgoing import trunk, trunk_between
from tests.server.departing import Departure, depart, live
from tests.server.house import HOUSE, House, running

SHORT_INTERVAL_S = 90  # the least that RFC 4028 allows: every second here is 50 steps of the engine
EXPIRES_S = 120


async def test_vonage_is_asked_for_its_session_timer_and_what_it_leaves_to_us_is_kept_up(
    autojump_clock,
) -> None:
    async with trunk_between("vonage") as (house, switch):
        call = await depart(house, switch.manner.number, trunk="carrier")
        theirs = await switch.proven()
        assert theirs.invite["session-expires"].split(";")[0] == str(switch.manner.session_expires_s)
        assert "timer" in theirs.invite["supported"]
        theirs.pick_up(interval_s=SHORT_INTERVAL_S)
        await trio.sleep(SHORT_INTERVAL_S + 10)
        refreshed = switch.asked("UPDATE")
        assert len(refreshed) == 2, "one each half of the interval (RFC 4028 section 10)"
        assert refreshed[0]["session-expires"].split(";")[0] == str(SHORT_INTERVAL_S)
        assert not call.over.is_set()
        await theirs.end()
        assert await call.ending() == "callee_hung_up"


async def test_a_session_that_vonage_has_forgotten_is_ended(autojump_clock) -> None:
    """RFC 4028 section 10: a refresh that is answered 481 ends it."""
    async with trunk_between("vonage") as (house, switch):
        switch.does["UPDATE"] = lambda update: switch.send(
            respond(update, "481 Call/Transaction Does Not Exist")
        )
        call = await depart(house, switch.manner.number, trunk="carrier")
        (await switch.proven()).pick_up(interval_s=SHORT_INTERVAL_S)
        await call.ending(within_s=SHORT_INTERVAL_S)
        await trio.sleep(1)
        assert house.server.statistics().live_calls == 0


async def test_telnyxs_limit_of_new_calls_in_a_second_is_kept(autojump_clock) -> None:
    async with trunk_between("telnyx") as (house, switch):
        most = switch.manner.calls_per_s
        switch.does["INVITE"] = lambda invite: switch.send(respond(invite, "486 Busy Here"))
        number, began = switch.manner.number, trio.current_time()
        calls = [await depart(house, number, trunk="carrier") for _ in range(2 * most)]
        endings = [await call.ending() for call in calls]
        took_s = trio.current_time() - began
        assert endings[:most] == ["busy"] * most
        assert set(endings[most:]) == {"busy", "refused"}, "some come after a part of the second"
        assert "too_fast" in str(calls[-1].record["error"])
        assert len(switch.asked("INVITE")) <= most * (1 + took_s)
        await trio.sleep(1)
        assert await (await depart(house, number, trunk="carrier")).ending() == "busy"


@pytest.mark.parametrize("told", [("100 Trying", "200 OK"), ("100 Trying", "486 Busy Here")])
async def test_twilio_is_asked_to_take_a_call_of_ours_over(autojump_clock, told: tuple[str, str]) -> None:
    async with trunk_between("twilio") as (house, switch):
        switch.transfers_end = told
        call = await depart(house, switch.manner.number, trunk="carrier")
        theirs = await switch.proven()
        theirs.pick_up()
        await trio.sleep(1)
        taken_over = await transferred(house, call, "+14155553333")
        assert taken_over == (told[-1] == "200 OK")
        await trio.sleep(0.1)
        (refer,) = switch.asked("REFER")
        assert (
            refer.first == f"REFER sip:{switch.manner.outgoing.called}@172.18.7.1:5060;transport=udp SIP/2.0"
        )
        assert refer.all("route") == [f"<sip:{switch.manner.address[0]}:{switch.manner.address[1]};lr>"]
        assert "+14155553333" in refer["refer-to"]
        assert len(answers_to(switch, "NOTIFY")) == len(told)
        if not taken_over:
            assert not call.over.is_set(), "the call goes on"
            await theirs.end()
        assert await call.ending() == ("transferred" if taken_over else "callee_hung_up")
        assert len(switch.asked("BYE")) == taken_over


async def transferred(house: House, departure: Departure, to: str) -> bool:
    """As the operator has it done."""
    call = live(house, departure)
    try:
        with trio.fail_after(10):
            await call.leg.transfer(to)
    except CannotTransfer:
        return False
    call.end(Ending.TRANSFERRED)
    return True


def answers_to(switch: Switch, method: str) -> list[int]:
    return [each.status for each in switch.received if each.status and each.method == method]


class Registrar:
    """A carrier that wants to know where we are, and who."""

    def __init__(self, switch: Switch) -> None:
        self.taken: list[Message] = []
        self.at: list[float] = []
        self._switch = switch
        switch.does["REGISTER"] = self._take

    def _take(self, register: Message) -> None:
        credentials = register.all("authorization")
        if not credentials or parameters(credentials[0])["nonce"] != nonce(register):
            realm = self._switch.manner.outgoing.realm
            asks = f'WWW-Authenticate: Digest realm="{realm}", nonce="{nonce(register)}", algorithm=MD5, qop="auth"'
            self._switch.send(respond(register, "401 Unauthorized", asks))
            return
        assert is_right(credentials[0], "REGISTER", USER, PASSWORD)
        self.taken.append(register)
        self.at.append(trio.current_time())
        contact = f"Contact: {register['contact'].split(';expires')[0]};expires={EXPIRES_S}"
        self._switch.send(respond(register, "200 OK", contact))


@pytest.mark.parametrize("name", ["telnyx", "generic"])
async def test_a_registration_is_proven_kept_up_and_taken_back(autojump_clock, name: str) -> None:
    manner = Manner.read(name)
    settings = trunk(manner, register=True)
    async with running(settings, silent=True) as house, switch_at(house.network, manner) as switch:
        registrar = Registrar(switch)
        await trio.sleep(4 * EXPIRES_S)
        assert house.server.statistics().registrations == {"carrier": "registered"}
        assert longest_gap_s(registrar.at) < EXPIRES_S, "it never runs out"
        first = registrar.taken[0]
        assert first.first == f"REGISTER sip:{manner.address[0]}:{manner.address[1]} SIP/2.0"
        assert first["contact"].split(";")[0].rstrip(">") == f"<sip:{USER}@{HOUSE[0]}:{HOUSE[1]}"
        assert len({each["call-id"] for each in registrar.taken}) == 1, "RFC 3261 section 10.2.4"
        house.server.drain()
        await house.server.wait_stopped()
        assert dict(registrar.taken[-1].headers)["expires"] == "0"


def longest_gap_s(moments: Sequence[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(moments))
