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
