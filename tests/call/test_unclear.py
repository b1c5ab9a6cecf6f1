"""Words that the recogniser doubts are not guessed at: the caller is asked again, where that is set."""

from __future__ import annotations

import pytest

from mediasrv.call import CallSettings
from tests.call.conversing import converse

SCRIPT = """
[[hears]]
text = "seven tea pots"
confidence = 0.4
[[hears]]
text = "seventeen parts"
confidence = 0.9
[[reply]]
text = "Very well."
"""
ASKED_AGAIN = CallSettings().unclear
SPOKEN = [(1.0, 2.0), (8.0, 9.0)]


async def test_what_was_hardly_understood_is_asked_again_without_a_model(autojump_clock: object) -> None:
    settings = CallSettings(least_confidence=0.5)
    doubted, understood = (await converse(SCRIPT, SPOKEN, hang_up_at=14, settings=settings)).turns
    assert (doubted["said"], doubted["tokens"]["output_tokens"]) == (ASKED_AGAIN, 0)
    assert [decision["what"] for decision in doubted["decisions"]] == ["asked again"]
    assert (understood["asked"], understood["said"]) == ("seventeen parts", "Very well.")


@pytest.mark.parametrize("least", [0.0, 0.4])
async def test_what_is_as_sure_as_is_wanted_is_answered(autojump_clock: object, least: float) -> None:
    settings = CallSettings(least_confidence=least)
    first, _ = (await converse(SCRIPT, SPOKEN, hang_up_at=14, settings=settings)).turns
    assert (first["asked"], first["said"]) == ("seven tea pots", "Very well.")


async def test_the_words_are_kept_in_the_timeline_whatever_was_made_of_them(autojump_clock: object) -> None:
    settings = CallSettings(least_confidence=0.5)
    call = await converse(SCRIPT, SPOKEN[:1], hang_up_at=7, settings=settings)
    (final,) = [entry for entry in call.noted("words") if entry["final"]]
    assert (final["text"], final["confidence"]) == ("seven tea pots", 0.4)
