"""We hand a caller over by REFER: what the other side makes of it, and what becomes of the call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from mediasrv.endpoints import SipCall
from mediasrv.sip import Key
from tests.server.house import House, running
from tests.server.test_server import nothing_is_left
from tests.server.test_visits import noted

MENU = """
[voice]
kind = "tone"
[menus.main]
attempts = 1
first_key_ms = 20000
keys = { 1 = [{ do = "transfer", to = "TO" }, { do = "say", text = "sorry" }, { do = "hang_up" }] }
"""


def menu(directory: Path, to: str = "reception") -> Mapping[str, str]:
    file = directory / "menu.toml"
    file.write_text(MENU.replace("TO", to))
    return {
        "MEDIASRV_AGENTS__DEFAULT": "menu",
        "MEDIASRV_AGENTS__MENU": str(file),
        "MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.0/8",
        "MEDIASRV_TRUNKS__LOCAL__EXTENSIONS": "1XX",
    }


def outcome(house: House) -> tuple[object, list[object]]:
    (record,) = house.call_records()
    return record["ending"], [entry["problem"] for entry in noted(house, "not_transferred")]


async def asked(call: SipCall) -> None:
    await trio.sleep(0.5)
    await call.talk.send_key(Key("1"))


@pytest.mark.parametrize(
    ("to", "uri"),
    [
        ("reception", "sip:reception@127.0.0.1"),
        ("100", "sip:100@127.0.0.1"),
        ("front desk", "sip:front%20desk@127.0.0.1"),
        ("sip:bea@192.0.2.9:5070", "sip:bea@192.0.2.9:5070"),
    ],
)
async def test_a_caller_who_reaches_the_target_is_hung_up_on(
    autojump_clock, tmp_path: Path, to: str, uri: str
) -> None:
    async with running(menu(tmp_path, to)) as house, house.caller() as anna:
        call = await anna.answered()
        await asked(call)
        referred = await call.talk.wait_referral()
        assert str(referred.target) == uri
        assert referred.replaces is None
        await call.talk.accept_referral(referred.referral)
        await call.talk.tell_referral(referred.referral, 180)
        await trio.sleep(3)
        assert call.end is None
        await call.talk.tell_referral(referred.referral, 200)
        with trio.fail_after(2):
            await call.wait_ended()
        await nothing_is_left(house)
        assert outcome(house) == ("transferred", [])


@pytest.mark.parametrize("status", [486, 603])
async def test_one_who_reaches_nobody_stays(autojump_clock, tmp_path: Path, status: int) -> None:
    async with running(menu(tmp_path)) as house, house.caller() as anna:
        call = await anna.answered()
        await asked(call)
        referred = await call.talk.wait_referral()
        await call.talk.accept_referral(referred.referral)
        await call.talk.tell_referral(referred.referral, status)
        await call.wait_ended()
        await nothing_is_left(house)
        ending, (problem,) = outcome(house)
        assert ending == "agent_hung_up"
        assert str(problem).startswith(str(status))


async def test_a_refused_refer_is_told_with_its_status(autojump_clock, tmp_path: Path) -> None:
    async with running(menu(tmp_path)) as house, house.caller() as anna:
        call = await anna.answered()
        await asked(call)
        referred = await call.talk.wait_referral()
        await call.talk.decline_referral(referred.referral, 405)
        await call.wait_ended()
        await nothing_is_left(house)
        assert outcome(house)[1][0].startswith("405")  # type: ignore[attr-defined]


async def test_one_who_never_says_what_became_of_it_is_not_waited_for_longer_than_a_minute(
    autojump_clock, tmp_path: Path
) -> None:
    patient = {**menu(tmp_path), "MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "120000"}
    async with running(patient) as house, house.caller() as anna:
        call = await anna.answered()
        await asked(call)
        referred = await call.talk.wait_referral()
        await call.talk.accept_referral(referred.referral)
        with trio.fail_after(65):
            await call.wait_ended()
        await nothing_is_left(house)
        assert outcome(house) == ("agent_hung_up", ["no answer within 60 s"])


async def test_one_who_hangs_up_in_the_middle_leaves_nothing(autojump_clock, tmp_path: Path) -> None:
    async with running(menu(tmp_path)) as house, house.caller() as anna:
        call = await anna.answered()
        await asked(call)
        referred = await call.talk.wait_referral()
        await call.talk.accept_referral(referred.referral)
        await call.bye()
        await nothing_is_left(house)
        assert outcome(house)[0] == "caller_hung_up"


async def test_a_trunk_that_takes_no_transfers_is_not_asked(autojump_clock, tmp_path: Path) -> None:
    trunk = {
        "MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.0/8",
        "MEDIASRV_TRUNKS__LOCAL__TRANSFER": "none",
    }
    async with running({**menu(tmp_path), **trunk}) as house, house.caller() as anna:
        call = await anna.answered()
        await asked(call)
        await call.wait_ended()
        assert not any(line.startswith("REFER") for line in house.network.lines())
        await nothing_is_left(house)
        assert outcome(house)[1] == ["the trunk takes no transfers"]
