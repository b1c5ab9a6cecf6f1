"""Attacks on passwords and registrations, on a whole server in virtual time: each by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from mediasrv.ids import SeededTokens
from mediasrv.server import Server
from mediasrv.sip import Algorithm, Response, Uri
from mediasrv.sip.auth.nonces import LIFETIME_S
from tests.server.access.phones import AWAY, PASSWORDS, Phone, edited, numbered, users
from tests.server.house import EVERYTHING_FORGOTTEN_S, House, running

FLOOD = 5_000


def findings(house: House) -> dict[str, int]:
    return house.server.statistics().counts.get("sip_digest", {})


def bound(server: Server, name: str = "1000") -> list[str]:
    assert server.locations is not None
    return [str(each.contact) for each in server.locations.of(name)]


def transactions(house: House) -> int:
    endpoint = house.server._endpoint
    assert endpoint is not None
    return endpoint.statistics().transactions


async def registered(house: House) -> Phone:
    phone = await Phone.at(house.network)
    assert (await phone.register()).status == 200
    return phone


async def test_digest_replayed_in_a_new_request_is_asked_again(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await registered(house)
        assert phone.last is not None
        answer = await phone.ask(numbered(phone.last, 90, "replay"))
        assert answer.status == 401
        assert "stale=true" in (answer.headers.text("WWW-Authenticate") or "")
        assert findings(house)["replayed"] == 1


async def test_digest_replayed_from_another_address_binds_nothing_there(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await registered(house)
        assert phone.last is not None
        thief = await Phone.at(house.network, "198.51.100.66")
        stolen = numbered(phone.last, 91, "theft")
        headers = stolen.headers.without("Contact").plus(("Contact", "<sip:1000@198.51.100.66:5070>"))
        assert (await thief.ask(replace(stolen, headers=headers))).status == 401
        assert bound(house.server) == [f"sip:1000@{AWAY}:5070"]


async def test_stale_nonce_is_asked_again_quietly_and_then_let_in(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        request = phone.request("REGISTER", "sip:127.0.0.1", ("Expires", "600"))
        challenge = await phone.ask(request)
        await trio.sleep(LIFETIME_S)
        again = await phone.ask(phone.answered(request, challenge))
        assert again.status == 401
        assert "stale=true" in (again.headers.text("WWW-Authenticate") or "")
        assert (await phone.ask(phone.answered(request, again))).status == 200


async def test_nonce_count_reused_or_raised_without_the_password_is_refused(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await registered(house)
        assert phone.last is not None
        for count, found in ((1, "replayed"), (2, "wrong")):
            answer = await phone.ask(numbered(edited(phone.last, count=count), 90 + count, f"nc{count}"))
            assert answer.status == 401
            assert findings(house)[found] == 1


async def test_digest_for_another_uri_is_refused(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        request = phone.request("REGISTER", "sip:127.0.0.1", ("Expires", "600"))
        answer = phone.answered(request, await phone.ask(request))
        elsewhere = replace(answer, uri=Uri.parse("sip:127.0.0.1:5060;maddr=192.0.2.1"))
        assert (await phone.ask(elsewhere)).status == 401
        assert findings(house)["uri"] == 1
        assert bound(house.server) == []


async def test_digest_of_a_register_does_not_open_an_invite(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        request = phone.request("REGISTER", "sip:127.0.0.1", ("Expires", "600"))
        answer = phone.answered(request, await phone.ask(request))
        lines = [
            (name, value.replace("REGISTER", "INVITE") if name == "CSeq" else value)
            for name, value in answer.headers
        ]
        invite = replace(answer, method="INVITE", headers=type(answer.headers)(lines))
        assert (await phone.ask(invite)).status == 401
        assert findings(house)["wrong"] == 1
        assert house.server.statistics().live_calls == 0


async def test_downgrade_to_md5_is_refused_by_a_server_for_sha_256_alone(autojump_clock) -> None:
    async with running({"MEDIASRV_SIP__DIGEST": "SHA-256"}, users=users()) as house:
        phone = await Phone.at(house.network)
        request = phone.request("REGISTER", "sip:127.0.0.1", ("Expires", "600"))
        challenge = await phone.ask(request)
        line = (challenge.headers.text("WWW-Authenticate") or "").replace(", algorithm=SHA-256", "")
        weaker = replace(
            challenge, headers=challenge.headers.without("WWW-Authenticate").plus(("WWW-Authenticate", line))
        )
        forged = phone.answered(request, weaker)
        assert (await phone.ask(forged)).status == 401
        assert findings(house)["algorithm"] == 1


@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
async def test_who_exists_cannot_be_found_out_with_either_method(autojump_clock, method: str) -> None:
    """Nor with a password: a user that there is and one that there is not look the same, but for what must differ."""
    async with running(users=users()) as house:
        heard: dict[str, list[tuple[int, int, list[str]]]] = {}
        for port, name in ((5070, "1000"), (5080, "4321")):
            phone = await Phone.at(house.network, port=port, name=name, password="guess")
            request = phone.request(method, "sip:127.0.0.1")
            challenge = await phone.ask(request)
            refusal = await phone.ask(phone.answered(request, challenge))
            heard[name] = [shape(each) for each in (challenge, refusal)]
        assert heard["1000"] == heard["4321"]
        assert findings(house) == {"none": 2, "wrong": 2}


def shape(answer: Response) -> tuple[int, int, list[str]]:
    """What a prober can compare: its status, its length, and which headers it has."""
    return answer.status, len(answer.build()), [name for name, _ in answer.headers]


async def test_nonce_made_elsewhere_is_called_stale_only_to_who_knows_the_password(autojump_clock) -> None:
    async with running(users=users()) as house:
        for name, quietly in ((PASSWORDS["1000"], True), ("guess", False)):
            port = 5070 + 10 * quietly
            phone = await Phone.at(house.network, port=port, password=name)
            request = phone.request("REGISTER", "sip:127.0.0.1")
            challenge = await phone.ask(request)
            line = (challenge.headers.text("WWW-Authenticate") or "").replace('nonce="', 'nonce="x')
            headers = challenge.headers.without("WWW-Authenticate").plus(("WWW-Authenticate", line))
            answer = await phone.ask(phone.answered(request, replace(challenge, headers=headers)))
            assert ("stale=true" in (answer.headers.text("WWW-Authenticate") or "")) is quietly


async def test_a_user_cannot_register_for_another(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        request = phone.request("REGISTER", "sip:127.0.0.1", ("Expires", "600"))
        others = request.headers.without("To").plus(("To", "<sip:1001@127.0.0.1>"))
        request = replace(request, headers=others)
        assert (await phone.ask(phone.answered(request, await phone.ask(request)))).status == 403
        assert bound(house.server, "1001") == []


async def test_a_flood_of_registers_leaves_memory_flat_and_a_user_s_call_unharmed(autojump_clock) -> None:
    async with running(users=users()) as house, house.caller() as caller:
        phone = await registered(house)
        await trio.sleep(EVERYTHING_FORGOTTEN_S)
        call = await caller.answered()
        await trio.sleep(1)
        before = house.server.statistics()
        flooding, tokens = await house.network.open(("198.51.100.66", 5070)), SeededTokens(3)
        for number in range(FLOOD):
            phone.name = f"user{number}"
            request = phone.request("REGISTER", "sip:127.0.0.1", call_id=tokens.token())
            house.network.sockets[("127.0.0.1", 5060)].arrive(request.build(), flooding.local)
        del house.network.wire[:]
        await trio.sleep(1)
        after = house.server.statistics()
        assert after.counts["sip_digest"]["none"] - before.counts["sip_digest"]["none"] == FLOOD
        assert (after.live_dialogs, after.tasks) == (before.live_dialogs, before.tasks)
        assert transactions(house) == 1  # the call's
        assert bound(house.server) == [f"sip:1000@{AWAY}:5070"]
        assert call.end is None
        await call.bye()


async def test_an_md5_answer_of_a_rightful_old_telephone_is_taken_where_md5_is(autojump_clock) -> None:
    async with running({"MEDIASRV_SIP__DIGEST": Algorithm.MD5.value}, users=users()) as house:
        phone = await Phone.at(house.network)
        assert (await phone.register()).status == 200
