"""Callers' networks and their signatures, at the server: what is fetched, how often, and what the call learns of it."""

from __future__ import annotations

from datetime import UTC, datetime

import trio

from mediasrv.errors import RemoteError
from mediasrv.sdp import offer
from mediasrv.server.vouching import AT_A_TIME_MAX, BAD_FOR_S, FETCH_S, GOOD_FOR_S, REMEMBERED_MAX, Vouching
from mediasrv.sip import Uri
from mediasrv.sip.stir import Finding, Verdict, Vetting
from mediasrv.telemetry import Counters
from tests.server.house import HOUSE, running
from tests.sip.stir.authority import ANCHORS, CHAIN, NOW_S, claims, identity, invite


class Today:
    """Trio's clock, and a calendar that stands where the certificates are good."""

    def now(self) -> float:
        return trio.current_time()

    def wall(self) -> datetime:
        return datetime.fromtimestamp(NOW_S, UTC)


class Library:
    """A fetcher that serves the chain at every place, as slowly as told; or fails."""

    def __init__(self, *, takes_s: float = 0.1, fails: bool = False) -> None:
        self.takes_s, self.fails = takes_s, fails
        self.asked: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        await trio.sleep(self.takes_s)
        if self.fails:
            raise RemoteError("not found")
        return CHAIN


def vouching(library: Library, counters: Counters | None = None) -> Vouching:
    return Vouching(Vetting(ANCHORS), library, Today(), counters or Counters())


def shown_at(number: int) -> str:
    return identity(claims(), url=f"https://cert.example/{number}.pem")


async def test_a_signed_call_is_attested_and_counted(autojump_clock) -> None:
    counters = Counters()
    verdict = await vouching(Library(), counters).judge(invite(identity(claims(attest="B"))))
    assert (verdict.finding, verdict.attestation) == (Finding.VALID, "B")
    assert counters.snapshot()["caller_identity"] == {"valid": 1}


async def test_a_call_without_a_signature_makes_nobody_fetch(autojump_clock) -> None:
    library = Library()
    assert (await vouching(library).judge(invite())).finding is Finding.ABSENT
    assert library.asked == []


async def test_a_certificate_is_fetched_once_a_day(autojump_clock) -> None:
    library = Library()
    ours = vouching(library)
    for _ in range(5):
        assert (await ours.judge(invite(identity(claims())))).attestation == "A"
    assert len(library.asked) == 1
    await trio.sleep(GOOD_FOR_S)
    await ours.judge(invite(identity(claims())))
    assert len(library.asked) == 2


async def test_a_place_that_fails_is_left_alone_for_a_while(autojump_clock) -> None:
    library = Library(fails=True)
    ours = vouching(library)
    for _ in range(5):
        assert await ours.judge(invite(identity(claims()))) == Verdict(Finding.UNFETCHED, 436)
    assert len(library.asked) == 1
    await trio.sleep(BAD_FOR_S)
    library.fails = False
    assert (await ours.judge(invite(identity(claims())))).attestation == "A"


async def test_a_slow_place_keeps_a_caller_waiting_no_longer_than_allowed(autojump_clock) -> None:
    began = trio.current_time()
    verdict = await vouching(Library(takes_s=3_600)).judge(invite(identity(claims())))
    assert (verdict.finding, verdict.attestation) == (Finding.UNFETCHED, "")
    assert trio.current_time() - began <= FETCH_S


async def test_a_flood_of_places_has_few_of_them_asked_at_a_time_and_few_remembered(autojump_clock) -> None:
    library = Library(takes_s=1.0)
    ours = vouching(library)
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(ours.judge, invite(shown_at(number)))
    assert len(library.asked) == AT_A_TIME_MAX
    library.takes_s = 0.0
    for number in range(REMEMBERED_MAX + 50):
        await ours.judge(invite(shown_at(number)))
    assert len(ours._remembered) == REMEMBERED_MAX


async def test_a_chain_that_is_not_trusted_is_asked_for_again_after_a_while_however_many_call(
    autojump_clock,
) -> None:
    library = Library()
    ours = Vouching(Vetting(()), library, Today(), Counters())
    for _ in range(10):
        assert (await ours.judge(invite(identity(claims())))).finding is Finding.UNTRUSTED
        await trio.sleep(BAD_FOR_S / 5)
    assert len(library.asked) == 2


async def test_an_agent_learns_what_its_caller_s_network_has_signed(autojump_clock) -> None:
    for said, attested in ((claims(attest="A"), "A"), (claims(attest="C", orig={"tn": "12155550199"}), "")):
        async with running(vouching=vouching(Library())) as house, house.caller() as caller:
            call = await caller.endpoint.call(
                Uri.parse("sip:12155550113@127.0.0.1"),
                destination=HOUSE,
                from_uri=Uri.parse("sip:+12155550112@127.0.0.1"),
                body=offer(caller.media).build(),
                headers=(("Identity", identity(said)),),
            )
            await call.wait_answered()
            assert [live.info.attestation for live in house.server._roster.calls()] == [attested]
            await call.bye()
