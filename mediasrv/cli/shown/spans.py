"""What happened in a turn, as spans of time: out of its record, and out of the call's timeline around it.

A record tells how long things took since the turn began; the timeline, when the caller spoke, when the voice was held
and why it went on or did not, when a tool was asked and a silence filled. Here all of it is on the call's own clock.

A reply is measured from the caller's last word: that is what a caller waits from. One that was begun ahead begins
before it, and is not heard before it was promoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Entry = Mapping[str, Any]
Kind = Literal["caller", "pause", "stage", "tool", "voice", "spoken", "mask", "held", "failed"]

SHORTEST_STAGE_MS = 1.0  # what is over sooner is only named
VERDICTS = ("confirm", "reject")


@dataclass(frozen=True, slots=True)
class Span:
    """Milliseconds since the call began; a moment ends when it begins."""

    name: str
    kind: Kind
    from_ms: float
    to_ms: float
    told: str = ""


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn, ready to be drawn. `zero_ms`: the caller's last word, or where the turn began without one."""

    number: int
    headline: str
    zero_ms: float
    asked: str
    said: str
    heard: str
    spans: Sequence[Span]
    remarks: Sequence[str] = field(default_factory=tuple)


def views(turns: Sequence[Entry], timeline: Sequence[Entry]) -> Iterator[TurnView]:
    """In order, guesses that came to nothing included."""
    timeline = sorted(timeline, key=lambda entry: float(entry.get("ms", 0)))  # some is told of late
    for turn in turns:
        yield _view(turn, timeline)


def _view(turn: Entry, timeline: Sequence[Entry]) -> TurnView:
    number, began_ms = int(turn.get("number", 0)), float(turn.get("began_ms", 0))
    own = [entry for entry in timeline if entry.get("turn") == number]
    speech = _caller(turn, own, timeline) if turn.get("kind") == "reply" else None
    due_ms = next((_ms(entry) for entry in own if entry.get("event") == "promoted"), began_ms)
    zero_ms = min(speech.to_ms, due_ms) if speech is not None else began_ms
    spans = [speech] if speech is not None else []
    is_due = turn.get("ending") != "speculated"  # a guess that was none has never had its turn
    if zero_ms < due_ms and is_due:
        spans.append(
            Span("pause", "pause", zero_ms, due_ms, f"{_time(due_ms - zero_ms)} until it was its turn")
        )
    spans += _stages(turn, began_ms)
    spans += _tools(turn, own)
    spans += _sound(turn, began_ms)
    spans += _events(own)
    headline = ", ".join(_headline(turn, zero_ms, due_ms))
    said, heard = str(turn.get("said", "")), str(turn.get("heard", ""))
    return TurnView(number, headline, zero_ms, str(turn.get("asked", "")), said, heard, spans, _remarks(turn))


# ---- the caller ------------------------------------------------------------------------------------------------------


def _caller(turn: Entry, own: Sequence[Entry], timeline: Sequence[Entry]) -> Span | None:
    """The last that the caller said before it was the agent's turn: from its onset to its end."""
    began_ms = float(turn.get("began_ms", 0))
    until_ms = next((_ms(entry) for entry in own if entry.get("event") == "promoted"), began_ms)
    from_ms: float | None = None
    to_ms: float | None = None
    for entry in timeline:
        if _ms(entry) > until_ms:
            break
        match entry.get("event"):
            case "speech_began":
                from_ms, to_ms = _ms(entry), None
            case "speech_ended" | "lull":  # whichever comes first is nearer to the last word
                to_ms = _ms(entry) if to_ms is None else to_ms
            case "lull_over":
                to_ms = None
    if from_ms is None:
        return None
    end_ms = until_ms if to_ms is None else to_ms
    return Span("caller", "caller", from_ms, end_ms, _time(end_ms - from_ms))


# ---- thinking and speaking -------------------------------------------------------------------------------------------


def _stages(turn: Entry, began_ms: float) -> Iterator[Span]:
    """Each from when the one before it had its first piece to when it had one itself."""
    before_ms = 0.0
    for stage in turn.get("stages") or ():
        first_ms, busy_ms = stage.get("first_ms"), float(stage.get("busy_ms") or 0)
        until_ms = float(first_ms) if first_ms is not None else before_ms + busy_ms
        if until_ms - before_ms >= SHORTEST_STAGE_MS or busy_ms >= SHORTEST_STAGE_MS:
            told = f"{_time(until_ms - before_ms)}" if first_ms is not None else "nothing came of it"
            if busy_ms - (until_ms - before_ms) >= SHORTEST_STAGE_MS:
                told += f", worked {_time(busy_ms)} in all"
            yield Span(str(stage.get("stage")), "stage", began_ms + before_ms, began_ms + until_ms, told)
        before_ms = max(before_ms, until_ms)


def _tools(turn: Entry, own: Sequence[Entry]) -> Iterator[Span]:
    called = {entry.get("id"): _ms(entry) for entry in own if entry.get("event") == "tool"}
    for tool in turn.get("tools") or ():
        began_ms = called.get(tool.get("id"))
        if began_ms is not None:
            lasted_ms = float(tool.get("ms") or 0)
            told = f"{_time(lasted_ms)}, {tool.get('outcome')} ({tool.get('on_cancel')})"
            yield Span(f"tool {tool.get('name')}", "tool", began_ms, began_ms + lasted_ms, told)


