"""The table itself: a step for each event in each phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from mediasrv.call.record import TurnEnding
from mediasrv.call.settings import CallSettings, Speculation
from mediasrv.call.turn_events import (
    Action,
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
    Mask,
    PassageBegan,
    Phase,
    Promote,
    Reject,
    SpeechBegan,
    SpeechEnded,
    StartTurn,
    Stirred,
    TakeAnswer,
    TakeHold,
    TurnEvent,
    TurnKind,
    TurnOver,
    TurnState,
    TurnTakingError,
    VoiceDry,
    Words,
)
from mediasrv.call.turn_taking.evidence import evidence_of, spans_ms
from mediasrv.call.turn_taking.timers import deadline, listening_timers, mask_at, undecided_until
from mediasrv.conversation.words import Completeness, Weight, completeness, tokens, weigh
from mediasrv.legs import Ending
from mediasrv.providers.protocols import UNCLEAR

Step = tuple[TurnState, tuple[Action, ...]]

NO_SPECULATION = Speculation()
ANSWER_S = 1.7  # 1.5 s from the end of a question its answer may begin; a word is said again after the hold
FINAL = (Ending.MAX_LENGTH, Ending.BUDGET, Ending.FAULT)  # reasons to leave that no interruption takes back


def begin(settings: CallSettings, now: float, began: float | None = None, last_turn: int = 0) -> TurnState:
    """`began`: when the call did, whose length is counted from there; None: just now. `last_turn`: that it has had."""
    since = now if began is None else began
    return TurnState(settings, began=since, turn=last_turn, speech_ended=now, idle_since=now)


def step(state: TurnState, event: TurnEvent, now: float) -> Step:
    """What follows from `event`; TurnTakingError when it cannot happen in this state."""
    handler = TABLE[state.phase].get(type(event))
    if handler is None:
        raise TurnTakingError(f"{type(event).__name__} while {state.phase.value}")
    return handler(state, event, now)


# ---- steps that several events share ---------------------------------------------------------------------------


def _ignore(state: TurnState, event: TurnEvent, now: float) -> Step:
    return state, ()


def _speak(state: TurnState, kind: TurnKind, now: float, text: str = "", **changes: object) -> Step:
    state, dropped = _drop_ahead(state)
    state = replace(_think(state, kind, now, text), turn=state.turn + 1)
    start = StartTurn(state.turn, kind, text)
    return replace(state, **changes), (*dropped, start)  # type: ignore[arg-type]


def _think(state: TurnState, kind: TurnKind, now: float, text: str) -> TurnState:
    return replace(
        state, phase=Phase.THINKING, kind=kind, asked=text, sounding_since=None, interruptible=True, quiet_since=now,
        masks=0, ahead=None, guesses=0, finished=None, text="", partial="", keys=False, explained=False, murmured="",
        asks=False, resumed_at=None, murmurs=(),
        idle_since=now, trusted=state.partial if text.endswith(state.partial) else "",
    )  # fmt: skip


def _reply(state: TurnState, text: str, now: float) -> Step:
    """The reply to `text`: the one that was begun ahead, if that is what it answers."""
    if state.ahead is None or tokens(state.ahead) != tokens(text):
        return _speak(state, "reply", now, text)
    return _think(state, "reply", now, text), (Promote(state.turn, text),)


def _think_ahead(state: TurnState) -> Step:
    """Begins the reply to what was said so far, where that is wanted and may already be all.

    Not while the caller sounds: words that a recogniser gives then are the beginning of something.
    """
    limits, said = state.settings.speculation or NO_SPECULATION, _joined(state.text, state.partial)
    may = limits.words and state.sound_since is None and state.leaving is None and not state.keys
    if not may or state.sure < limits.confidence or len(tokens(said)) < limits.words:
        return state, ()
    if completeness(said) is Completeness.OPEN or (state.ahead and tokens(state.ahead) == tokens(said)):
        return state, ()
    state, dropped = _drop_ahead(state)
    if state.guesses >= limits.most:
        return state, dropped
    turn = state.turn + 1
    state = replace(state, turn=turn, ahead=said, guesses=state.guesses + 1)
    return state, (*dropped, StartTurn(turn, "reply", said, ahead=True))


def _drop_ahead(state: TurnState) -> Step:
    if state.ahead is None:
        return state, ()
    cancel = CancelTurn(state.turn, TurnEnding.SPECULATED, Evidence("not_asked", state.ahead))
    return replace(state, ahead=None), (cancel,)


def _listen(state: TurnState, now: float) -> TurnState:
    return replace(state, phase=Phase.LISTENING, hold=None, explained=False, murmured="", idle_since=now)


def _confirm(state: TurnState, evidence: Evidence, now: float) -> Step:
    """The caller has the floor. Of a reply that has hardly begun, the question is taken back too."""
    sounded_ms = 0.0
    if state.sounding_since is not None:
        until = state.held_since if state.phase is Phase.HELD else now
        sounded_ms = (until - state.sounding_since) * 1000
    merges = sounded_ms < state.settings.patience.merge_ms and state.kind == "reply"
    why = TurnEnding.REPLACED if merges else TurnEnding.USER_BARGE_IN
    text, partial = _taken_back(state) if merges else (state.text, state.partial)
    leaving = state.leaving if state.leaving in FINAL else None
    heard = replace(
        _listen(state, now), text=text, partial=partial, trusted="", words_at=now, prompts=0, leaving=leaving
    )
    cancel = CancelTurn(state.turn, why, evidence)
    if not heard.owes_goodbye:
        return heard, (cancel,)
    spoken, actions = _say_goodbye(heard, now)
    return spoken, (cancel, *actions)


def _taken_back(state: TurnState) -> tuple[str, str]:
    """What was asked and what was said since, final and not: final words are what those taken on trust have become."""
    settled = state.asked.removesuffix(state.trusted).rstrip()
    if state.text:
        return _joined(settled, state.text), state.partial
    return settled, state.partial or state.trusted


def _settles(state: TurnState, words: Words) -> bool:
    """The partial transcript had to do, and this is what was answered."""
    return words.final and tokens(words.text) in (tokens(state.asked), tokens(state.trusted))


def _reject(state: TurnState, evidence: Evidence, now: float) -> Step:
    return replace(_resume(state, now), partial=""), (Reject(state.hold, evidence),)


def _resume(state: TurnState, now: float) -> TurnState:
    """The voice goes on; what was murmured is kept for as long as it may be the answer to what it asks."""
    murmurs = [*_answers(state, now), *([(now, state.murmured)] if state.murmured else [])]
    return replace(
        state,
        phase=state.under,
        hold=None,
        explained=False,
        murmured="",
        resumed_at=now,
        murmurs=tuple(murmurs),
    )


def _answers(state: TurnState, now: float) -> list[tuple[float, str]]:
    """Murmurs over the last of what sounds."""
    if state.sounding_since is None:
        return []
    since = max(state.sounding_since, now - ANSWER_S)
    return [(at, words) for at, words in state.murmurs if at >= since]


def _gather(state: TurnState, words: Words, now: float) -> TurnState:
    """Keeps the words; where the gate has missed the speech, they are the sign of it."""
    said = words.text.strip()
    if not said:
        return state
    quiet_for = now - state.speech_ended
    missed = state.speech_since is None and quiet_for * 1000 > state.settings.patience.final_wait_ms
    ended = now if missed else state.speech_ended
    text, partial = (_joined(state.text, said), "") if words.final else (state.text, said)
    return replace(
        state, words_at=now, prompts=0, idle_since=now, speech_ended=ended, finished=None,
        text=text, partial=partial, keys=state.keys and not words.final,
    )  # fmt: skip


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _weigh(state: TurnState, text: str) -> Weight:
    """What it is worth over the agent's voice; words that nobody has understood prove no more than their sound."""
    limits = state.settings.interruptibility
    if text == UNCLEAR:
        return Weight.NOTHING
    return weigh(text, limits.backchannels, limits.keywords, limits.confirm_words)


