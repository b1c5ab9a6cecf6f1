"""What a trunk's profile says is what its calls are like: encryption, session timers, who calls whom."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.sdp import SUITES, Crypto, LocalSecurity, offer, parse
from mediasrv.sdp.crypto import cryptos_of
from mediasrv.sip import Rejected, Uri
from mediasrv.sip.grammar.parse import parse as parse_message
from mediasrv.sip.limits import Limits
from tests.server.departing import CARRIER, arrived, carrier, depart
from tests.server.house import HOUSE, Caller, House, running

CALLER = ("127.0.0.1", 5070)


def trunk(profile: str = "generic", **keys: Any) -> dict[str, str]:
    table = {"profile": profile, "sources": ["127.0.0.1"], "numbers": {"*": "tone"}, **keys}
    return {"MEDIASRV_TRUNKS": json.dumps({"t": table})}


async def call(caller: Caller, *lines: tuple[str, str], number: str = "100", body: bytes = b"") -> SipCall:
    return await caller.endpoint.call(
        Uri.parse(f"sip:{number}@{HOUSE[0]}"),
        destination=HOUSE,
        from_uri=Uri.parse("sip:anna@127.0.0.1"),
        body=body or caller.offer(),
        headers=lines,
    )


def secured(caller: Caller, policy: str, *suites: str) -> bytes:
    cryptos = tuple(Crypto(tag, suite, bytes(range(SUITES[suite]))) for tag, suite in enumerate(suites, 1))
    security = LocalSecurity(policy, cryptos)  # type: ignore[arg-type]
    return offer(replace(caller.media, security=security)).build()


async def outcome(calling: SipCall) -> int:
    with suppress(CallGone):
        await calling.wait_answered()
        return 200
    assert isinstance(calling.end, Rejected)
    return calling.end.status


@pytest.mark.parametrize(
    ("everywhere", "srtp", "plain", "encrypted"),
    [
        ("offered", "off", 200, 488),
        ("offered", "offered", 200, 200),
        ("offered", "required", 488, 200),
        ("off", "offered", 200, 488),
        ("off", "required", 488, 200),
        ("required", "offered", 488, 200),
        ("required", "off", 200, 488),
    ],
)
async def test_a_trunk_s_encryption_is_its_own_word_or_that_of_all(
    autojump_clock, everywhere: str, srtp: str, plain: int, encrypted: int
) -> None:
    environment = {**trunk(srtp=srtp), "MEDIASRV_MEDIA__SECURITY": everywhere}
    async with running(environment) as house, house.caller() as caller:
        assert await outcome(await call(caller)) == plain
        wanted = secured(caller, "required", "AES_CM_128_HMAC_SHA1_80")
        assert await outcome(await call(caller, body=wanted)) == encrypted


async def test_only_suites_of_the_trunk_are_agreed_on(autojump_clock) -> None:
    async with running(trunk("vonage")) as house, house.caller() as caller:
        wanted = secured(caller, "required", "AES_CM_128_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_80")
        answer = parse(await (await call(caller, body=wanted)).wait_answered())
        assert [each.suite for each in cryptos_of(answer.media[0])] == ["AES_CM_128_HMAC_SHA1_80"]
        other = secured(caller, "required", "AES_CM_128_HMAC_SHA1_32")
        assert await outcome(await call(caller, body=other)) == 488


@pytest.mark.parametrize(("profile", "expected"), [("vonage", "1800;refresher=uas"), ("twilio", None)])
async def test_the_session_timer_that_a_trunk_names_is_asked_for(
    autojump_clock, profile: str, expected: str | None
) -> None:
    async with running(trunk(profile)) as house, house.caller() as caller:
        calling = await caller.endpoint.call(
            Uri.parse(f"sip:100@{HOUSE[0]}"),
            destination=HOUSE,
            from_uri=Uri.parse("sip:anna@127.0.0.1"),
            body=caller.offer(),
            session_s=0,  # the caller's side asks for none, and supports it
        )
        await calling.wait_answered()
        assert accepted(house).text("Session-Expires") == expected


async def test_a_session_timer_that_the_trunk_asks_for_is_agreed_to_either_way(autojump_clock) -> None:
    async with running(trunk("twilio")) as house, house.caller() as caller:
        calling = await caller.endpoint.call(
            Uri.parse(f"sip:100@{HOUSE[0]}"),
            destination=HOUSE,
            from_uri=Uri.parse("sip:anna@127.0.0.1"),
            body=caller.offer(),
            session_s=600,
        )
        await calling.wait_answered()
        assert (accepted(house).text("Session-Expires") or "").startswith("600")


def accepted(house: House) -> Any:
    """The headers of the 200 that went to the caller."""
    messages = [parse_message(data, Limits()) for _, to, data in house.network.wire if to == CALLER]
    return next(each.headers for each in messages if getattr(each, "status", 0) == 200)


ASSERTED = ("P-Asserted-Identity", '"Anna" <sip:+442079460018@carrier.example>')
DIVERTED = ("Diversion", "<sip:300@pbx.example>;reason=unconditional, <sip:200@pbx.example>;reason=no-answer")
HISTORY = ("History-Info", "<sip:201@pbx.example>;index=1, <sip:301@pbx.example;cause=302>;index=1.1")


@pytest.mark.parametrize(
    ("keys", "lines", "caller_was", "called"),
    [
        ({}, [ASSERTED, DIVERTED, HISTORY], "anna", "100"),
        ({"caller_in": "asserted"}, [ASSERTED], "+442079460018", "100"),
        ({"caller_in": "asserted"}, [], "anna", "100"),
        ({"caller_in": "asserted"}, [ASSERTED, ("Privacy", "id")], "anonymous", "100"),
        ({"caller_in": "asserted"}, [("P-Asserted-Identity", "<<>")], "anna", "100"),
        ({"called_in": "diversion"}, [DIVERTED], "anna", "200"),
        ({"called_in": "diversion"}, [], "anna", "100"),
        ({"called_in": "diversion"}, [("Diversion", "<<>;;")], "anna", "100"),
        ({"called_in": "history"}, [HISTORY], "anna", "201"),
        ({"called_in": "to"}, [], "anna", "100"),
    ],
)
async def test_who_calls_whom_is_taken_from_where_the_trunk_says(
    autojump_clock, keys: dict[str, str], lines: list[tuple[str, str]], caller_was: str, called: str
) -> None:
    async with running(trunk(**keys)) as house, house.caller() as caller:
        calling = await call(caller, *lines)
        await calling.wait_answered()
        await calling.bye()
        await trio.sleep(1)
        (record,) = house.call_records()
        assert (record["caller"], record["called"]) == (caller_was, called)


async def test_a_call_to_our_registration_is_for_whom_the_to_names(autojump_clock) -> None:
    async with running(trunk(called_in="to", numbers={"+44*": "tone"})) as house, house.caller() as caller:
        phone = caller.core
        body = caller.offer()
        number = phone.invite(
            Uri.parse("sip:+442079460018@127.0.0.1"), destination=HOUSE,
            from_uri=Uri.parse("sip:anna@127.0.0.1"), body=body, now=trio.current_time(),
        )  # fmt: skip
        ((invite, _),) = phone.datagrams_to_send(trio.current_time())
        renamed = invite.replace(b"INVITE sip:+442079460018@", b"INVITE sip:us@", 1)
        house.network.sockets[HOUSE].arrive(renamed, CALLER)
        await trio.sleep(1)
        assert number
        assert [live.info.called for live in house.server._roster.calls()] == ["+442079460018"]


@pytest.mark.parametrize(("session_timer_s", "expected"), [(600, "600"), (0, None)])
async def test_calls_of_ours_ask_for_the_session_timer_of_their_trunk(
    autojump_clock, session_timer_s: int, expected: str | None
) -> None:
    settings = carrier(session_timer_s=session_timer_s)
    async with running(settings) as house, house.caller(CARRIER) as callee:
        await depart(house)
        theirs = await arrived(callee)
        assert theirs.request is not None
        assert theirs.request.headers.text("Session-Expires") == expected
