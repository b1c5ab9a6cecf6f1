"""Calls from carriers to us: each is taken as its carrier writes it, and what must be refused is refused its way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.carriers.carrier import NAMES, Carrier, Manner, carrier_at
from tests.server.house import EVERYTHING_FORGOTTEN_S, House, running

SHORT_INTERVAL_S = 90  # the least that RFC 4028 allows: every second here is 50 steps of the engine
FAILOVER_S = 5.0  # Vonage's default: whoever has not answered by then is passed over


def trunk(manner: Manner, **keys: Any) -> dict[str, str]:
    """The server's side of the trunk: the profile, the address, and one number that leads to the tone."""
    own = {"profile": manner.name, "sources": [manner.address[0]], "numbers": {manner.number: "tone"}}
    return {
        "MEDIASRV_TRUNKS": json.dumps({"carrier": {**own, **manner.settings, **keys}}),
        "MEDIASRV_AGENTS__DEFAULT": "",
        "MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "0",  # the carrier's sound is not played here
    }


@asynccontextmanager
async def trunk_between(name: str, **keys: Any) -> AsyncIterator[tuple[House, Carrier]]:
    manner = Manner.read(name)
    async with running(trunk(manner, **keys)) as house, carrier_at(house.network, manner) as carrier:
        yield house, carrier


def media_line(body: str) -> list[str]:
    (line,) = [line for line in body.split("\r\n") if line.startswith("m=audio")]
    return line.split()


@pytest.mark.parametrize("name", NAMES)
async def test_a_call_is_answered_in_the_carriers_first_codec_heard_and_ended_by_it(
    autojump_clock, name: str
) -> None:
    async with trunk_between(name) as (house, carrier):
        call = carrier.place()
        answer = await call.final()
        assert answer.status == 200
        _, port, profile, *formats = media_line(answer.body)
        assert (profile, formats[0]) == ("RTP/AVP", str(carrier.manner.codec))
        assert int(port) > 0
        assert "101" in formats, "keys come as the carrier numbers them"
        assert answer.lines_of_body("a=rtpmap:101 telephone-event/8000")
        await trio.sleep(1)
        assert 45 <= house.packets_to(carrier.manner.media_port) <= 55
        assert (await call.ask("BYE")).status == 200
        await trio.sleep(EVERYTHING_FORGOTTEN_S)
        (record,) = house.call_records()
        assert (record["trunk"], record["called"], record["ending"]) == (
            "carrier", carrier.manner.number, "caller_hung_up",
        )  # fmt: skip
        assert house.server.statistics().live_dialogs == 0