def _hold(state: TurnState, began: SpeechBegan, now: float) -> Step:
    # the engine held when it heard the speech, however late we are told
    since = now if began.hold is None else min(now, began.at)
    held = replace(
        state, phase=Phase.HELD, under=state.phase, hold=began.hold, held_since=since, explained=False,
        murmured="", speech_since=began.at, sound_since=began.at, partial="", sounded=(),
    )  # fmt: skip
    if began.hold is not None:
        return held, ()
    return held, (TakeHold(state.settings.interruptibility.lease_ms),)


def _leave(state: TurnState, why: Ending, now: float) -> TurnState:
    return replace(state, leaving=why, leave_by=now + state.settings.farewell_s)


def _say_goodbye(state: TurnState, now: float) -> Step:
    """The last words, for the reason that is known already."""
    leaving = _leave(_listen(state, now), state.leaving or Ending.FAULT, now)
    return _speak(replace(leaving, owes_goodbye=False), "goodbye", now, interruptible=False)


# ---- listening -------------------------------------------------------------------------------------------------


def _answered(state: TurnState, event: Answered, now: float) -> Step:
    state = replace(state, idle_since=now)
    if not event.greets:
        return state, ()
    return _speak(state, "greeting", now, interruptible=event.interruptible)


def _speech_began_listening(state: TurnState, event: SpeechBegan, now: float) -> Step:
    state = replace(state, speech_since=event.at, sound_since=event.at, prompts=0)
    if event.hold is None:
        return state, ()
    return state, (Reject(event.hold, Evidence("nothing_to_hold")),)


