"""Calls from us to carriers: each is asked as it wants to be, and what it refuses or does not say leads on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.carriers.carrier import NAMES, Manner
from tests.carriers.digest import is_right, parameters
from tests.carriers.taken import PASSWORD, PROVES_IN, USER, Switch, switch_at
from tests.server.departing import depart
from tests.server.house import HOUSE, House, running

SHOWN = "+14155550100"
CHALLENGERS = [name for name in NAMES if Manner.read(name).outgoing.challenge]


def trunk(manner: Manner, **keys: Any) -> dict[str, str]:
    """The server's side of the trunk: the profile, where the carrier is, and who we are there."""
    own = {
        "profile": manner.name, "sources": [manner.address[0]], "hosts": [place(manner.address)],
        "username": USER, "password": PASSWORD, "caller_id": SHOWN, "caller_asserted": True, "dial_allow": ["+"],
    }  # fmt: skip
    return {
        "MEDIASRV_TRUNKS": json.dumps({"carrier": {**own, **manner.settings, **keys}}),
        "MEDIASRV_MEDIA__CODECS": "G722,PCMU,PCMA,opus",
        "MEDIASRV_MEDIA__SECURITY": "off",
        "MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "0",  # the carrier's sound is not played here
    }


def place(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


@asynccontextmanager
async def trunk_between(name: str, **keys: Any) -> AsyncIterator[tuple[House, Switch]]:
    manner = Manner.read(name)
    async with running(trunk(manner, **keys)) as house, switch_at(house.network, manner) as switch:
        yield house, switch


def user_of(header: str) -> str:
    return header.split("sip:")[1].split("@", maxsplit=1)[0]


@pytest.mark.parametrize("name", NAMES)
async def test_a_number_is_dialled_as_the_carrier_writes_it_answered_heard_and_ended(
    autojump_clock, name: str
) -> None:
    async with trunk_between(name) as (house, switch):
        manner, wants = switch.manner, switch.manner.outgoing
        call = await depart(house, manner.number, trunk="carrier")
        theirs = await switch.proven()
        assert theirs.invite.first == f"INVITE sip:{wants.called}@{place(manner.address)} SIP/2.0"
        assert user_of(theirs.invite["to"]) == wants.called
        theirs.say("180 Ringing")
        await trio.sleep(1)
        theirs.pick_up()
        await trio.sleep(1)
        assert {packet.data[1] & 0x7F for packet in house.sent if not packet.is_rtcp} == {manner.codec}
        assert 45 <= house.packets_to(manner.media_port) <= 55
        assert await theirs.end() == "200 OK"
        assert await call.ending() == "callee_hung_up"
        assert call.events() == ["call_began", "dialling", "ringing", "answered", "call_ended"]
        assert (call.record["trunk"], call.record["answered"]) == ("carrier", True)


@pytest.mark.parametrize("name", NAMES)
async def test_the_caller_is_named_as_the_carrier_writes_numbers(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (house, switch):
        call = await depart(house, switch.manner.number, trunk="carrier")
        theirs = await switch.proven()
        assert user_of(theirs.invite["from"]) == switch.manner.outgoing.caller
        assert [user_of(each) for each in theirs.invite.all("p-asserted-identity")] == [
            switch.manner.outgoing.caller
        ]
        theirs.say("486 Busy Here")
        assert await call.ending() == "busy"


@pytest.mark.parametrize("name", NAMES)
async def test_a_hidden_caller_is_told_to_the_carrier_alone(autojump_clock, name: str) -> None:
    """RFC 3323 and 3325: nothing that the carrier passes on names the number."""
    async with trunk_between(name, caller_withheld=True, caller_asserted=False) as (house, switch):
        call = await depart(house, switch.manner.number, trunk="carrier")
        theirs = await switch.proven()
        invite = theirs.invite
        assert "<sip:anonymous@anonymous.invalid>" in invite["from"]
        assert invite["privacy"] == "id"
        assert user_of(invite["p-asserted-identity"]) == switch.manner.outgoing.caller
        assert switch.manner.outgoing.caller not in invite["from"] + invite["contact"] + invite["to"]
        theirs.say("486 Busy Here")
        assert await call.ending() == "busy"


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_offered_are_the_carriers_codecs_and_keys_and_nothing_else(
    autojump_clock, name: str
) -> None:
    async with trunk_between(name) as (house, switch):
        await depart(house, switch.manner.number, trunk="carrier")
        invite = (await switch.taken()).invite
        (media,) = invite.lines_of_body("m=")
        knows = {
            "twilio": {"0", "8", "opus"}, "vonage": {"0", "8", "9"}, "bandwidth": {"0", "8"},
            "telnyx": {"0", "8", "9", "opus"}, "generic": {"0", "8", "9", "opus"},
        }[name]  # fmt: skip
        names = {line.split(":")[1].split()[0]: line.split()[1] for line in invite.lines_of_body("a=rtpmap:")}
        offered = {form if int(form) < 96 else names[form].split("/")[0] for form in media.split()[3:]}
        assert offered == {*knows, "telephone-event"}
        assert media.split()[2] == "RTP/AVP"
        assert invite.lines_of_body("c=") == [f"c=IN IP4 {HOUSE[0]}"]


@pytest.mark.parametrize("name", CHALLENGERS)
@pytest.mark.parametrize("algorithms", [["MD5"], ["SHA-256"], ["SHA-256", "MD5"], ["SHA-512", "MD5"]])
async def test_a_challenge_is_answered_in_the_first_way_that_both_know(
    autojump_clock, name: str, algorithms: list[str]
) -> None:
    async with trunk_between(name) as (house, switch):
        wants = switch.manner.outgoing
        call = await depart(house, switch.manner.number, trunk="carrier")
        asked = await switch.taken()
        assert not asked.invite.all(PROVES_IN[wants.challenge]), "nobody has asked yet"
        asked.ask_who(wants.challenge, wants.realm, algorithms)
        again = await switch.taken()
        (credentials,) = again.invite.all(PROVES_IN[wants.challenge])
        known = [each for each in algorithms if each != "SHA-512"]
        assert parameters(credentials)["algorithm"] == known[0]
        assert is_right(credentials, "INVITE", USER, PASSWORD)
        assert again.invite["call-id"] == asked.invite["call-id"]
        assert int(again.invite["cseq"].split()[0]) == int(asked.invite["cseq"].split()[0]) + 1
        again.say("486 Busy Here")
        assert await call.ending() == "busy"


@pytest.mark.parametrize("name", CHALLENGERS)
@pytest.mark.parametrize("realm", ["sip.example.net", ""])
async def test_whoever_asks_in_another_realm_learns_nothing(autojump_clock, name: str, realm: str) -> None:
    manner = Manner.read(name)
    async with trunk_between(name, realm=manner.outgoing.realm) as (house, switch):
        call = await depart(house, manner.number, trunk="carrier")
        (await switch.taken()).ask_who(manner.outgoing.challenge, realm)
        assert await call.ending() == "refused"
        assert switch.invites() == 1
        assert not any(
            PROVES_IN[status] in dict(each.headers) for each in switch.received for status in PROVES_IN
        )


@pytest.mark.parametrize("name", CHALLENGERS)
async def test_a_carrier_that_never_believes_us_is_not_asked_for_ever(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (house, switch):
        call = await depart(house, switch.manner.number, trunk="carrier")
        for _ in range(2):
            asked = await switch.taken()
            asked.ask_who(switch.manner.outgoing.challenge, switch.manner.outgoing.realm)
        assert await call.ending() == "refused"
        assert switch.invites() == 2


@pytest.mark.parametrize("name", NAMES)
async def test_what_the_network_plays_before_the_answer_is_heard(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (house, switch):
        call = await depart(house, switch.manner.number, trunk="carrier")
        theirs = await switch.proven()
        theirs.tell_early()
        await trio.sleep(1)
        assert len(house.engine.streams()) == 1
        assert house.packets_to(switch.manner.media_port) == 0, "nothing is said before the answer"
        theirs.pick_up()
        await trio.sleep(1)
        assert house.packets_to(switch.manner.media_port) >= 45
        assert await theirs.end() == "200 OK"
        assert await call.ending() == "callee_hung_up"
        assert "early_media" in call.events()