@pytest.mark.parametrize("name", NAMES)
async def test_what_the_carrier_says_of_the_call_comes_to_whoever_takes_it(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (house, carrier):
        await carrier.place().final()
        assert house.server._reception is not None
        (live,) = house.server._roster.calls()
        told = {header.lower(): value for header, value in live.info.headers.items()}
        assert {header: told.get(header.lower()) for header in carrier.manner.told} == carrier.manner.told


@pytest.mark.parametrize("name", [name for name in NAMES if Manner.read(name).crypto])
async def test_keys_in_the_description_are_answered_with_one_suite_of_the_carriers(
    autojump_clock, name: str
) -> None:
    async with trunk_between(name) as (house, carrier):
        answer = await carrier.place(secured=True).final()
        assert answer.status == 200
        assert media_line(answer.body)[2] == "RTP/SAVP"
        (chosen,) = answer.lines_of_body("a=crypto:")
        assert chosen.startswith("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
        assert "|" not in chosen, "no MKI, and no lifetime that nobody asked for"
        assert not set(chosen.split()) & set(carrier.manner.crypto[0].split()[2:]), "the key is our own"
        await trio.sleep(1)
        assert house.packets_to(carrier.manner.media_port) >= 45


@pytest.mark.parametrize("name", NAMES)
async def test_health_checks_are_answered(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (_, carrier):
        answer = await carrier.check_health()
        assert answer.status == 200
        assert "INVITE" in answer["allow"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_carrier_that_asks_a_leaving_server_is_sent_elsewhere(autojump_clock, name: str) -> None:
    """RFC 3261 section 11.2: as an INVITE would be answered. Who checks beforehand (Vonage) fails over on 5xx."""
    async with trunk_between(name) as (house, carrier):
        call = carrier.place()
        await call.final()
        house.server.drain()
        answer = await carrier.check_health()
        assert answer.status == 503
        assert int(answer["retry-after"]) > 0
        assert (await carrier.place().final()).status == 503
        assert (await call.ask("OPTIONS")).status == 200, "inside a call that goes on nothing has changed"
        assert (await call.ask("BYE")).status == 200


async def test_a_refusal_says_what_the_telephone_network_is_to_be_told(autojump_clock) -> None:
    """RFC 6432: without it a gateway makes up a cause of its own."""
    async with trunk_between("telnyx", numbers={}) as (_, carrier):
        unknown = await carrier.place().final()
        assert (unknown.status, unknown["reason"]) == (404, "Q.850;cause=1")
    async with trunk_between("telnyx") as (house, carrier):
        running_on = carrier.place()
        assert (await running_on.final()).status == 200
        house.server.drain()
        late = await carrier.place().final()
        assert (late.status, late["reason"]) == (503, "Q.850;cause=41")
        assert (await running_on.ask("BYE")).status == 200


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_call_from_another_address_is_forbidden(autojump_clock, name: str) -> None:
    manner = Manner.read(name)
    settings = trunk(manner, sources=["203.0.113.9"])
    async with running(settings) as house, carrier_at(house.network, manner) as carrier:
        assert (await carrier.place().final()).status == 403
        await trio.sleep(EVERYTHING_FORGOTTEN_S)
        assert house.call_records() == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_full_trunk_says_so_in_time_for_the_carrier_to_go_elsewhere(
    autojump_clock, name: str
) -> None:
    async with trunk_between(name, calls_max=1) as (_, carrier):
        first = carrier.place()
        assert (await first.final()).status == 200
        began = trio.current_time()
        refused = await carrier.place().final()
        assert trio.current_time() - began < FAILOVER_S
        assert refused.status == 503
        assert int(refused["retry-after"]) > 0
        assert (await first.ask("BYE")).status == 200


async def test_telnyxs_own_limit_of_new_calls_in_a_second_is_kept_on_our_side_too(autojump_clock) -> None:
    async with trunk_between("telnyx") as (_, carrier):
        calls = [carrier.place() for _ in range(carrier.manner.calls_per_s + 1)]
        statuses = [(await call.final()).status for call in calls]
        assert statuses == [200] * carrier.manner.calls_per_s + [503]
        await trio.sleep(1)
        assert (await carrier.place().final()).status == 200


async def test_vonages_session_timer_is_agreed_on_as_it_asks(autojump_clock) -> None:
    async with trunk_between("vonage") as (_, carrier):
        answer = await carrier.place().final()
        assert answer["session-expires"] == f"{carrier.manner.session_expires_s};refresher=uac"
        assert "timer" in answer["require"]


async def test_a_session_that_vonage_refreshes_lives_and_one_that_it_leaves_is_ended(autojump_clock) -> None:
    """RFC 4028 section 10: ended a third of the interval, at most 32 s, before it expires."""
    async with trunk_between("vonage") as (house, carrier):
        call = carrier.place(interval_s=SHORT_INTERVAL_S)
        await call.final()
        interval = f"Session-Expires: {SHORT_INTERVAL_S};refresher=uac"
        for _ in range(2):
            await trio.sleep(SHORT_INTERVAL_S / 2)
            refreshed = await call.ask("UPDATE", interval, "Supported: timer")
            assert (refreshed.status, f"Session-Expires: {refreshed['session-expires']}") == (200, interval)
        await trio.sleep(SHORT_INTERVAL_S * 2 / 3 - 1)
        assert house.server.statistics().live_calls == 1
        await trio.sleep(2)
        assert [bye["call-id"] for bye in carrier.asked("BYE")] == [call.invite["call-id"]]
        assert house.server.statistics().live_calls == 0


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_what_we_end_goes_back_by_the_carriers_proxy(autojump_clock, name: str) -> None:
    """RFC 3261 section 12.2.1.1: a loose router's URI stands in Route, the peer's Contact in the first line."""
    async with trunk_between(name) as (house, carrier):
        call = carrier.place()
        await call.final()
        house.server.drain()
        await trio.sleep(EVERYTHING_FORGOTTEN_S)
        (bye,) = carrier.asked("BYE")
        target = call.invite["contact"].strip("<>")
        assert bye.first == f"BYE {target} SIP/2.0"
        assert bye.all("route") == call.invite.all("record-route")
        assert (bye["to"], bye["call-id"]) == (call.invite["from"], call.invite["call-id"])


async def test_a_key_of_telnyxs_in_info_is_taken_and_other_bodies_are_not_understood(autojump_clock) -> None:
    async with trunk_between("telnyx") as (_, carrier):
        call = carrier.place()
        await call.final()
        relay = {"content_type": "application/dtmf-relay"}
        assert (await call.ask("INFO", body="Signal=5\nDuration=160\n", **relay)).status == 200
        assert (
            await call.ask("INFO", body="<x/>", content_type="application/media_control+xml")
        ).status == 415
        assert (await call.ask("BYE")).status == 200


@pytest.mark.parametrize("name", NAMES)
async def test_the_carrier_puts_a_call_on_hold_and_takes_it_back(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (house, carrier):
        call = carrier.place()
        await call.final()
        # Some say it within the description, as RFC 3264 wants it; others by an address of zeros, as RFC 2543 did.
        for held in ("a=sendonly", "c=IN IP4 0.0.0.0"):
            assert (await call.ask("INVITE", body=on_hold(carrier.manner, held))).status == 200
            await trio.sleep(0.1)
            house.packets_to(carrier.manner.media_port)
            await trio.sleep(1)
            assert house.packets_to(carrier.manner.media_port) == 0
            back = await call.ask("INVITE", body=carrier.manner.description())
            assert back.status == 200
            await trio.sleep(1)
            assert house.packets_to(carrier.manner.media_port) >= 40
        assert (await call.ask("BYE")).status == 200


def on_hold(manner: Manner, how: str) -> str:
    text = manner.description()
    if how.startswith("c="):
        return text.replace(f"c=IN IP4 {manner.address[0]}", how)
    return text.replace("a=sendrecv\n", "") + f"{how}\n"


@pytest.mark.parametrize(
    ("told", "ending"),
    [(("100 Trying", "200 OK"), "transferred"), (("100 Trying", "486 Busy Here"), "not_transferred")],
)
async def test_twilio_takes_a_call_over_or_tells_why_not(autojump_clock, tmp_path, told, ending) -> None:
    menus = tmp_path / "menus.toml"
    menus.write_text(
        "[menus.main]\n[menus.main.keys]\n"
        '1 = [{ do = "transfer", to = "+14155553333" }, { do = "wait", for_s = 1 }, { do = "hang_up" }]\n'
    )
    manner = Manner.read("twilio")
    settings = trunk(manner, numbers={manner.number: "menu"}, dial_allow=["+1415"])
    settings["MEDIASRV_AGENTS__MENU"] = str(menus)
    async with running(settings) as house, carrier_at(house.network, manner) as carrier:
        carrier.transfers_end = told
        call = carrier.place()
        await call.final()
        await trio.sleep(1)
        await call.ask("INFO", body="Signal=1\nDuration=160\n", content_type="application/dtmf-relay")
        await trio.sleep(10)
        (refer,) = carrier.asked("REFER")
        assert "+14155553333" in refer["refer-to"]
        assert refer.all("route") == call.invite.all("record-route")
        assert ending in house.events()
        assert len(carrier.asked("BYE")) == 1
