"""The table of toll rules, pair by pair: every rule against every kind of number."""

from __future__ import annotations

import pytest

from mediasrv.numbers import TollRules, Verdict
from mediasrv.numbers.tolls import BUILT_IN

NOTHING = TollRules()
EVERYTHING = TollRules(allow=("+",))
AMERICA = TollRules(allow=("+1",))
AMERICA_NOT_TEXAS = TollRules(allow=("+1",), deny=("+1512",))
ONE_LINE_IN_TEXAS = TollRules(allow=("+1", "+15125550100"), deny=("+1512",))
PREMIUM_ON_PURPOSE = TollRules(allow=("+1900",))
BOTH = TollRules(allow=("+44",), deny=("+44",))

TABLE = {
    NOTHING: {
        "+14155550100": Verdict.NOT_ALLOWED,
        "+19005550100": Verdict.PREMIUM,
        "112": Verdict.NOT_A_NUMBER,
        "anna": Verdict.NOT_A_NUMBER,
        "": Verdict.NOT_A_NUMBER,
    },
    EVERYTHING: {
        "+14155550100": Verdict.ALLOWED,
        "+442079460018": Verdict.ALLOWED,
        "+18765550100": Verdict.PREMIUM,  # Jamaica
        "+88213000000": Verdict.PREMIUM,
        "+979123456789": Verdict.PREMIUM,
        "4155550100": Verdict.NOT_A_NUMBER,
        "+14155550100;x=1": Verdict.NOT_A_NUMBER,
    },
    AMERICA: {
        "+14155550100": Verdict.ALLOWED,
        "+15125550100": Verdict.ALLOWED,
        "+19005550100": Verdict.PREMIUM,
        "+18095550100": Verdict.PREMIUM,
        "+442079460018": Verdict.NOT_ALLOWED,
    },
    AMERICA_NOT_TEXAS: {"+14155550100": Verdict.ALLOWED, "+15125550100": Verdict.DENIED},
    ONE_LINE_IN_TEXAS: {"+15125550100": Verdict.ALLOWED, "+15125550101": Verdict.DENIED},
    PREMIUM_ON_PURPOSE: {
        "+19005550100": Verdict.ALLOWED,
        "+14155550100": Verdict.NOT_ALLOWED,
        "+1900": Verdict.ALLOWED,
    },
    BOTH: {"+442079460018": Verdict.DENIED, "+14155550100": Verdict.NOT_ALLOWED},
}
PAIRS = [(rules, number, verdict) for rules, row in TABLE.items() for number, verdict in row.items()]


@pytest.mark.parametrize(("rules", "number", "verdict"), PAIRS)
def test_the_longest_prefix_decides(rules: TollRules, number: str, verdict: Verdict) -> None:
    assert rules.verdict(number) is verdict


@pytest.mark.parametrize("prefix", sorted(BUILT_IN))
def test_no_built_in_range_is_opened_by_allowing_everything(prefix: str) -> None:
    number = prefix.ljust(12, "5")
    assert EVERYTHING.verdict(number) is Verdict.PREMIUM
    assert TollRules(allow=(prefix,)).verdict(number) is Verdict.ALLOWED
