"""Sound before the answer, towards who has called: what he is told, when he is sent something, and who is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.media.engine import Stream
from mediasrv.sdp import answer, offer, parse
from mediasrv.sip import Rejected, Uri
from tests.fakes.datagrams import FakeSocket
from tests.server.access.phones import users
from tests.server.departing import answered_with, arrived
from tests.server.house import HOUSE, Caller, House, running
from tests.server.test_extensions import registered
from tests.server.test_media_attacks import now_ns, rtp
from tests.server.test_server import nothing_is_left

CALLER, CALLEE = ("127.0.0.2", 5070), ("127.0.0.1", 5090)
SOUND = bytes([0x9A, 0x1A]) * 80  # anything but silence


@dataclass
class Pair:
    """anna calls 1001, whose telephone sounds something before anybody picks it up."""

    house: House
    anna: Caller
    bob: Caller

    async def call(self, *, offers: bool = True) -> SipCall:
        host, port = self.anna.endpoint.local
        return await self.anna.endpoint.call(
            Uri.parse(f"sip:1001@{HOUSE[0]}"), destination=HOUSE, from_uri=Uri.parse(f"sip:anna@{host}:{port}"),
            body=self.anna.offer() if offers else b"",
        )  # fmt: skip

    async def sounding(self) -> SipCall:
        """The call that comes to bob's, from his network's first sound on."""
        theirs = await arrived(self.bob)
        await theirs.ring(183, answered_with(theirs, self.bob.media))
        self.sound_to(theirs)
        await trio.sleep(0.5)
        return theirs

    def sound_to(self, theirs: SipCall) -> None:
        self.house.nursery.start_soon(self._sound, parse(theirs.offer).media[0].port)

    async def _sound(self, port: int) -> None:
        for sequence in range(3_000):
            for stream in self.house.engine.streams():
                if stream.local[1] == port:
                    assert isinstance(stream, Stream)
                    self.house.engine.push(stream, rtp(sequence, 7, SOUND), self.bob.media.address, now_ns())
            await trio.sleep(0.02)

    def heard(self) -> set[int]:
        """The ports that sound was sent to since last asked."""
        sent, self.house.sent = self.house.sent, []
        return {packet.to[1] for packet in sent if not packet.is_rtcp}

    def socket(self) -> FakeSocket:
        return self.house.network.sockets[CALLER]

    def lines(self, method: str) -> int:
        return sum(line.startswith(method) for line in self.house.network.lines())


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    settings = {"MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.0/8"}
    async with (
        running(settings, users=users()) as house,
        house.caller(CALLER) as anna,
        house.caller(CALLEE) as bob,
    ):
        await registered(bob)
        yield Pair(house, anna, bob)


def knows_no_prack(socket: FakeSocket) -> None:
    send = socket.send
    socket.send = lambda data, to: send(data.replace(b"100rel, ", b""), to)  # type: ignore[method-assign]


async def test_a_caller_hears_what_the_callee_s_network_sounds_and_is_not_answered(autojump_clock) -> None:
    async with pair() as here:
        mine = await here.call()
        theirs = await here.sounding()
        assert mine.progress is not None
        assert (mine.progress.status, mine.progress.reliable, mine.answered) == (183, True, False)
        here.heard()
        await trio.sleep(1)
        assert here.heard() == {5071}  # and bob is sent nothing before he has picked up
        assert "heard_before_answer" in here.house.events()
        await theirs.answer(answered_with(theirs, here.bob.media))
        await mine.wait_answered()
        await trio.sleep(1)
        here.heard()
        await trio.sleep(1)
        assert here.heard() == {5071, 5091}
        assert here.lines("PRACK") == 1
        await mine.bye()
        await nothing_is_left(here.house)


async def test_a_caller_who_offers_nothing_gets_our_offer_with_the_sound(autojump_clock) -> None:
    async with pair() as here:
        mine = await here.call(offers=False)
        theirs = await arrived(here.bob)
        await theirs.ring(183, answered_with(theirs, here.bob.media))
        here.sound_to(theirs)
        with trio.fail_after(5):
            while not (progress := await mine.wait_progress()).answer_due:
                pass
        assert progress.status == 183
        await mine.talk.confirm(answer(parse(progress.body), here.anna.media).description.build())
        here.heard()
        await trio.sleep(1)
        assert here.heard() == {5071}
        await theirs.answer(answered_with(theirs, here.bob.media))
        assert await mine.wait_answered() == b""  # the offer was made, and answered, before
        await trio.sleep(1)
        here.heard()
        await trio.sleep(1)
        assert here.heard() == {5071, 5091}
        await theirs.bye()
        await nothing_is_left(here.house)


async def test_who_confirms_nothing_and_has_never_called_hears_his_own_ringing(autojump_clock) -> None:
    """Sound to an address that stands in a forged datagram is an attack on whoever lives there."""
    async with pair() as here:
        knows_no_prack(here.socket())
        mine = await here.call()
        theirs = await here.sounding()
        await trio.sleep(1)
        assert here.lines("SIP/2.0 183") == 1  # bob's
        assert here.heard() == set()
        await theirs.answer(answered_with(theirs, here.bob.media))
        await mine.wait_answered()
        await mine.bye()
        await nothing_is_left(here.house)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_who_has_called_before_hears_it_where_he_called_from(autojump_clock, elsewhere: bool) -> None:
    async with pair() as here:
        await (await here.anna.answered("100")).bye()
        knows_no_prack(here.socket())
        if elsewhere:
            here.anna.media = replace(here.anna.media, address=("127.0.0.3", 5071))
        mine = await here.call()
        theirs = await here.sounding()
        here.heard()
        await trio.sleep(1)
        assert here.heard() == (set() if elsewhere else {5071})
        assert mine.progress is not None
        assert (mine.progress.status, mine.progress.reliable) == (180 if elsewhere else 183, False)
        await theirs.reject(486)
        with pytest.raises(CallGone) as gone:
            await mine.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 486
        await nothing_is_left(here.house)


async def test_a_caller_who_confirms_nothing_is_sent_nothing_and_refused_in_the_end(autojump_clock) -> None:
    async with pair() as here:
        send = here.socket().send
        here.socket().send = lambda data, to: None if data.startswith(b"PRACK") else send(data, to)  # type: ignore[method-assign]
        mine = await here.call()
        theirs = await here.sounding()
        here.heard()
        with trio.fail_after(40), pytest.raises(CallGone) as gone:
            await mine.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 504
        assert here.heard() == set()
        with trio.fail_after(1):
            await theirs.wait_ended()
        await nothing_is_left(here.house)


async def test_an_offer_of_the_caller_s_before_the_answer_moves_the_sound(autojump_clock) -> None:
    async with pair() as here:
        mine = await here.call()
        theirs = await here.sounding()
        moved = replace(here.anna.media, address=(CALLER[0], 5075), session_version=1)
        answered = parse(await mine.talk.update(offer(moved).build()))
        assert answered.media[0].port
        here.heard()
        await trio.sleep(1)
        assert here.heard() == {5075}
        await theirs.answer(answered_with(theirs, here.bob.media))
        await mine.wait_answered()
        await trio.sleep(1)
        here.heard()
        await trio.sleep(1)
        assert here.heard() == {5075, 5091}
        await mine.bye()
        await nothing_is_left(here.house)


async def test_a_caller_who_gives_up_while_he_hears_it_leaves_nothing(autojump_clock) -> None:
    async with pair() as here:
        mine = await here.call()
        theirs = await here.sounding()
        await mine.cancel()
        with trio.fail_after(1):
            await theirs.wait_ended()
        await nothing_is_left(here.house)
        assert [record["ending"] for record in here.house.call_records()] == ["caller_cancelled"]


MENU = """
[voice]
kind = "tone"
[before_answer]
say = "this call may be recorded"
[menus.main]
say = "choose"
"""


@pytest.mark.parametrize("confirms", [True, False])
async def test_a_menu_says_something_before_it_picks_up_to_who_can_hear_it(
    autojump_clock, tmp_path: Path, confirms: bool
) -> None:
    file = tmp_path / "menu.toml"
    file.write_text(MENU)
    settings = {"MEDIASRV_AGENTS__MENU": str(file), "MEDIASRV_AGENTS__DEFAULT": "menu"}
    async with running(settings) as house, house.caller() as anna:
        if not confirms:
            knows_no_prack(house.network.sockets[("127.0.0.1", 5070)])
        mine = await anna.call("100")
        await trio.sleep(0.5)
        assert house.packets_to(5071) >= 10
        assert ("answered" in house.events()) is not confirms
        await mine.wait_answered()
        await trio.sleep(1)
        told = [event for event in house.events() if event in ("answered", "said", "heard_before_answer")]
        expected = ["heard_before_answer", "said", "answered"] if confirms else ["answered", "said"]
        assert told[: len(expected)] == expected
        await mine.bye()
        await nothing_is_left(house)
