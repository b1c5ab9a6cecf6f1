"""One spelling for one number, and nothing made of what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.numbers import DialPlan, is_global, normalise

BRITISH = DialPlan("44")
AMERICAN = DialPlan("1", national_prefix="1", international_prefix="011", bare="national")
PLAIN = DialPlan()
TWELVE_DIGITS = DialPlan(bare="international")

# who writes, what they write, what it means
SPELLINGS = [
    (PLAIN, "+442079460018", "+442079460018"),
    (PLAIN, "+44-20-7946-0018", "+442079460018"),
    (PLAIN, "+44 (20) 7946.0018", "+442079460018"),
    (PLAIN, "+442079460018;npdi;rn=+442079460000", "+442079460018"),
    (PLAIN, "00442079460018", "+442079460018"),
    (PLAIN, "02079460018", "02079460018"),  # of which country?
    (BRITISH, "02079460018", "+442079460018"),
    (BRITISH, "00442079460018", "+442079460018"),
    (BRITISH, "2079460018", "2079460018"),  # a plan whose bare digits are local
    (AMERICAN, "4155550100", "+14155550100"),
    (AMERICAN, "14155550100", "+14155550100"),
    (AMERICAN, "011442079460018", "+442079460018"),
    (TWELVE_DIGITS, "442079460018", "+442079460018"),
    (TWELVE_DIGITS, "200", "200"),
    (BRITISH, "200", "200"),
    (BRITISH, "112", "112"),
    (BRITISH, "*97", "*97"),
    (BRITISH, "reception", "reception"),
    (BRITISH, "anna.smith-2", "anna.smith-2"),
    (BRITISH, "7042;phone-context=example.com", "7042"),
    (BRITISH, "02079460018;phone-context=+44", "02079460018"),
    (PLAIN, "", ""),
    (PLAIN, "+", "+"),
    (PLAIN, "+0123", "+0123"),
    (PLAIN, "+1234567890123456", "+1234567890123456"),  # sixteen digits are no number
    (PLAIN, "++44", "++44"),
    (PLAIN, "+٤٤٢٠٧٩٤٦", "+٤٤٢٠٧٩٤٦"),
    (PLAIN, "00", "00"),
]


@pytest.mark.parametrize(("plan", "written", "meant"), SPELLINGS)
def test_a_number_is_what_its_trunk_means_by_it(plan: DialPlan, written: str, meant: str) -> None:
    assert normalise(written, plan) == meant


@given(st.text(max_size=40), st.sampled_from([PLAIN, BRITISH, AMERICAN, TWELVE_DIGITS]))
def test_what_is_normal_stays_as_it_is(text: str, plan: DialPlan) -> None:
    once = normalise(text, plan)
    if is_global(once):
        assert normalise(once, plan) == once


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_global_number_means_itself_on_every_trunk(number: str) -> None:
    assert {normalise(number, plan) for plan in (PLAIN, BRITISH, AMERICAN, TWELVE_DIGITS)} == {number}


@given(st.from_regex(r"[2-9][0-9]{9}", fullmatch=True), st.sampled_from(["-", ".", " "]))
def test_hyphens_and_dots_mean_nothing(digits: str, between: str) -> None:
    assert normalise(between.join(digits), AMERICAN) == normalise(digits, AMERICAN) == f"+1{digits}"