def _speech_ended(state: TurnState, event: SpeechEnded, now: float) -> Step:
    return replace(state, speech_since=None, sound_since=None, speech_ended=event.at, idle_since=now), ()


def _lulled(state: TurnState, event: Lulled, now: float) -> Step:
    """What goes on after a lull is counted anew: two coughs are not one sentence."""
    if state.speech_since is None:
        return state, ()
    if event.over:
        return replace(state, sound_since=event.at), ()
    if state.sound_since is None or state.phase is not Phase.HELD:  # only a hold is judged by its spans
        return replace(state, sound_since=None), ()
    span = (state.sound_since, max(event.at, state.sound_since))
    return replace(state, sound_since=None, sounded=(*state.sounded, span)), ()


def _lulled_listening(state: TurnState, event: Lulled, now: float) -> Step:
    return _think_ahead(_lulled(state, event, now)[0])


def _words_listening(state: TurnState, event: Words, now: float) -> Step:
    if state.trusted and event.final:
        answered = _settles(state, event)
        state = replace(state, trusted="")
        if answered:
            return replace(state, partial=""), ()  # by a reply that was over before this came
    return _think_ahead(replace(_gather(state, event, now), sure=event.confidence))


def _judged(state: TurnState, event: Judged, now: float) -> Step:
    """Counts only for what is still all that was said."""
    if tokens(event.text) != tokens(state.text):
        return state, ()
    return replace(state, finished=min(1.0, max(0.0, event.finished))), ()


def _stirred_listening(state: TurnState, event: Stirred, now: float) -> Step:
    return replace(state, idle_since=now, prompts=0), ()


def _departing(state: TurnState, event: Departing, now: float) -> Step:
    """Whoever stays after all has all his time again, though we had begun to say good-bye to his silence."""
    leaving = None if state.leaving is Ending.SILENCE else state.leaving
    return replace(state, departing=not event.over, leaving=leaving, idle_since=now, prompts=0), ()


def _turn_over_listening(state: TurnState, event: TurnOver, now: float) -> Step:
    """A reply begun ahead has failed, and will be asked for again; any other is over long since."""
    return (replace(state, ahead=None) if event.turn == state.turn else state), ()


def _key_listening(state: TurnState, event: KeyPressed, now: float) -> Step:
    state = _keyed(state, event, now)
    return _reply(state, state.text, now) if state.text and not state.keys else (state, ())


