from __future__ import annotations

from decimal import Decimal

import msgspec

from mediasrv.config import Settings
from mediasrv.server.wiring import call_settings


def read(calls: dict[str, object]) -> Settings:
    return msgspec.convert({"calls": calls}, Settings)


def test_what_the_configuration_says_of_interruptions_reaches_the_calls() -> None:
    told = call_settings(read({"ducks": True, "keys_interrupt": False, "masks_silence": False}))
    assert told.interruptibility.duck
    assert not told.interruptibility.keys
    assert not told.masking.enabled


def test_a_budget_is_a_sum_of_money_and_none_is_none() -> None:
    assert call_settings(read({"budget_usd": 0.1})).budget_usd == Decimal("0.1")
    assert call_settings(read({})).budget_usd is None
