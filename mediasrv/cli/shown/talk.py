"""A conversation as people tell it: who said what and when, what was cut off, and where the time before a reply went.

      4.0 s  caller  where can i park my car
      5.8 s  agent   There is a garage under the hotel.
                     528 ms after the caller fell silent: 501 waited for more, 9 voice, 18 on its way

The silence is counted from where the engine noticed it, about 60 ms after the last sound. A reply that was begun ahead
has had its thoughts by the time they are wanted: they are part of the waiting.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

WIDTH = 100
MARGIN = 19  # of what is said, from the left


def talk(turns: Sequence[Entry], timeline: Sequence[Entry]) -> list[str]:
    """The lines; nothing of replies that were begun ahead and never wanted."""
    lines: list[str] = []
    for turn in turns:
        moments = _Moments(timeline, turn["number"])
        if moments.was_dropped:
            continue
        if turn["asked"]:
            lines += _said(moments.asked_ms, "caller", turn["asked"])
        if turn["heard"] or turn["said"]:
            lines += _said(moments.of("first_audio"), "agent", _as_heard(turn))
        lines += [" " * MARGIN + note for note in (*moments.delay(), *_notes(turn, moments))]
    return lines


class _Moments:
    """When the parts of one turn happened, in milliseconds since the call began."""

    def __init__(self, timeline: Sequence[Entry], number: int) -> None:
        self._before = timeline
        self._own = [entry for entry in timeline if entry.get("turn") == number]

    def of(self, event: str) -> float | None:
        return next((float(entry["ms"]) for entry in self._own if entry["event"] == event), None)

    def first(self, event: str) -> Entry | None:
        return next((entry for entry in self._own if entry["event"] == event), None)

    @property
    def was_dropped(self) -> bool:
        started = self.first("turn_started")
        return bool(started and started.get("ahead")) and self.of("promoted") is None

    @property
    def decided_ms(self) -> float | None:
        """From here on the caller was taken to have finished."""
        promoted = self.of("promoted")
        return promoted if promoted is not None else self.of("turn_started")

    @property
    def asked_ms(self) -> float | None:
        return self._last("speech_began")

    def _last(self, event: str) -> float | None:
        """Before the decision; timelines are in order."""
        until = self.decided_ms
        if until is None:
            return None
        found = [float(e["ms"]) for e in self._before if e["event"] == event and float(e["ms"]) <= until]
        return found[-1] if found else None

    def outcome(self, tool_id: str) -> str:
        """Of a tool, which may have been done only after the turn was over."""
        ended = [entry for entry in self._own if entry["event"] == "tool_ended" and entry["id"] == tool_id]
        return str(ended[-1]["outcome"]) if ended else ""

    def delay(self) -> Iterator[str]:
        """Of a reply: from the caller's silence to the agent's first packet, and what it went into."""
        started = self.first("turn_started")
        silent, decided, audio = self._last("lull"), self.decided_ms, self.of("first_audio")
        if (
            started is None
            or started.get("kind") != "reply"
            or silent is None
            or decided is None
            or audio is None
        ):
            return
        token = max(decided, self.of("first_token") or decided)
        sound = min(audio, max(token, self.of("first_sound") or token))
        parts = {
            "waited for more": decided - silent,
            "thought": token - decided,
            "voice": sound - token,
            "on its way": audio - sound,
        }
        told = ", ".join(f"{ms:.0f} {what}" for what, ms in parts.items() if ms >= 1)
        yield f"{audio - silent:.0f} ms after the caller fell silent: {told}"


def _as_heard(turn: Entry) -> str:
    """What reached the caller, and behind a bar what did not."""
    said, heard = str(turn["said"]), str(turn["heard"])
    if said == heard:
        return said
    unheard = said[len(heard) :].strip() if said.startswith(heard) else said
    return f"{heard} |cut off| {unheard}"


def _notes(turn: Entry, moments: _Moments) -> Iterator[str]:
    verdict = moments.first("confirm")
    if verdict is not None:
        words = f", {verdict['words']!r}" if verdict.get("words") else ""
        yield f"interrupted: {verdict['rule']}{words}, after {float(verdict['speech_ms']):.0f} ms of speech"
    if turn["rejects"]:
        yield f"held for what was no interruption: {turn['rejects']} times"
    for tool in turn["tools"]:
        yield f"tool {tool['name']}: {moments.outcome(tool['id']) or tool['outcome']}"
    if turn["error"]:
        yield f"failed: {turn['error']}"


def _said(at_ms: float | None, who: str, text: str) -> list[str]:
    when = f"{at_ms / 1000:7.1f} s" if at_ms is not None else " " * 9
    head = f"{when}  {who:<6}  "
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * MARGIN) or [head.rstrip()]
