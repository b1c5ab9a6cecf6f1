from __future__ import annotations

from decimal import Decimal

import pytest

from mediasrv.conversation.bill import Bill, Entry
from mediasrv.providers.protocols import Usage


def a_bill() -> Bill:
    """A model for two cents, and a voice for one."""
    thought = Usage("model", "m", {}, Decimal("0.02"))
    spoken = Usage("voice", "v", {}, Decimal("0.01"))
    return Bill([Entry("llm", thought, "balanced", 100), Entry("tts", spoken, "balanced", 200)])


@pytest.mark.parametrize(
    ("said", "heard", "wasted"),
    [(100, 100, "0"), (100, 25, "0.0075"), (100, 0, "0.01"), (0, 0, "0"), (100, 101, "0")],
)
def test_speech_that_was_cut_off_was_paid_for_in_vain(said: int, heard: int, wasted: str) -> None:
    assert a_bill().wasted_usd(said, heard) == Decimal(wasted)


def test_a_guess_that_came_to_nothing_was_paid_for_in_vain_altogether() -> None:
    bill = a_bill()
    bill.speculated()
    assert bill.wasted_usd(0, 0) == bill.total_usd() == Decimal("0.03")
    assert all(entry["speculative"] for entry in bill.as_json())


def test_what_was_heard_was_heard_whatever_became_of_the_guess_and_what_was_heard_twice_is_waste() -> None:
    bill = a_bill()
    bill.add(Entry("stt", Usage("ears", "e", {}, Decimal("0.004")), "balanced", 0))
    bill.add(Entry("stt", Usage("ears", "e", {}, Decimal("0.001"), in_vain=True), "balanced", 0))
    assert bill.wasted_usd(100, 100) == Decimal("0.001")
    assert bill.listening_usd() == (Decimal("0.005"), Decimal("0.001"))
    bill.speculated()
    assert bill.wasted_usd(0, 0) == Decimal("0.031")
    assert [entry["in_vain"] for entry in bill.as_json()] == [True, True, False, True]


def test_a_guess_that_was_right_was_meant_and_what_a_provider_did_twice_is_waste_all_the_same() -> None:
    bill = a_bill()
    bill.add(Entry("llm", Usage("model", "m", {}, Decimal("0.001"), in_vain=True), "balanced", 50, True))
    bill.add(Entry("llm", Usage("model", "m", {}, Decimal("0.004")), "balanced", 60, True))
    assert bill.wasted_usd(100, 100) == Decimal("0.005")
    bill.meant()
    assert bill.wasted_usd(100, 100) == Decimal("0.001")
    assert [entry["speculative"] for entry in bill.as_json()] == [False] * 4
