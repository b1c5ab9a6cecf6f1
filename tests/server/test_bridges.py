"""Callers and those they are connected with, as telephones of the same server meet them, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.endpoints.sip_talk import Transfer
from mediasrv.sdp import answer, parse
from mediasrv.sip import Key, ReferProgress, Uri
from tests.server.house import HOUSE, Caller, House, running
from tests.server.test_server import nothing_is_left
from tests.server.test_visits import noted

MENU = """
[voice]
kind = "tone"
[menus.main]
attempts = 1
first_key_ms = 60000
keys = { 1 = [{ do = "connect", to = "bea", ring_s = 10 }, { do = "hang_up" }], 9 = [{ do = "hang_up" }] }
"""
RULES = {
    "MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.0/8",
    "MEDIASRV_TRUNKS__LOCAL__DIAL_ALLOW": "+44",
    "MEDIASRV_TRUNKS__LOCAL__HOSTS": "127.0.0.1:5090",
    "MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "120000",
}


@dataclass
class Town:
    """The server, with anna who calls, and bea and carl who are called."""

    house: House
    anna: Caller
    bea: Caller
    carl: Caller

    async def connected(self) -> tuple[SipCall, SipCall]:
        """anna's call, and the one that it rings bea with; both talk."""
        mine = await self.anna.answered()
        await trio.sleep(0.5)
        await mine.talk.send_key(Key("1"))
        theirs = await picked_up(self.bea)
        await trio.sleep(0.5)
        return mine, theirs


async def picked_up(callee: Caller) -> SipCall:
    call = await arrived(callee)
    agreed = answer(parse(call.offer), callee.media)
    await call.ring()
    await trio.sleep(1)
    await call.answer(agreed.description.build())
    return call


async def arrived(callee: Caller) -> SipCall:
    with trio.fail_after(5):
        return await callee.endpoint.incoming().receive()


@asynccontextmanager
async def town(
    directory: Path, settings: Mapping[str, str] | None = None, *, menu: str = MENU
) -> AsyncIterator[Town]:
    file = directory / "menu.toml"
    file.write_text(menu)
    told = {
        "MEDIASRV_AGENTS__DEFAULT": "menu",
        "MEDIASRV_AGENTS__MENU": str(file),
        **RULES,
        **(settings or {}),
    }
    async with (
        running(told) as house,
        house.caller() as anna,
        house.caller(("127.0.0.1", 5090)) as bea,
        house.caller(("127.0.0.1", 5100)) as carl,
    ):
        yield Town(house, anna, bea, carl)


async def final(transfer: Transfer) -> ReferProgress:
    with trio.fail_after(90):
        progress = await transfer.wait_final()
    assert progress is not None
    return progress


def carls() -> Uri:
    return Uri.parse("sip:carl@127.0.0.1:5100")


