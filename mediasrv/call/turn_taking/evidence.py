"""Why a hold was let go or an interruption taken: what was said, and the spans of sound since the voice was held."""

from __future__ import annotations

from mediasrv.call.turn_events import Evidence, Phase, TurnState


def evidence_of(state: TurnState, rule: str, now: float, words: str = "") -> Evidence:
    held = now - state.held_since if state.phase is Phase.HELD else 0.0
    if state.speech_since is not None:
        speech = now - state.speech_since
    else:  # what is over belongs to the evidence only where it is what the voice was held for
        speech = max(0.0, state.speech_ended - state.held_since) if held else 0.0
    return Evidence(
        rule,
        words or state.partial or state.murmured or state.text,
        round(speech * 1000, 1),
        round(held * 1000, 1),
        spans_ms(state, now) if held else (),
    )


def spans_ms(state: TurnState, now: float) -> tuple[tuple[float, float], ...]:
    still = ((state.sound_since, now),) if state.sound_since is not None else ()
    return tuple(
        (round((began - state.held_since) * 1000, 1), round((ended - state.held_since) * 1000, 1))
        for began, ended in (*state.sounded, *still)
    )
