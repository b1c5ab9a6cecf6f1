"""Thousands of requests from strangers: the live call does not notice, and nothing grows."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from mediasrv.sip import Limits
from mediasrv.sip.hop import Address
from tests.sip.attacks.victim import STRANGER, Victim
from tests.sip.network import ALICE
from tests.sip.torture.point import SDP, plain

ROUNDS = 600
FLAT_BYTES = (
    30_000  # of memory: what a few caches may take; one transaction a request would be twenty times as much
)


def flood(victim: Victim, request: bytes, source: Address = STRANGER) -> int:
    """The same request with another branch and Call-ID each time; returns how many answers it got."""
    answers = 0
    for number in range(ROUNDS):
        each = request.replace(b"z9hG4bK", b"z9hG4bK%d" % number).replace(b"point@", b"%d@" % number)
        answers += len(victim.hit(each, source))
    return answers


@pytest.mark.parametrize(
    "method", ["OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE", "BYE", "CANCEL", "ACK", "X"]
)
def test_a_flood_of_strangers_leaves_memory_flat_and_the_live_call_unharmed(method: str) -> None:
    victim = Victim()
    request = plain(f"{method} sip:bob@pbx.example SIP/2.0", body=SDP)
    flood(victim, request)
    tracemalloc.start()
    flood(victim, request)
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown_bytes < FLAT_BYTES
    victim.assert_unharmed()


def test_a_flood_of_forged_responses_leaves_nothing() -> None:
    victim = Victim()
    response = plain("SIP/2.0 200 OK", "CSeq: 1 INVITE", "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK")
    assert flood(victim, response) == 0
    assert victim.statistics().counts["dropped.response"] == ROUNDS
    victim.assert_unharmed()


def test_a_flood_from_one_who_may_call_fills_only_what_he_may_fill() -> None:
    """Calls from a trunk's address are bounded; what is beyond is told when to come back, without any state."""
    victim = Victim()
    victim.agent._core.limits = replace(Limits(), calls=50)
    flood(victim, plain("INVITE sip:bob@pbx.example SIP/2.0", body=SDP), ALICE)
    left = victim.statistics()
    assert (left.calls, left.transactions) == (50, 49)
    assert left.counts["answered.503"] == ROUNDS - 49


def test_requests_inside_a_call_by_one_who_does_not_know_it_end_nothing() -> None:
    victim = Victim()
    for method in ("BYE", "INVITE", "UPDATE", "REFER", "INFO", "NOTIFY", "PRACK"):
        guess = plain(f"{method} sip:bob@192.0.2.2 SIP/2.0", "To: <sip:bob@192.0.2.2>;tag=guess", body=SDP)
        assert victim.statuses(guess) == [481]
    victim.assert_unharmed()