async def test_two_telephones_are_connected_and_one_hangs_up(autojump_clock, tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        here.house.sent.clear()
        await trio.sleep(1)
        assert here.house.packets_to(5091) >= 45
        await theirs.bye()
        with trio.fail_after(3):
            await mine.wait_ended()
        await nothing_is_left(here.house)
        assert [entry["why"] for entry in noted(here.house, "bridge_ended")] == ["hung_up"]


async def test_messages_with_both_telephones_stand_in_the_one_timeline(
    autojump_clock, tmp_path: Path
) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        await theirs.bye()
        await mine.wait_ended()
        await nothing_is_left(here.house)
        told = [(str(entry["peer"]), str(entry["cseq"]).split()[1]) for entry in noted(here.house, "sip")]
        for peer in ("127.0.0.1:5070", "127.0.0.1:5090"):
            assert {cseq for at, cseq in told if at == peer} >= {"INVITE", "ACK", "BYE"}


@pytest.mark.parametrize(("status", "why"), [(486, "busy"), (480, "no_answer"), (603, "refused")])
async def test_what_the_other_side_says_is_what_the_menu_goes_by(
    autojump_clock, tmp_path: Path, status: int, why: str
) -> None:
    async with town(tmp_path) as here:
        mine = await here.anna.answered()
        await mine.talk.send_key(Key("1"))
        await (await arrived(here.bea)).reject(status)
        with trio.fail_after(5):
            await mine.wait_ended()
        await nothing_is_left(here.house)
        assert [entry["why"] for entry in noted(here.house, "bridge_ended")] == [why]


async def test_who_is_not_answered_is_cancelled(autojump_clock, tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        mine = await here.anna.answered()
        await mine.talk.send_key(Key("1"))
        theirs = await arrived(here.bea)
        await theirs.ring()
        with trio.fail_after(13):
            await theirs.wait_ended()
        await mine.wait_ended()
        await nothing_is_left(here.house)
        assert any(line.startswith("CANCEL") for line in here.house.network.lines())


@pytest.mark.parametrize("by_caller", [True, False])
async def test_either_may_transfer_the_other_to_a_third(
    autojump_clock, tmp_path: Path, by_caller: bool
) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        leaving, staying = (mine, theirs) if by_caller else (theirs, mine)
        transfer = await leaving.talk.refer(carls())
        third = await picked_up(here.carl)
        assert (await final(transfer)).status == 200
        with trio.fail_after(5):
            await leaving.wait_ended()
        assert staying.end is None
        here.house.sent.clear()
        await trio.sleep(1)
        assert here.house.packets_to(5101) >= 45
        left = here.anna if by_caller else here.bea
        await trio.sleep(1)
        assert here.house.packets_to(left.endpoint.local[1] + 1) == 0  # where somebody else may be by now
        await staying.bye()
        with trio.fail_after(5):
            await third.wait_ended()
        await nothing_is_left(here.house)
        assert len(here.house.call_records()) == 1


async def test_who_was_rung_may_consult_somebody_and_join_the_two(autojump_clock, tmp_path: Path) -> None:
    """An attended transfer by the one who was called: his second call stands where the first one does."""
    both = MENU.replace("keys = {", 'keys = { 2 = [{ do = "connect", to = "sip:carl@127.0.0.1:5100" }],')
    hosts = {"MEDIASRV_TRUNKS__LOCAL__HOSTS": "127.0.0.1:5090,127.0.0.1:5100"}
    async with town(tmp_path, hosts, menu=both) as here:
        mine, theirs = await here.connected()
        consulting = await here.bea.call(user="bea")
        await consulting.wait_answered()
        await trio.sleep(0.5)
        await consulting.talk.send_key(Key("2"))
        third = await picked_up(here.carl)
        await trio.sleep(0.5)
        transfer = await theirs.talk.refer(consulting.talk.remote_target, replaces=consulting.talk.replaces)
        assert (await final(transfer)).status == 200
        await theirs.bye()
        with trio.fail_after(5):
            await consulting.wait_ended()
        here.house.sent.clear()
        await trio.sleep(1)
        assert here.house.packets_to(5101) >= 45
        assert (mine.end, third.end) == (None, None)
        await mine.bye()
        with trio.fail_after(5):
            await third.wait_ended()
        await nothing_is_left(here.house)


async def test_who_was_rung_by_two_callers_may_join_the_two(autojump_clock, tmp_path: Path) -> None:
    """An attended transfer by one who was called twice: his calls lie in two groups of the engine."""
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        second = await here.carl.call(user="carl")
        await second.wait_answered()
        await trio.sleep(0.5)
        await second.talk.send_key(Key("1"))
        also_theirs = await picked_up(here.bea)
        await trio.sleep(0.5)
        assert len({stream.group for stream in here.house.engine.streams()}) == 2
        replaces, target = also_theirs.talk.replaces, also_theirs.talk.remote_target
        assert (await final(await theirs.talk.refer(target, replaces=replaces))).status == 200
        await theirs.bye()
        with trio.fail_after(5):
            await also_theirs.wait_ended()
        for caller in (here.anna, here.carl):
            here.house.sent.clear()
            await trio.sleep(1)
            assert here.house.packets_to(caller.endpoint.local[1] + 1) >= 45
        assert mine.end is second.end is None
        await mine.bye()
        with trio.fail_after(5):
            await second.wait_ended()
        await nothing_is_left(here.house)


async def test_an_agent_goes_on_with_who_was_sent_to_it(autojump_clock, tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        mine = await here.anna.answered()
        await trio.sleep(0.5)
        transfer = await mine.talk.refer(carls())
        third = await picked_up(here.carl)
        assert (await final(transfer)).status == 200
        await mine.wait_ended()
        await third.talk.send_key(Key("9"))
        with trio.fail_after(3):
            await third.wait_ended()
        await nothing_is_left(here.house)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("sip:+19005550100@127.0.0.1:5100", 603),
        ("tel:+19005550100", 603),
        ("sip:+33123456789@127.0.0.1:5100", 603),
        ("sip:carl@192.0.2.66", 603),
        ("sip:carl@localhost:22", 603),
    ],
)
async def test_what_the_rules_forbid_is_declined_and_nobody_is_dialled(
    autojump_clock, tmp_path: Path, target: str, status: int
) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        invites = sum(line.startswith("INVITE") for line in here.house.network.lines())
        assert (await final(await mine.talk.refer(Uri.parse(target)))).status == status
        assert sum(line.startswith("INVITE") for line in here.house.network.lines()) == invites
        assert mine.end is theirs.end is None
        await mine.bye()
        await nothing_is_left(here.house)


@pytest.mark.parametrize("status", [486, 480, 603])
async def test_a_third_who_declines_leaves_the_two_together(
    autojump_clock, tmp_path: Path, status: int
) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        transfer = await mine.talk.refer(carls())
        await (await arrived(here.carl)).reject(status)
        assert (await final(transfer)).status == status
        assert mine.end is theirs.end is None
        await mine.bye()
        with trio.fail_after(3):
            await theirs.wait_ended()
        await nothing_is_left(here.house)


async def test_a_third_who_never_answers_is_given_up_in_a_minute(autojump_clock, tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        transfer = await theirs.talk.refer(carls())
        ringing = await arrived(here.carl)
        await ringing.ring()
        with trio.fail_after(65):
            assert (await final(transfer)).status == 480
            await ringing.wait_ended()
        assert mine.end is theirs.end is None
        await mine.bye()
        await nothing_is_left(here.house)


async def test_a_consultation_ends_with_the_far_ends_together(autojump_clock, tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        first, bea = await here.connected()
        second, also_bea = await here.connected()
        transfer = await first.talk.refer(Uri.parse(f"sip:{HOUSE[0]}"), replaces=second.talk.replaces)
        assert (await final(transfer)).status == 200
        for call in (first, second):
            with trio.fail_after(5):
                await call.wait_ended()
        assert bea.end is also_bea.end is None
        await bea.bye()
        with trio.fail_after(5):
            await also_bea.wait_ended()
        await nothing_is_left(here.house)
        assert {record["ending"] for record in here.house.call_records()} == {
            "callee_hung_up",
            "agent_hung_up",
        }


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.5, 1.1])
async def test_everybody_may_hang_up_at_any_time(autojump_clock, tmp_path: Path, after_s: float) -> None:
    async with town(tmp_path) as here:
        mine, theirs = await here.connected()
        await mine.talk.refer(carls())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_picked_up_or_gone, here.carl)
            await trio.sleep(after_s)
            await mine.bye()
            await theirs.bye()
            await trio.sleep(5)
            nursery.cancel_scope.cancel()
        await nothing_is_left(here.house)