def _keyed(state: TurnState, event: KeyPressed, now: float) -> TurnState:
    closed = event.digit == "#"
    text = state.text if closed else _joined(state.text, event.digit)
    return replace(state, text=text, keys=not closed, words_at=now, idle_since=now, prompts=0)


def _due_listening(state: TurnState, event: Due, now: float) -> Step:
    if state.leaving is not None:
        return _over(state, state.leaving)
    if now >= state.began + state.settings.max_length_s:
        return _speak(_leave(state, Ending.MAX_LENGTH, now), "goodbye", now, interruptible=False)
    at, what = min(listening_timers(state))
    if now < at:
        return state, ()
    if what != "silence":
        return _reply(state, _joined(state.text, state.partial), now)
    if state.prompts < state.settings.patience.prompts:
        return _speak(state, "prompt", now, prompts=state.prompts + 1)
    return _speak(_leave(state, Ending.SILENCE, now), "goodbye", now)


def _end_asked_listening(state: TurnState, event: EndAsked, now: float) -> Step:
    if event.goodbye:
        return _speak(_leave(state, event.why, now), "goodbye", now, interruptible=False)
    return _over(state, event.why)


def _over(state: TurnState, why: Ending) -> Step:
    return replace(state, phase=Phase.ENDED, leaving=why), (EndCall(why),)


# ---- thinking and speaking -------------------------------------------------------------------------------------


def _speech_began_busy(state: TurnState, event: SpeechBegan, now: float) -> Step:
    limits = state.settings.interruptibility
    if limits.enabled and state.interruptible:
        return _hold(state, event, now)
    state = replace(state, speech_since=event.at, sound_since=event.at)
    return state, ((Reject(event.hold, Evidence("uninterruptible")),) if event.hold is not None else ())


def _words_busy(state: TurnState, event: Words, now: float) -> Step:
    """Words that no hold announced: the tail of what was said before, or speech that the gate has missed."""
    if not (state.settings.interruptibility.enabled and state.interruptible):
        return _gather(state, event, now), ()
    weight = _weigh(state, event.text)
    if weight is Weight.NOTHING:
        return state, ()
    if weight is Weight.BACKCHANNEL:
        return _murmur(state, event), ()
    if _settles(state, event):
        return replace(state, trusted=""), ()
    gathered = _gather(state, event, now)
    return _confirm(gathered, evidence_of(gathered, "words", now, event.text), now)


def _murmur(state: TurnState, words: Words) -> TurnState:
    """The listener's noise that a hold was for, and that was understood after it."""
    if state.trusted and _settles(state, words):
        return replace(state, trusted="")
    if not words.final or state.resumed_at is None:
        return state
    return replace(state, murmurs=(*state.murmurs, (state.resumed_at, words.text.strip())))


def _key_busy(state: TurnState, event: KeyPressed, now: float) -> Step:
    if not state.settings.interruptibility.keys:
        return _keyed(state, event, now), ()  # they wait, as words do that may not interrupt
    state, actions = _confirm(state, evidence_of(state, "key", now, event.digit), now)
    if state.phase is not Phase.LISTENING:
        return state, actions
    state, more = _key_listening(state, event, now)
    return state, actions + more


def _passage_began(state: TurnState, event: PassageBegan, now: float) -> Step:
    if event.turn != state.turn:
        return state, ()
    since = state.sounding_since if state.sounding_since is not None or event.aside else now
    interruptible = event.interruptible and _may_interrupt(state)
    asks = state.asks if event.aside else event.asks
    state = replace(state, sounding_since=since, quiet_since=None, interruptible=interruptible, asks=asks)
    if state.phase is not Phase.HELD:
        return replace(state, phase=Phase.SPEAKING), ()
    if not interruptible:
        return _hold_refused(state, now)
    return replace(state, under=Phase.SPEAKING), ()


def _hold_refused(state: TurnState, now: float) -> Step:
    """What begins to sound may not be interrupted: what was said in the hold waits, as what is said over it does."""
    evidence = evidence_of(state, "uninterruptible", now)
    text = _joined(state.text, state.murmured)
    back = replace(state, phase=Phase.SPEAKING, hold=None, explained=False, murmured="", text=text)
    return back, (Reject(state.hold, evidence),)


