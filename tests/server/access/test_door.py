"""Who is let in, by a whole server in virtual time."""

from __future__ import annotations

import json

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.sip import Account, Rejected, Uri
from tests.server.access.phones import AWAY, PASSWORDS, REALM, Phone, users
from tests.server.house import HOUSE, Caller, running

AT_AWAY = (AWAY, 5070)
ACCOUNT = Account(REALM, "1000", PASSWORDS["1000"])


async def call(caller: Caller, number: str = "100", account: Account | None = ACCOUNT) -> SipCall:
    return await caller.endpoint.call(
        Uri.parse(f"sip:{number}@{HOUSE[0]}"),
        destination=HOUSE,
        from_uri=Uri.parse(f"sip:somebody.else@{AWAY}"),
        body=caller.offer(),
        account=account,
    )


async def status(calling: SipCall) -> int:
    with pytest.raises(CallGone) as gone:
        await calling.wait_answered()
    assert isinstance(gone.value.end, Rejected)
    return gone.value.end.status


async def test_a_user_calls_from_anywhere_with_a_password_and_is_called_by_that_name(autojump_clock) -> None:
    async with running(users=users()) as house, house.caller(AT_AWAY) as caller:
        calling = await call(caller)
        await calling.wait_answered()
        await calling.bye()
        await trio.sleep(1)
        (record,) = house.call_records()
        assert (record["trunk"], record["caller"]) == ("users", "1000")


async def test_without_the_password_nobody_calls_from_an_unknown_place(autojump_clock) -> None:
    async with running(users=users()) as house, house.caller(AT_AWAY) as caller:
        assert await status(await call(caller, account=None)) == 401
        assert await status(await call(caller, account=Account(REALM, "1000", "guess"))) == 401
        assert house.call_records() == []


async def test_where_there_are_no_users_a_stranger_is_not_even_asked(autojump_clock) -> None:
    async with running() as house, house.caller(AT_AWAY) as caller:
        assert await status(await call(caller)) == 403
        phone = await Phone.at(house.network, port=5080)
        assert (await phone.ask(phone.request("REGISTER", "sip:127.0.0.1"))).status == 403


async def test_a_trunk_s_address_needs_no_password_to_call_but_to_register(autojump_clock) -> None:
    async with running(users=users()) as house, house.caller() as caller:
        await (await call(caller, account=None)).wait_answered()
        phone = await Phone.at(house.network, "127.0.0.1", 5080)
        assert (await phone.ask(phone.request("REGISTER", "sip:127.0.0.1"))).status == 401
        assert (await phone.register()).status == 200


@pytest.mark.parametrize(("authentication", "expected"), [(["digest"], 200), (["address"], 403)])
async def test_a_user_of_a_trunk_calls_under_its_rules_if_it_takes_passwords(
    autojump_clock, authentication: list[str], expected: int
) -> None:
    trunks = {"office": {"authentication": authentication, "numbers": {"7": "tone"}, "country_code": "44"}}
    environment = {"MEDIASRV_TRUNKS": json.dumps(trunks), "MEDIASRV_AGENTS__DEFAULT": ""}
    async with running(environment, users=users("office")) as house, house.caller(AT_AWAY) as caller:
        calling = await call(caller, "7")
        if expected == 403:
            assert await status(calling) == 403
            return
        await calling.wait_answered()
        await calling.bye()
        await trio.sleep(1)
        (record,) = house.call_records()
        assert (record["trunk"], record["caller"]) == ("office", "somebody.else")


async def test_a_trunk_with_digest_alone_is_asked_though_its_address_is_listed(autojump_clock) -> None:
    trunks = {"office": {"authentication": ["digest"], "sources": [AWAY], "numbers": {"*": "tone"}}}
    async with (
        running({"MEDIASRV_TRUNKS": json.dumps(trunks)}, users=users("office")) as house,
        house.caller(AT_AWAY) as caller,
    ):
        assert await status(await call(caller, account=None)) == 401
        await (await call(caller)).wait_answered()


async def test_the_users_trunk_has_the_keys_that_the_operator_gives_it(autojump_clock) -> None:
    environment = {
        "MEDIASRV_TRUNKS": json.dumps({"users": {"numbers": {"9": "tone"}}}),
        "MEDIASRV_AGENTS__DEFAULT": "",
    }
    async with running(environment, users=users()) as house, house.caller(AT_AWAY) as caller:
        await (await call(caller, "9")).wait_answered()
        assert await status(await call(caller, "8")) == 404


async def test_where_the_setting_says_sha_256_alone_md5_is_neither_asked_for_nor_taken(
    autojump_clock,
) -> None:
    async with running({"MEDIASRV_SIP__DIGEST": "SHA-256"}, users=users()) as house:
        phone = await Phone.at(house.network)
        challenge = await phone.ask(phone.request("REGISTER", "sip:127.0.0.1"))
        assert [line.split("algorithm=")[1][:7] for line in challenge.headers.texts("WWW-Authenticate")] == [
            "SHA-256"
        ]
        assert (await phone.register()).status == 200


async def test_both_algorithms_are_asked_for_the_better_one_first(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        challenge = await phone.ask(phone.request("INVITE", "sip:100@127.0.0.1"))
        asked = challenge.headers.texts("WWW-Authenticate")
        assert ["algorithm=SHA-256" in line for line in asked] == [True, False]