async def _picked_up_or_gone(callee: Caller) -> None:
    try:
        call = await picked_up(callee)
        await call.wait_ended()
    except (CallGone, trio.TooSlowError):
        return


# ---- we consult, and hand over -----------------------------------------------------------------------------------

CONSULTING = MENU.replace(
    'do = "connect", to = "bea", ring_s = 10', 'do = "transfer", to = "bea", consult = true'
)


@pytest.mark.parametrize("bea_goes_first", [True, False])
async def test_one_who_has_answered_us_is_handed_over(
    autojump_clock, tmp_path: Path, bea_goes_first: bool
) -> None:
    async with town(tmp_path, menu=CONSULTING) as here:
        mine, theirs = await here.connected()
        referred = await mine.talk.wait_referral()
        assert referred.replaces is not None
        assert theirs.talk.is_named(referred.replaces), "the call that bea would be asked to let go"
        assert (referred.target.host, referred.target.port) == ("127.0.0.1", 5090)
        await mine.talk.accept_referral(referred.referral)
        if bea_goes_first:
            await theirs.bye()
            await trio.sleep(0.5)
        assert mine.end is None
        await mine.talk.tell_referral(referred.referral, 200)
        with trio.fail_after(3):
            await mine.wait_ended()
            await theirs.wait_ended()
        await nothing_is_left(here.house)
        assert [record["ending"] for record in here.house.call_records()] == ["transferred"]


async def test_one_whose_telephone_takes_no_transfer_is_left_connected(
    autojump_clock, tmp_path: Path
) -> None:
    async with town(tmp_path, menu=CONSULTING) as here:
        mine, theirs = await here.connected()
        referred = await mine.talk.wait_referral()
        await mine.talk.decline_referral(referred.referral, 603)
        await trio.sleep(1)
        here.house.sent.clear()
        await trio.sleep(1)
        assert here.house.packets_to(5091) >= 45
        assert mine.end is theirs.end is None
        await theirs.bye()
        with trio.fail_after(3):
            await mine.wait_ended()
        await nothing_is_left(here.house)