def _may_interrupt(state: TurnState) -> bool:
    return state.leaving not in (Ending.MAX_LENGTH, Ending.BUDGET)


def _voice_dry(state: TurnState, event: VoiceDry, now: float) -> Step:
    return (replace(state, quiet_since=now) if event.turn == state.turn else state), ()


def _turn_over(state: TurnState, event: TurnOver, now: float) -> Step:
    if event.turn != state.turn:
        return state, ()
    held = (Reject(state.hold, evidence_of(state, "finished", now)),) if state.phase is Phase.HELD else ()
    if state.leaving is not None:
        ended, actions = _say_goodbye(state, now) if state.owes_goodbye else _over(state, state.leaving)
        return ended, held + actions
    state, taken = _take_answer(state, now)
    return _listen(replace(state, text=_joined(state.text, state.murmured)), now), (*held, *taken)


def _take_answer(state: TurnState, now: float) -> Step:
    """What was murmured over the end of a question counts as said now that it has ended."""
    answers = _answers(state, now) if state.asks else []
    if not answers:
        return state, ()
    words = _joined(*(words for _, words in answers))
    taken = TakeAnswer(state.turn, words, round((now - answers[0][0]) * 1000, 1))
    return replace(state, text=_joined(state.text, words), words_at=now, speech_ended=now, prompts=0), (
        taken,
    )


def _due_busy(state: TurnState, event: Due, now: float) -> Step:
    if now < deadline(state):
        return state, ()
    if state.leaving is not None:
        ended, actions = _say_goodbye(state, now) if state.owes_goodbye else _over(state, state.leaving)
        return ended, (CancelTurn(state.turn, TurnEnding.TIMEOUT, Evidence("farewell")), *actions)
    if now >= mask_at(state):
        return replace(state, quiet_since=now, masks=state.masks + 1), (Mask(state.turn, state.masks),)
    cancel = CancelTurn(state.turn, TurnEnding.TIMEOUT, Evidence("max_length"))
    leaving = _leave(_listen(state, now), Ending.MAX_LENGTH, now)
    spoken, actions = _speak(leaving, "goodbye", now, interruptible=False)
    return spoken, (cancel, *actions)


def _end_asked_busy(state: TurnState, event: EndAsked, now: float) -> Step:
    if event.goodbye and _may_interrupt(state):
        return replace(_leave(state, event.why, now), owes_goodbye=state.kind != "goodbye"), ()
    return (state if state.leaving is not None else _leave(state, event.why, now)), ()


# ---- held ------------------------------------------------------------------------------------------------------


def _speech_began_held(state: TurnState, event: SpeechBegan, now: float) -> Step:
    """More speech in the same hold: `undecided_ms` still counts from the first."""
    hold = event.hold if event.hold is not None else state.hold
    return replace(state, speech_since=event.at, sound_since=event.at, hold=hold), ()


def _speech_ended_held(state: TurnState, event: SpeechEnded, now: float) -> Step:
    began = state.speech_since if state.speech_since is not None else state.held_since
    state = replace(_lulled(state, Lulled(event.at), now)[0], speech_since=None, speech_ended=event.at)
    spoke_ms = round((event.at - began) * 1000, 1)
    if state.explained or spoke_ms < state.settings.interruptibility.cough_ms:
        rule = "backchannel" if state.explained else "cough"
        held_ms = round((now - state.held_since) * 1000, 1)
        evidence = Evidence(rule, state.partial, spoke_ms, held_ms, spans_ms(state, now))
        return _reject(state, evidence, now)
    return state, ()