def _sound(turn: Entry, began_ms: float) -> Iterator[Span]:
    first_sound, first_audio = turn.get("first_sound_ms"), turn.get("first_audio_ms")
    first_line = (turn.get("pace") or {}).get("first_line_ms")
    if first_sound is not None:
        from_ms = min(first_sound, max([float(first_line or 0), *_firsts(turn)]))
        told = f"first sound after {_time(first_sound - from_ms)}"
        yield Span("voice", "voice", began_ms + from_ms, began_ms + first_sound, told)
    if first_audio is not None:
        ended_ms = float(turn.get("ended_ms") or first_audio)
        told = f"{_time(float(turn.get('sent_ms') or 0))} of sound"
        yield Span("spoken", "spoken", began_ms + first_audio, began_ms + max(first_audio, ended_ms), told)


def _firsts(turn: Entry) -> list[float]:
    return [
        float(stage["first_ms"]) for stage in turn.get("stages") or () if stage.get("first_ms") is not None
    ]


# ---- what came between -----------------------------------------------------------------------------------------------


def _events(own: Sequence[Entry]) -> Iterator[Span]:
    held_ms: float | None = None
    for entry in own:
        match entry.get("event"):
            case "hold":
                held_ms = _ms(entry)
            case "confirm" | "reject" as verdict if held_ms is not None:
                yield Span("held", "held", held_ms, _ms(entry), _verdict(verdict, entry))
                held_ms = None
            case "confirm":
                yield Span("stopped", "held", _ms(entry), _ms(entry), _verdict("confirm", entry))
            case "masked":
                told = f'"{entry["text"]}"' if entry.get("text") else "a soft tone"
                yield Span("filled", "mask", _ms(entry), _ms(entry), told)
            case "provider_failed":
                yield Span("failed", "failed", _ms(entry), _ms(entry), str(entry.get("problem", "")))
    if held_ms is not None:
        yield Span("held", "held", held_ms, held_ms, "and nothing was decided")


def _verdict(verdict: str, entry: Entry) -> str:
    what = "stopped" if verdict == "confirm" else "went on"
    words = f' "{entry["words"]}"' if entry.get("words") else ""
    held_ms = float(entry.get("held_ms") or 0)
    return f"{what} after {_time(held_ms)}: {entry.get('rule', '')}{words}"


# ---- words about it --------------------------------------------------------------------------------------------------

ENDINGS = {
    "user_barge_in": "interrupted",
    "replaced": "the caller went on: answered with what was added",
    "speculated": "a guess, and not what was asked",
    "error": "failed",
    "hangup": "the call ended in it",
}


def _headline(turn: Entry, zero_ms: float, due_ms: float) -> Iterator[str]:
    kind = " at ".join(str(turn[name]) for name in ("kind", "level") if turn.get(name))
    yield f"{kind}, {_time(float(turn.get('began_ms', 0)))} into the call"
    ending = str(turn.get("ending", ""))
    if ending:
        yield ENDINGS.get(ending, ending)
    if turn.get("ahead"):
        lead_ms = due_ms - float(turn.get("began_ms", 0))
        yield "begun ahead" + (f" by {_time(lead_ms)}" if lead_ms > 0 else "")
    if turn.get("first_audio_ms") is not None:
        after_ms = float(turn.get("began_ms", 0)) + float(turn["first_audio_ms"]) - zero_ms
        yield f"heard after {_time(after_ms)}"


def _remarks(turn: Entry) -> list[str]:
    remarks = [f"{one.get('stage')}: {one.get('what')}" for one in turn.get("decisions") or ()]
    if turn.get("cancel_ms") is not None:
        remarks.append(f"all tasks gone {_time(float(turn['cancel_ms']))} after it was cancelled")
    return [*remarks, *_cost(turn)]


def _cost(turn: Entry) -> Iterator[str]:
    services: dict[str, list[Entry]] = {}
    for use in turn.get("usage") or ():
        services.setdefault(str(use.get("service")), []).append(use)
    if not services:
        return
    parts = [f"{name} {_units(uses)}" for name, uses in services.items()]
    wasted = _money(turn.get("wasted_usd"))
    in_vain = f", {wasted} of it in vain" if wasted != "0" else ""
    yield f"cost {_money(turn.get('cost_usd'))} USD{in_vain}: {', '.join(parts)}"


def _units(uses: Sequence[Entry]) -> str:
    counts: dict[str, int] = {}
    for use in uses:
        for unit, count in (use.get("units") or {}).items():
            counts[unit] = counts.get(unit, 0) + int(count)
    heard_ms = counts.pop("audio_ms", 0)
    told = [f"{heard_ms / 1000:.1f} s"] if heard_ms else []
    return " + ".join([*told, *(f"{count} {unit.replace('_', ' ')}" for unit, count in counts.items())])


def _money(usd: object) -> str:
    text = str(usd or "0")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


def _ms(entry: Entry) -> float:
    return float(entry.get("ms", 0))


def _time(ms: float) -> str:
    if abs(ms) >= 1_000:
        return f"{ms / 1000:.2f} s"
    return f"{ms:.0f} ms" if abs(ms) >= 10 or ms == 0 else f"{ms:.1f} ms"
