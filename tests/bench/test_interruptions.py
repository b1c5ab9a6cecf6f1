"""The bench of interruptions: its sounds are what they are said to be, and its verdicts those of the table."""

from __future__ import annotations

import random
from array import array

import pytest

from mediasrv.bench.interruption_sounds import (
    BACKCHANNELS,
    Sound,
    clicks,
    cough,
    harmless,
    interruptions,
    line_noise,
    words,
)
from mediasrv.bench.interruptions import Plan, Verdict, histogram, one, report
from mediasrv.bench.speech import RATE_HZ, SMALL_TALK
from mediasrv.providers.formant import speak

SEED = 11


@pytest.fixture(scope="module")
def line() -> tuple[array[int], bytes]:
    return line_noise(random.Random(SEED)), speak(f"{SMALL_TALK} {SMALL_TALK}", RATE_HZ, "mid").pcm


def judged(sound: Sound, line: tuple[array[int], bytes], recogniser_ms: int = 250) -> Verdict:
    print(f"seed {SEED}")
    return one(sound, *line, recogniser_ms)


def test_there_are_a_hundred_of_each() -> None:
    assert len(list(harmless(random.Random(SEED)))) == len(list(interruptions())) == 100


def test_words_are_told_when_they_have_ended() -> None:
    sound = words("interruption", "excuse me please", "mid")
    assert sound.said_by(0) == ""
    assert sound.said_by(sound.words_end_ms[0]) == "excuse"
    assert sound.said_by(sound.duration_ms) == "excuse me please"


@pytest.mark.parametrize("text", BACKCHANNELS[:5])
def test_a_backchannel_cuts_nobody_off(text: str, line: tuple[array[int], bytes]) -> None:
    assert not judged(words("backchannel", text, "mid"), line).cut_off


def test_a_cough_and_a_click_and_an_echo_cut_nobody_off(line: tuple[array[int], bytes]) -> None:
    chance = random.Random(SEED)
    for sound in (
        Sound("cough", "", cough(chance)),
        Sound("click", "", clicks(chance)),
        Sound("echo", "", array("h")),
    ):
        assert not judged(sound, line).cut_off


@pytest.mark.parametrize("voice", ["low", "mid", "high"])
def test_an_interruption_is_taken(voice: str, line: tuple[array[int], bytes]) -> None:
    verdict = judged(words("interruption", "I think that is not what I meant", voice), line)
    assert verdict.cut_off
    assert verdict.rules[-1] in ("words", "unbroken")


def test_a_recogniser_in_time_explains_what_would_be_unbroken_speech(line: tuple[array[int], bytes]) -> None:
    sound = words("backchannel", "okay right", "mid")
    assert not judged(sound, line, recogniser_ms=80).cut_off
    assert judged(sound, line, recogniser_ms=400).rules == ["unbroken"]


def test_a_hold_that_is_too_long_cuts_off_though_it_is_rejected() -> None:
    sound = Sound("cough", "", array("h"))
    assert Verdict(sound, holds_ms=[701.0]).cut_off
    assert not Verdict(sound, holds_ms=[699.0, 400.0]).cut_off


def test_the_report_counts_and_bins() -> None:
    quiet = Verdict(Sound("cough", "", array("h")), [320.0, 380.0], ["cough", "cough"])
    taken = Verdict(Sound("interruption", "stop", array("h")), [450.0], ["words"], 470.0)
    assert histogram([quiet, taken]) == {"300-400": 2, "400-500": 1}
    figures = report(Plan(), [quiet, taken])
    assert isinstance(figures["harmless"], dict)
    assert isinstance(figures["interruptions"], dict)
    assert (figures["harmless"]["cut_off"], figures["interruptions"]["taken"]) == (0, 1)