def _words_held(state: TurnState, event: Words, now: float) -> Step:
    weight = _weigh(state, event.text)
    if weight is Weight.NOTHING:
        return state, ()
    if state.trusted and _settles(state, event):
        return replace(state, trusted=""), ()
    if weight is Weight.BACKCHANNEL:
        murmured = _joined(state.murmured, event.text.strip()) if event.final else state.murmured
        state = replace(_gather(state, event, now), text=state.text, murmured=murmured, explained=True)
        if state.speech_since is None:
            return _reject(state, evidence_of(state, "backchannel", now, event.text), now)
        return state, ()
    state = _gather(replace(state, text=_joined(state.text, state.murmured)), event, now)
    rule = "keyword" if weight is Weight.KEYWORD else "words"
    return _confirm(state, evidence_of(state, rule, now, event.text), now)


def _due_held(state: TurnState, event: Due, now: float) -> Step:
    if now < deadline(state):
        return state, ()
    if now < undecided_until(state):
        return _due_busy(state, event, now)
    limits = state.settings.interruptibility
    if state.sound_since is not None and not state.explained:
        unbroken = now >= state.sound_since + limits.unbroken_ms / 1000
        return _confirm(state, evidence_of(state, "unbroken" if unbroken else "undecided", now), now)
    rule = "backchannel" if state.explained else "undecided"
    return _reject(state, evidence_of(state, rule, now), now)


def _lapsed(state: TurnState, event: HoldLapsed, now: float) -> Step:
    if state.hold is not None and event.hold != state.hold:
        return state, ()
    return _resume(state, now), ()


# ---- the table -------------------------------------------------------------------------------------------------

Handler = Callable[..., Step]
TABLE: Mapping[Phase, Mapping[type, Handler]] = {
    Phase.LISTENING: {
        Answered: _answered,
        SpeechBegan: _speech_began_listening,
        SpeechEnded: _speech_ended,
        Lulled: _lulled_listening,
        Words: _words_listening,
        Judged: _judged,
        Stirred: _stirred_listening,
        Departing: _departing,
        KeyPressed: _key_listening,
        PassageBegan: _ignore,
        VoiceDry: _ignore,
        TurnOver: _turn_over_listening,
        HoldLapsed: _ignore,
        Due: _due_listening,
        EndAsked: _end_asked_listening,
    },
    Phase.THINKING: {
        SpeechBegan: _speech_began_busy,
        SpeechEnded: _speech_ended,
        Lulled: _lulled,
        Words: _words_busy,
        Judged: _ignore,
        Stirred: _ignore,
        Departing: _departing,
        KeyPressed: _key_busy,
        PassageBegan: _passage_began,
        VoiceDry: _voice_dry,
        TurnOver: _turn_over,
        HoldLapsed: _ignore,
        Due: _due_busy,
        EndAsked: _end_asked_busy,
    },
    Phase.SPEAKING: {
        SpeechBegan: _speech_began_busy,
        SpeechEnded: _speech_ended,
        Lulled: _lulled,
        Words: _words_busy,
        Judged: _ignore,
        Stirred: _ignore,
        Departing: _departing,
        KeyPressed: _key_busy,
        PassageBegan: _passage_began,
        VoiceDry: _voice_dry,
        TurnOver: _turn_over,
        HoldLapsed: _ignore,
        Due: _due_busy,
        EndAsked: _end_asked_busy,
    },
    Phase.HELD: {
        SpeechBegan: _speech_began_held,
        SpeechEnded: _speech_ended_held,
        Lulled: _lulled,
        Words: _words_held,
        Judged: _ignore,
        Stirred: _ignore,
        Departing: _departing,
        KeyPressed: _key_busy,
        PassageBegan: _passage_began,
        VoiceDry: _voice_dry,
        TurnOver: _turn_over,
        HoldLapsed: _lapsed,
        Due: _due_held,
        EndAsked: _end_asked_busy,
    },
    Phase.ENDED: {
        SpeechBegan: _ignore,
        SpeechEnded: _ignore,
        Lulled: _ignore,
        Words: _ignore,
        Judged: _ignore,
        Stirred: _ignore,
        Departing: _ignore,
        KeyPressed: _ignore,
        PassageBegan: _ignore,
        VoiceDry: _ignore,
        TurnOver: _ignore,
        HoldLapsed: _ignore,
        EndAsked: _ignore,
    },
}
