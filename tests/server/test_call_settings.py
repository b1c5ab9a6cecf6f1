from __future__ import annotations

from decimal import Decimal

from mediasrv.config import Settings, load
from mediasrv.server.wiring import call_settings


def read(**calls: str) -> Settings:
    return load(environment={f"MEDIASRV_CALLS__{name.upper()}": value for name, value in calls.items()})


def test_what_the_configuration_says_of_interruptions_reaches_the_calls() -> None:
    told = call_settings(read(ducks="true", keys_interrupt="false", masks_silence="false"))
    assert told.interruptibility.duck
    assert not told.interruptibility.keys
    assert not told.masking.enabled


def test_a_budget_is_a_sum_of_money_and_none_is_none() -> None:
    assert call_settings(read(budget_usd="0.1")).budget_usd == Decimal("0.1")
    assert call_settings(read()).budget_usd is None
