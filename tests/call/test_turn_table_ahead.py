"""The turn table: replies begun ahead, pauses that a model judges, silences that are masked."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mediasrv.call import CallSettings, TurnEnding
from mediasrv.call.settings import Masking, Speculation
from mediasrv.call.turn_events import (
    Action,
    CancelTurn,
    Due,
    EndAsked,
    Judged,
    Lulled,
    Mask,
    PassageBegan,
    Phase,
    Promote,
    SpeechBegan,
    SpeechEnded,
    StartTurn,
    TurnEvent,
    TurnOver,
    TurnState,
    VoiceDry,
    Words,
)
from mediasrv.call.turn_taking import begin, deadline, step
from mediasrv.legs import Ending

NOW = 100.0
BOLD = CallSettings(speculation=Speculation(words=3, confidence=0.7))


def listening(settings: CallSettings = BOLD, **changes: object) -> TurnState:
    """Turn 3 is over; the caller has said something, and does not sound just now."""
    state = replace(begin(settings, NOW - 10), turn=3, speech_since=NOW, idle_since=NOW)
    return replace(state, **changes)  # type: ignore[arg-type]


def through(state: TurnState, *events: TurnEvent, now: float = NOW + 1) -> tuple[TurnState, list[Action]]:
    asked: list[Action] = []
    for event in events:
        state, actions = step(state, event, now)
        asked += actions
    return state, asked


def partial(text: str, confidence: float = 0.9) -> Words:
    return Words(text, final=False, confidence=confidence)


# ---- replies begun ahead ---------------------------------------------------------------------------------------


def test_enough_words_begin_the_reply_while_the_caller_may_still_go_on() -> None:
    state, asked = through(listening(), partial("what time"), partial("what time is dinner"))
    assert asked == [StartTurn(4, "reply", "what time is dinner", ahead=True)]
    assert state.phase is Phase.LISTENING


@pytest.mark.parametrize(
    "words",
    [partial("what time is dinner", 0.5), partial("I would like a table for"), partial("one two three")],
)
def test_what_is_doubtful_or_plainly_goes_on_begins_nothing(words: Words) -> None:
    assert through(listening(), words)[1] == []


def test_while_the_caller_sounds_words_begin_nothing_and_the_lull_after_them_does() -> None:
    state, asked = through(listening(sound_since=NOW), partial("what time is dinner"))
    assert asked == []
    _, asked = through(state, Lulled(NOW + 1))
    assert asked == [StartTurn(4, "reply", "what time is dinner", ahead=True)]


def test_by_default_nothing_is_begun_ahead() -> None:
    assert through(listening(CallSettings()), partial("what time is dinner today"))[1] == []


def test_the_same_words_in_the_final_transcript_promote_it() -> None:
    state, _ = through(listening(), partial("what time is dinner"))
    state, asked = through(state, Words("What time is dinner?", final=True), SpeechEnded(NOW + 1))
    assert asked == []
    state, asked = through(state, Due(), now=deadline(state))
    assert asked == [Promote(4, "What time is dinner?")]
    assert (state.phase, state.turn, state.asked) == (Phase.THINKING, 4, "What time is dinner?")


def test_other_words_cancel_it_and_begin_the_reply_to_them() -> None:
    state, _ = through(listening(), partial("what time is dinner"))
    state, asked = through(state, partial("what time is dinner on Monday"))
    assert [type(action) for action in asked] == [CancelTurn, StartTurn]
    assert isinstance(asked[0], CancelTurn)
    assert asked[0].why is TurnEnding.SPECULATED
    assert asked[1] == StartTurn(5, "reply", "what time is dinner on Monday", ahead=True)


def test_of_one_utterance_no_more_than_so_many_replies_are_begun() -> None:
    state, asked = listening(), []
    for k in range(8):
        state, more = through(state, partial("what time is dinner" + " please" * k))
        asked += more
    assert sum(isinstance(action, StartTurn) for action in asked) == Speculation().most
    assert sum(isinstance(action, CancelTurn) for action in asked) == Speculation().most


def test_one_that_has_failed_is_asked_for_again() -> None:
    state, _ = through(listening(), partial("what time is dinner"), TurnOver(4))
    _, asked = through(state, Words("what time is dinner", final=True))
    assert asked == [StartTurn(5, "reply", "what time is dinner", ahead=True)]


def test_a_goodbye_drops_what_was_begun_ahead() -> None:
    state, _ = through(listening(), partial("what time is dinner"))
    _, asked = through(state, EndAsked(Ending.BUDGET, goodbye=True))
    assert [type(action) for action in asked] == [CancelTurn, StartTurn]


# ---- pauses ----------------------------------------------------------------------------------------------------


def test_a_models_opinion_shortens_and_lengthens_the_pause() -> None:
    quiet = listening(CallSettings(), speech_since=None, sound_since=None, speech_ended=NOW)
    said, _ = step(quiet, Words("at eight", final=True), NOW)
    assert deadline(said) == pytest.approx(NOW + 0.5)
    assert deadline(step(said, Judged("at eight", 1.0), NOW)[0]) == pytest.approx(NOW + 0.2)
    assert deadline(step(said, Judged("at eight", 0.0), NOW)[0]) == pytest.approx(NOW + 1.2)


def test_an_opinion_of_what_is_no_longer_all_counts_for_nothing() -> None:
    quiet = listening(CallSettings(), speech_since=None, sound_since=None, speech_ended=NOW)
    said, _ = through(quiet, Words("at eight", final=True), Words("on Monday", final=True), now=NOW)
    assert step(said, Judged("at eight", 0.0), NOW)[0] == said


# ---- silence that is masked ------------------------------------------------------------------------------------


def thinking(settings: CallSettings | None = None) -> TurnState:
    state = listening(settings or CallSettings(), speech_since=None, sound_since=None, speech_ended=NOW)
    state, _ = step(state, Words("what is new?", final=True), NOW)
    return step(state, Due(), NOW + 0.2)[0]


def test_no_silence_while_thinking_is_longer_than_a_second_and_a_half() -> None:
    state, began = thinking(), NOW + 0.2
    assert deadline(state) - began <= 1.5
    state, asked = step(state, Due(), deadline(state))
    assert asked == (Mask(4, 0),)
    state, _ = step(state, PassageBegan(4, aside=True), began + 1.1)
    assert deadline(state) > began + 60
    state, _ = step(state, VoiceDry(4), began + 2)
    assert deadline(state) - (began + 2) <= 1.5
    assert step(state, Due(), deadline(state))[1] == (Mask(4, 1),)


def test_nothing_is_masked_over_the_caller() -> None:
    state, _ = step(thinking(), SpeechBegan(NOW + 0.5), NOW + 0.5)
    assert state.phase is Phase.HELD
    state, _ = step(state, SpeechEnded(NOW + 0.6), NOW + 0.8)
    assert state.phase is Phase.THINKING
    speaking = replace(state, speech_since=NOW + 0.9)
    assert deadline(speaking) == pytest.approx(speaking.began + speaking.settings.max_length_s)


def test_a_reply_that_sounds_masks_nothing() -> None:
    state, _ = step(thinking(), PassageBegan(4), NOW + 0.5)
    assert deadline(state) > NOW + 60
    assert not math.isinf(deadline(state))


def test_masking_may_be_off() -> None:
    assert deadline(thinking(CallSettings(masking=Masking(enabled=False)))) > NOW + 60


def test_a_caller_who_goes_on_over_a_filler_asks_one_question() -> None:
    state, _ = step(thinking(), PassageBegan(4, aside=True), NOW + 1.3)
    state, asked = through(state, Words("and for Monday", final=True), now=NOW + 1.6)
    assert isinstance(asked[0], CancelTurn)
    assert asked[0].why is TurnEnding.REPLACED
    assert state.text == "what is new? and for Monday"
