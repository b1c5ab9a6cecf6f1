"""When the turn table wants to be told that time has passed, and what for."""

from __future__ import annotations

import math

from mediasrv.call.turn_events import Phase, TurnState
from mediasrv.conversation.words import Completeness, completeness


def deadline(state: TurnState) -> float:
    """When `Due` is wanted; infinity: never."""
    if state.phase is Phase.ENDED:
        return math.inf
    if state.leaving is not None:
        return min(state.leave_by, undecided_until(state))
    length = state.began + state.settings.max_length_s
    if state.phase is Phase.LISTENING:
        return min(length, *(at for at, _ in listening_timers(state)))
    return min(length, undecided_until(state), mask_at(state))


def listening_timers(state: TurnState) -> list[tuple[float, str]]:
    """What may happen while nobody acts, and when."""
    patience, speaking = state.settings.patience, state.speech_since is not None
    waited = max(state.words_at, state.speech_ended) + patience.final_wait_ms / 1000
    if state.keys:
        return [(state.words_at + patience.keys_ms / 1000, "keys")]
    if state.text and not state.partial and not speaking:
        return [(max(state.words_at, state.speech_ended + _patience_s(state)), "end_of_turn")]
    if state.text or (state.partial and not speaking):
        return [(waited, "end_of_turn")]  # the gate hears noise, or a final transcript is late or lost
    if speaking or state.departing:
        return [(math.inf, "")]
    return [(state.idle_since + patience.prompt_ms / 1000, "silence")]


def _patience_s(state: TurnState) -> float:
    patience = state.settings.patience
    if state.finished is not None:
        return (patience.longest_ms - (patience.longest_ms - patience.shortest_ms) * state.finished) / 1000
    pause_ms = {
        Completeness.WHOLE: patience.shortest_ms,
        Completeness.UNSURE: patience.ordinary_ms,
        Completeness.OPEN: patience.longest_ms,
    }[completeness(state.text)]
    return pause_ms / 1000


def undecided_until(state: TurnState) -> float:
    if state.phase is not Phase.HELD:
        return math.inf
    limits = state.settings.interruptibility
    until = state.held_since + limits.undecided_ms / 1000
    if state.sound_since is None or state.explained:
        return until
    return min(until, state.sound_since + limits.unbroken_ms / 1000)


def mask_at(state: TurnState) -> float:
    """When the silence of a reply that is long in coming has lasted; never while the caller speaks."""
    masking, busy = state.settings.masking, state.phase in (Phase.THINKING, Phase.SPEAKING)
    if state.quiet_since is None or state.speech_since is not None or state.kind != "reply":
        return math.inf
    if not (masking.enabled and busy):
        return math.inf
    steps_ms = masking.steps_ms()
    return state.quiet_since + steps_ms[min(state.masks, len(steps_ms) - 1)] / 1000
