"""The turn table: every pair of state and event, and the rules that decide a hold."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mediasrv.call import CallSettings, Interruptibility, TurnEnding
from mediasrv.call.turn_events import (
    Answered,
    CancelTurn,
    Departing,
    Due,
    EndAsked,
    EndCall,
    Evidence,
    HoldLapsed,
    Judged,
    KeyPressed,
    Lulled,
    PassageBegan,
    Phase,
    Reject,
    SpeechBegan,
    SpeechEnded,
    StartTurn,
    Stirred,
    TakeAnswer,
    TakeHold,
    TurnEvent,
    TurnOver,
    TurnState,
    TurnTakingError,
    VoiceDry,
    Words,
)
from mediasrv.call.turn_taking import TABLE, begin, deadline, step
from mediasrv.legs import Ending
from mediasrv.media import HoldId
from mediasrv.providers.protocols import UNCLEAR

NOW = 100.0
HOLD = HoldId(7)
L, T, S, H, E = Phase.LISTENING, Phase.THINKING, Phase.SPEAKING, Phase.HELD, Phase.ENDED


def state(phase: Phase, **changes: object) -> TurnState:
    """A call in that state: turn 3 answers "what is new", and has sounded for two seconds where it sounds."""
    base = replace(begin(CallSettings(), NOW - 10), phase=phase, turn=3, asked="what is new", idle_since=NOW)
    if phase in (S, H):
        base = replace(base, sounding_since=NOW - 2)
    if phase is H:
        base = replace(base, hold=HOLD, held_since=NOW, speech_since=NOW, sound_since=NOW)
    return replace(base, **changes)  # type: ignore[arg-type]


def kinds(actions: tuple[object, ...]) -> list[type]:
    return [type(action) for action in actions]


PAIRS: list[tuple[Phase, TurnEvent, Phase | None, list[type]]] = [
    # phase, event, the phase it leads to (None: an error), and what is asked for
    (L, Answered(greets=True), T, [StartTurn]),
    (L, Answered(greets=True, interruptible=False), T, [StartTurn]),
    (L, Answered(greets=False), L, []),
    (L, SpeechBegan(NOW), L, []),
    (L, SpeechBegan(NOW, HOLD), L, [Reject]),
    (L, SpeechEnded(NOW), L, []),
    (L, Words("hello", final=True), L, []),
    (L, Lulled(NOW), L, []),
    (L, Judged("hello", 0.9), L, []),
    (L, Stirred(), L, []),
    (L, Departing(), L, []),
    (L, VoiceDry(3), L, []),
    (L, KeyPressed("5"), L, []),
    (L, KeyPressed("#"), L, []),
    (L, PassageBegan(3), L, []),
    (L, TurnOver(3), L, []),
    (L, HoldLapsed(HOLD), L, []),
    (L, Due(), L, []),
    (L, EndAsked(Ending.AGENT_HUNG_UP), E, [EndCall]),
    (L, EndAsked(Ending.FAULT, goodbye=True), T, [StartTurn]),
    (T, Answered(greets=True), None, []),
    (T, SpeechBegan(NOW), H, [TakeHold]),
    (T, SpeechBegan(NOW, HOLD), H, []),
    (T, SpeechEnded(NOW), T, []),
    (T, Words("mm-hm", final=True), T, []),
    (T, Words("and another thing", final=True), L, [CancelTurn]),
    (T, Lulled(NOW), T, []),
    (T, Judged("hello", 0.9), T, []),
    (T, Stirred(), T, []),
    (T, Departing(), T, []),
    (T, VoiceDry(3), T, []),
    (T, KeyPressed("5"), L, [CancelTurn]),
    (T, PassageBegan(3), S, []),
    (T, PassageBegan(2), T, []),
    (T, TurnOver(3), L, []),
    (T, TurnOver(2), T, []),
    (T, HoldLapsed(HOLD), T, []),
    (T, Due(), T, []),
    (T, EndAsked(Ending.AGENT_HUNG_UP), T, []),
    (S, Answered(greets=True), None, []),
    (S, SpeechBegan(NOW), H, [TakeHold]),
    (S, SpeechBegan(NOW, HOLD), H, []),
    (S, SpeechEnded(NOW), S, []),
    (S, Words("", final=False), S, []),
    (S, Words("right okay", final=True), S, []),
    (S, Words("that is wrong", final=False), L, [CancelTurn]),
    (S, Words(UNCLEAR, final=True), S, []),
    (S, Lulled(NOW), S, []),
    (S, Judged("hello", 0.9), S, []),
    (S, Stirred(), S, []),
    (S, Departing(), S, []),
    (S, VoiceDry(3), S, []),
    (S, KeyPressed("5"), L, [CancelTurn]),
    (S, KeyPressed("#"), L, [CancelTurn]),
    (S, PassageBegan(3, interruptible=False), S, []),
    (S, PassageBegan(3, asks=True), S, []),
    (S, TurnOver(3), L, []),
    (S, HoldLapsed(HOLD), S, []),
    (S, Due(), S, []),
    (S, EndAsked(Ending.AGENT_HUNG_UP), S, []),
    (H, Answered(greets=True), None, []),
    (H, SpeechBegan(NOW, HoldId(8)), H, []),
    (H, SpeechEnded(NOW + 0.1), S, [Reject]),
    (H, SpeechEnded(NOW + 0.4), H, []),
    (H, Words("", final=False), H, []),
    (H, Words("mm", final=False), H, []),
    (H, Words("no", final=False), L, [CancelTurn]),
    (H, Words("I would rather", final=False), L, [CancelTurn]),
    (H, Lulled(NOW), H, []),
    (H, Judged("hello", 0.9), H, []),
    (H, Stirred(), H, []),
    (H, Departing(), H, []),
    (H, VoiceDry(3), H, []),
    (H, KeyPressed("1"), L, [CancelTurn]),
    (H, PassageBegan(3), H, []),
    (H, PassageBegan(3, interruptible=False), S, [Reject]),
    (H, PassageBegan(2, interruptible=False), H, []),
    (H, TurnOver(3), L, [Reject]),
    (H, TurnOver(2), H, []),
    (H, HoldLapsed(HOLD), S, []),
    (H, HoldLapsed(HoldId(6)), H, []),
    (H, Due(), H, []),
    (H, EndAsked(Ending.AGENT_HUNG_UP), H, []),
    (E, Answered(greets=True), None, []),
    (E, SpeechBegan(NOW, HOLD), E, []),
    (E, SpeechEnded(NOW), E, []),
    (E, Words("hello", final=True), E, []),
    (E, Lulled(NOW), E, []),
    (E, Judged("hello", 0.9), E, []),
    (E, Stirred(), E, []),
    (E, Departing(), E, []),
    (E, VoiceDry(3), E, []),
    (E, KeyPressed("5"), E, []),
    (E, PassageBegan(3), E, []),
    (E, TurnOver(3), E, []),
    (E, HoldLapsed(HOLD), E, []),
    (E, Due(), None, []),
    (E, EndAsked(Ending.ADMIN), E, []),
]


@pytest.mark.parametrize(("phase", "event", "after", "asks"), PAIRS)
def test_pair(phase: Phase, event: TurnEvent, after: Phase | None, asks: list[type]) -> None:
    if after is None:
        with pytest.raises(TurnTakingError, match=f"{type(event).__name__} while {phase.value}"):
            step(state(phase), event, NOW)
        return
    new, actions = step(state(phase), event, NOW)
    assert (new.phase, kinds(actions)) == (after, asks)


def test_every_pair_of_state_and_event_is_listed_above() -> None:
    listed = {(phase, type(event)) for phase, event, _, _ in PAIRS}
    assert listed == {(phase, kind) for phase in Phase for kind in TurnEvent.__args__}
    assert {(p, k) for p, k in listed if k not in TABLE[p]} == {
        (p, type(e)) for p, e, a, _ in PAIRS if a is None
    }


# ---- holds -----------------------------------------------------------------------------------------------------


def rule(actions: tuple[object, ...]) -> str:
    evidence = next(a.evidence for a in actions if isinstance(a, CancelTurn | Reject))
    assert isinstance(evidence, Evidence)
    return evidence.rule


def test_unbroken_speech_that_nothing_explains_confirms() -> None:
    held = state(H)
    assert deadline(held) == pytest.approx(NOW + 0.45)
    new, actions = step(held, Due(), NOW + 0.45)
    assert new.phase is L
    assert rule(actions) == "unbroken"


def test_two_coughs_are_not_one_sentence() -> None:
    held, _ = step(state(H), Lulled(NOW + 0.2), NOW + 0.26)
    assert deadline(held) == pytest.approx(NOW + 0.7)
    held, _ = step(held, Lulled(NOW + 0.35, over=True), NOW + 0.36)
    assert deadline(held) == pytest.approx(NOW + 0.7)
    held, _ = step(held, Lulled(NOW + 0.55), NOW + 0.61)
    new, actions = step(held, Due(), NOW + 0.7)
    assert (new.phase, rule(actions)) == (S, "undecided")


def test_a_verdict_says_what_sounded_while_the_voice_was_held() -> None:
    held, _ = step(state(H), Lulled(NOW + 0.2), NOW + 0.26)
    held, _ = step(held, Lulled(NOW + 0.35, over=True), NOW + 0.36)
    _, actions = step(held, Words("I would rather", final=False), NOW + 0.5)
    (cancel,) = actions
    assert isinstance(cancel, CancelTurn)
    assert cancel.evidence.spans_ms == ((0.0, 200.0), (350.0, 500.0))


@pytest.mark.parametrize("phase", [L, T, S])
def test_a_caller_who_talks_for_an_hour_makes_the_state_no_larger(phase: Phase) -> None:
    table = state(phase, speech_since=NOW, sound_since=NOW)
    talked = after(table, Lulled(NOW), Lulled(NOW, over=True), Lulled(NOW), Lulled(NOW, over=True))
    assert talked == table


def test_speech_that_goes_on_after_a_lull_is_an_interruption_at_the_limit() -> None:
    held, _ = step(state(H), Lulled(NOW + 0.3), NOW + 0.36)
    held, _ = step(held, Lulled(NOW + 0.4, over=True), NOW + 0.41)
    new, actions = step(held, Due(), NOW + 0.7)
    assert (new.phase, rule(actions)) == (L, "undecided")


def test_no_hold_lasts_longer_than_the_limit() -> None:
    for changes in (
        {},
        {"speech_since": None, "sound_since": None},
        {"explained": True},
        {"sound_since": NOW + 0.5},
    ):
        held = state(H, **changes)
        assert deadline(held) <= NOW + 0.7 + 1e-9
        new, actions = step(held, Due(), NOW + 0.71)
        assert new.phase is not H
        assert actions


@pytest.mark.parametrize(
    ("words_after_ms", "unbroken_ms"), [(0, 450), (100, 450), (250, 600), (math.inf, 680)]
)
def test_unbroken_sound_says_something_once_words_could_have_explained_it(
    words_after_ms: float, unbroken_ms: int
) -> None:
    assert Interruptibility().with_words_after(words_after_ms).unbroken_ms == unbroken_ms


def test_a_limit_beyond_that_of_undecided_holds_is_left_as_it_was_set() -> None:
    assert Interruptibility(unbroken_ms=700, undecided_ms=700).with_words_after(math.inf).unbroken_ms == 700


def test_what_nobody_has_understood_decides_no_hold() -> None:
    held, actions = step(state(H), Words(UNCLEAR, final=True), NOW + 0.3)
    assert (held.phase, actions) == (H, ())
    assert not held.explained


def test_backchannels_then_quiet_reject() -> None:
    held, _ = step(state(H), Words("mm-hm", final=False), NOW + 0.3)
    new, actions = step(held, SpeechEnded(NOW + 0.4), NOW + 0.6)
    assert new.phase is S
    assert rule(actions) == "backchannel"
    assert (new.text, new.partial) == ("", "")


def test_words_after_a_backchannel_still_confirm() -> None:
    held, _ = step(state(H), Words("yeah", final=False), NOW + 0.3)
    new, actions = step(held, Words("yeah but what about Monday", final=False), NOW + 0.5)
    assert (new.phase, rule(actions)) == (L, "words")


def test_speech_of_no_clear_kind_that_ended_is_rejected_at_the_limit() -> None:
    held, _ = step(state(H), SpeechEnded(NOW + 0.35), NOW + 0.55)
    new, actions = step(held, Due(), NOW + 0.7)
    assert (new.phase, rule(actions)) == (S, "undecided")


def test_a_reply_that_has_hardly_begun_is_merged_and_not_interrupted() -> None:
    held = state(H, sounding_since=NOW - 0.2, asked="a table")
    new, actions = step(held, Words("for four", final=True), NOW + 0.1)
    assert isinstance(actions[0], CancelTurn)
    assert actions[0].why is TurnEnding.REPLACED
    assert new.text == "a table for four"


def trusting(phase: Phase) -> TurnState:
    """A reply to "a table for", of which the recogniser had settled "a table", has hardly begun."""
    heard = replace(state(L), text="a table", partial="for", words_at=NOW - 9, speech_ended=NOW - 9)
    thinking, actions = step(heard, Due(), NOW)
    assert kinds(actions) == [StartTurn]
    assert thinking.asked == "a table for"
    return replace(thinking, phase=phase, sounding_since=NOW if phase is not T else None)


@pytest.mark.parametrize("phase", [T, S])
def test_final_words_take_the_place_of_what_was_trusted_to_be_all(phase: Phase) -> None:
    new, actions = step(trusting(phase), Words("for four people", final=True), NOW + 0.1)
    assert isinstance(actions[0], CancelTurn)
    assert actions[0].why is TurnEnding.REPLACED
    assert (new.text, new.partial) == ("a table for four people", "")


def test_words_that_are_not_final_leave_it_open_what_the_trusted_ones_become() -> None:
    new, _ = step(trusting(T), Words("for four", final=False), NOW + 0.1)
    assert (new.text, new.partial) == ("a table", "for four")
    new, _ = step(new, Words("for four people", final=True), NOW + 0.2)
    assert (new.text, new.partial) == ("a table for four people", "")


@pytest.mark.parametrize("phase", [T, S, H])
def test_final_words_that_are_the_trusted_ones_disturb_nobody(phase: Phase) -> None:
    busy = replace(trusting(phase), hold=HOLD if phase is H else None)
    new, actions = step(busy, Words("for.", final=True), NOW + 0.1)
    assert (new.phase, actions, new.trusted) == (phase, (), "")
    new, _ = step(new, Words("not two, four", final=True), NOW + 0.2)
    assert new.text == "a table for not two, four"


def test_final_words_that_were_answered_already_are_not_answered_again() -> None:
    """The reply to what was trusted was short, and over before the recogniser had settled it."""
    listening, _ = step(trusting(S), TurnOver(trusting(S).turn), NOW + 1)
    again, _ = step(listening, Words("for", final=False), NOW + 1.1)
    new, actions = step(again, Words("for.", final=True), NOW + 1.2)
    assert (new.text, new.partial, new.trusted, actions) == ("", "", "", ())
    new, _ = step(new, Words("for.", final=True), NOW + 3)  # and who says it once more means it
    assert new.text == "for."


def test_a_false_alarm_while_thinking_lets_the_thought_go_on() -> None:
    held, actions = step(state(T), SpeechBegan(NOW), NOW)
    assert kinds(actions) == [TakeHold]
    new, actions = step(held, SpeechEnded(NOW + 0.1), NOW + 0.3)
    assert new.phase is T
    assert kinds(actions) == [Reject]


def test_an_uninterruptible_passage_is_not_interrupted_but_what_was_said_is_kept() -> None:
    busy, actions = step(state(S, interruptible=False), SpeechBegan(NOW), NOW)
    assert (busy.phase, actions) == (S, ())
    busy, actions = step(busy, Words("what is this?", final=True), NOW + 1)
    assert (busy.phase, actions) == (S, ())
    busy, _ = step(busy, SpeechEnded(NOW + 1), NOW + 1.2)
    listening, _ = step(busy, TurnOver(3), NOW + 2)
    new, actions = step(listening, Due(), deadline(listening))
    assert isinstance(actions[0], StartTurn)
    assert actions[0].text == "what is this?"
    assert new.phase is T


def test_keys_do_not_interrupt_where_that_is_forbidden() -> None:
    settings = CallSettings(interruptibility=Interruptibility(keys=False))
    new, actions = step(state(S, settings=settings), KeyPressed("1"), NOW)
    assert (new.phase, actions) == (S, ())


# ---- the end of the caller's turn --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pause_ms"),
    [
        ("I want a table.", 200),
        ("I want a table", 500),
        ("I want a table and", 1_200),
        ("my number is one two three", 1_200),
        ("it is 0171 555 1234", 200),
        ("well, let me see ...", 1_200),
    ],
)
def test_the_pause_before_the_reply_depends_on_what_was_said(text: str, pause_ms: int) -> None:
    listening, _ = step(state(L, speech_since=NOW - 1), Words(text, final=True), NOW)
    listening, _ = step(listening, SpeechEnded(NOW), NOW + 0.2)
    assert deadline(listening) == pytest.approx(NOW + pause_ms / 1000)
    new, actions = step(listening, Due(), NOW + pause_ms / 1000)
    assert actions == (StartTurn(4, "reply", text),)
    assert new.phase is T


def test_no_reply_while_the_caller_speaks() -> None:
    listening, _ = step(state(L), Words("I want a table.", final=True), NOW)
    listening, _ = step(listening, SpeechBegan(NOW + 0.1), NOW + 0.1)
    assert deadline(listening) >= NOW + 2


def test_a_lost_final_transcript_does_not_leave_the_caller_waiting() -> None:
    listening, _ = step(state(L), Words("hello there", final=False), NOW)
    new, actions = step(listening, Due(), deadline(listening))
    assert actions == (StartTurn(4, "reply", "hello there"),)
    assert deadline(listening) == NOW + 2
    assert new.phase is T


def test_keys_are_gathered_until_a_pause_or_the_square() -> None:
    listening = state(L)
    for k, digit in enumerate("4711"):
        listening, _ = step(listening, KeyPressed(digit), NOW + k)
    assert deadline(listening) == NOW + 3 + 1.5
    new, actions = step(listening, KeyPressed("#"), NOW + 4)
    assert actions == (StartTurn(4, "reply", "4 7 1 1"),)
    assert new.phase is T


# ---- silence, length, leaving ----------------------------------------------------------------------------------


def test_silence_is_asked_after_twice_and_then_good_bye() -> None:
    quiet, said = state(L), []
    for _ in range(3):
        at = deadline(quiet)
        quiet, actions = step(quiet, Due(), at)
        assert isinstance(actions[0], StartTurn)
        said.append(actions[0].kind)
        quiet, actions = step(quiet, TurnOver(actions[0].turn), at + 1)
    assert said == ["prompt", "prompt", "goodbye"]
    assert actions == (EndCall(Ending.SILENCE),)


@pytest.mark.parametrize("phase", [L, T, S, H])
def test_the_longest_call_ends_with_good_bye_in_every_state(phase: Phase) -> None:
    busy = state(phase, began=NOW - 3_600, held_since=NOW - 0.1)
    new, actions = step(busy, Due(), NOW)
    last = actions[-1]
    assert isinstance(last, StartTurn)
    assert (last.kind, new.leaving) == ("goodbye", Ending.MAX_LENGTH)
    ended, actions = step(new, Due(), new.leave_by)
    assert ended.phase is E
    assert actions[-1] == EndCall(Ending.MAX_LENGTH)


def test_nothing_is_due_once_the_call_has_ended() -> None:
    assert deadline(state(E)) == math.inf


# ---- nothing that was said or keyed in is lost -------------------------------------------------------------------


def after(table: TurnState, *events: TurnEvent) -> TurnState:
    for event in events:
        table, _ = step(table, event, NOW)
    return table


def test_before_a_notice_sounds_nothing_interrupts_it_either() -> None:
    notice = after(begin(CallSettings(), NOW), Answered(greets=True, interruptible=False))
    rung, actions = step(notice, SpeechBegan(NOW, HOLD), NOW)
    assert (rung.phase, rule(actions)) == (T, "uninterruptible")
    said, actions = step(after(notice, SpeechBegan(NOW)), Words("anybody there?", final=True), NOW)
    assert (said.phase, actions) == (T, ())
    assert after(said, PassageBegan(1, interruptible=False), TurnOver(1)).text == "anybody there?"


def test_a_greeting_without_a_notice_is_interrupted_before_it_sounds() -> None:
    greeting = after(begin(CallSettings(), NOW), Answered(greets=True))
    assert after(greeting, SpeechBegan(NOW)).phase is H


def test_a_notice_that_begins_ends_the_judging_of_what_is_said_and_all_of_that_is_kept() -> None:
    held = after(state(S), SpeechBegan(NOW, HOLD), Words("yes", final=True), Words("okay", final=False))
    notice, actions = step(held, PassageBegan(3, interruptible=False), NOW)
    assert (notice.phase, rule(actions)) == (S, "uninterruptible")
    assert (notice.text, notice.partial, notice.hold) == ("yes", "okay", None)
    said, actions = step(notice, Words("okay, now", final=True), NOW)
    assert (said.phase, said.text, actions) == (S, "yes okay, now", ())


def test_words_said_over_a_notice_survive_a_cough_over_what_follows_it() -> None:
    notice = state(S, interruptible=False)
    heard = after(
        notice,
        Words("a table please", final=True),
        PassageBegan(3),
        SpeechBegan(NOW, HOLD),
        SpeechEnded(NOW + 0.1),
    )
    assert (heard.phase, heard.text) == (S, "a table please")
    assert after(heard, TurnOver(3)).text == "a table please"


def test_a_murmur_is_forgotten_when_it_was_only_that_and_kept_when_it_was_not() -> None:
    held = after(state(S), SpeechBegan(NOW, HOLD), Words("yes", final=True))
    assert after(held, SpeechEnded(NOW + 0.3)).text == ""
    assert after(held, Words("I would like that", final=True)).text == "yes I would like that"
    assert after(held, TurnOver(3)).text == "yes"


def asked_and_murmured(*, asks: bool, over_at: float = NOW + 1.6) -> tuple[TurnState, tuple[object, ...]]:
    """A hold of 0.6 s for a "yes" in the last second of the voice, and what follows from its end."""
    asking = after(state(S), PassageBegan(3, asks=asks), SpeechBegan(NOW, HOLD), Words("Yes.", final=True))
    resumed, actions = step(asking, SpeechEnded(NOW + 0.4), NOW + 0.6)
    assert (resumed.phase, resumed.text, rule(actions)) == (S, "", "backchannel")
    return step(resumed, TurnOver(3), over_at)


def test_a_yes_over_the_end_of_a_question_is_its_answer() -> None:
    listening, actions = asked_and_murmured(asks=True)
    assert actions == (TakeAnswer(3, "Yes.", 1_000.0),)
    assert listening.text == "Yes."
    whole_s = listening.settings.patience.shortest_ms / 1000
    assert deadline(listening) == pytest.approx(NOW + 1.6 + whole_s), "as if it had been said just then"
    answered, actions = step(listening, Due(), deadline(listening))
    assert (answered.phase, actions) == (T, (StartTurn(4, "reply", "Yes."),))


def test_a_yes_over_a_statement_or_long_before_the_question_ends_is_a_murmur() -> None:
    for asks, over_at in ((False, NOW + 1.6), (True, NOW + 0.6 + 1.8)):
        listening, actions = asked_and_murmured(asks=asks, over_at=over_at)
        assert (listening.text, actions) == ("", ())


def test_a_yes_that_is_understood_after_its_hold_was_let_go_is_an_answer_too() -> None:
    for lets_go in (SpeechEnded(NOW + 0.1), HoldLapsed(HOLD)):
        resumed = after(state(S), PassageBegan(3, asks=True), SpeechBegan(NOW, HOLD), lets_go)
        understood = after(resumed, Words("yes", final=False), Words("Yes.", final=True))
        assert (understood.phase, understood.text) == (S, "")
        assert after(understood, TurnOver(3)).text == "Yes."


def test_the_late_final_words_of_what_is_being_answered_are_no_answer() -> None:
    trusting = state(S, asked="yes", trusted="yes")
    said = after(trusting, PassageBegan(3, asks=True), Words("Yes.", final=True))
    assert (said.phase, after(said, TurnOver(3)).text) == (S, "")
    coughed = after(trusting, PassageBegan(3, asks=True), SpeechBegan(NOW, HOLD), SpeechEnded(NOW + 0.1))
    settled = after(coughed, Words("Yes.", final=True))
    assert (settled.trusted, after(settled, TurnOver(3)).text) == ("", "")


def test_what_is_murmured_before_the_voice_sounds_answers_nothing_it_asks() -> None:
    held = after(state(T), SpeechBegan(NOW, HOLD), Words("mm-hm", final=True), SpeechEnded(NOW + 0.3))
    asked, _ = step(held, PassageBegan(3, asks=True), NOW + 0.4)
    assert step(asked, TurnOver(3), NOW + 1)[0].text == ""


def test_an_aside_does_not_change_what_was_asked_and_a_statement_does() -> None:
    asked = after(state(S), PassageBegan(3, asks=True))
    assert after(asked, PassageBegan(3, aside=True)).asks
    assert not after(asked, PassageBegan(3)).asks


def test_keys_that_may_not_interrupt_wait_for_their_turn() -> None:
    deaf_to_keys = CallSettings(interruptibility=Interruptibility(keys=False))
    for phase in (T, S, H):
        pressed = after(state(phase, settings=deaf_to_keys), KeyPressed("1"), KeyPressed("2"))
        assert (pressed.phase, after(pressed, TurnOver(3)).text) == (phase, "1 2")


def test_a_final_transcript_of_what_is_being_answered_does_not_ask_it_again() -> None:
    assert step(state(T), Words("What is new?", final=True), NOW) == (state(T), ())


def test_a_hold_is_counted_from_when_the_engine_took_it() -> None:
    held = after(state(S), SpeechBegan(NOW - 0.3, HOLD))
    assert deadline(held) <= NOW + 0.4


# ---- a goodbye that is owed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [T, S, H])
@pytest.mark.parametrize("event", [TurnOver(3), KeyPressed("#"), Words("stop", final=True)])
def test_a_call_that_is_given_up_says_so_after_the_turn_or_its_interruption(
    phase: Phase, event: TurnEvent
) -> None:
    asked = after(state(phase), EndAsked(Ending.FAULT, goodbye=True))
    said, actions = step(asked, event, NOW)
    assert [action.kind for action in actions if isinstance(action, StartTurn)] == ["goodbye"]
    assert (said.phase, said.leaving, said.owes_goodbye) == (T, Ending.FAULT, False)
    _, actions = step(said, TurnOver(said.turn), NOW)
    assert actions == (EndCall(Ending.FAULT),)
