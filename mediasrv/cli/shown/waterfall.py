"""Turns drawn: a line for each span, all lines of a turn on one axis whose zero is the caller's last word.

    turn 2  reply at balanced, interrupted, heard after 1.10 s
            "what do you have on Monday"
               -1 s        0           1 s         2 s
    caller  ~~~~~~~~~~~~~~~|                                      1.46 s
    pause                  |......                                520 ms until it was its turn
    agent                  |      ===                             250 ms
    spoken                 |             ################         1.74 s of sound
    held                   |                             !!!!     stopped after 400 ms: keyword "no"

Each kind of span has a sign of its own, so that nothing depends on colours; a terminal has blocks and colours besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from mediasrv.cli.shown.spans import Kind, Span, TurnView

LABEL = 12  # characters
TOLD = 44  # at least, beside the bars
NARROWEST_BARS = 24
TICK_EVERY = 12  # characters, at least

SIGNS: Mapping[Kind, tuple[str, str, str]] = {  # on paper, on a terminal, and its colour there
    "caller": ("~", "▒", "cyan"),
    "pause": (".", "·", "bright_black"),
    "stage": ("=", "■", "yellow"),
    "tool": ("+", "■", "magenta"),
    "voice": ("-", "■", "blue"),
    "spoken": ("#", "█", "green"),
    "mask": ("o", "○", "white"),
    "held": ("!", "▚", "red"),
    "failed": ("x", "×", "bold red"),
}


def waterfall(views: Sequence[TurnView], width: int, *, terminal: bool) -> Iterator[Text]:
    """The lines of all turns, no wider than `width` where that leaves room for bars."""
    bars = max(NARROWEST_BARS, width - LABEL - TOLD)
    for view in views:
        axis = _axis(view, bars)
        yield from _heading(view, terminal=terminal)
        if view.spans:
            yield Text(" " * LABEL + axis.ticks(), "bright_black" if terminal else "")
        for span in view.spans:
            yield _line(span, axis, terminal=terminal)
        yield from _ending(view, width)
        yield Text("")


@dataclass(frozen=True, slots=True)
class _Axis:
    from_ms: float
    to_ms: float
    zero_ms: float
    columns: int

    def column(self, ms: float) -> int:
        share = (ms - self.from_ms) / (self.to_ms - self.from_ms)
        return min(self.columns, max(0, int(share * self.columns)))

    def ticks(self) -> str:
        """Labels at round times, each over the column where its time begins."""
        step_ms = _round_step((self.to_ms - self.from_ms) * TICK_EVERY / self.columns)
        row = [" "] * (self.columns + TICK_EVERY)
        first = -int((self.zero_ms - self.from_ms) / step_ms)
        last = int((self.to_ms - self.zero_ms) / step_ms)
        for number in range(first, last + 1):
            at = self.column(self.zero_ms + number * step_ms)
            label = _label(number * step_ms)
            row[at : at + len(label)] = label
        return "".join(row).rstrip()


def _axis(view: TurnView, columns: int) -> _Axis:
    times = [view.zero_ms, *(ms for span in view.spans for ms in (span.from_ms, span.to_ms))]
    return _Axis(min(times), max(max(times), min(times) + 1.0), view.zero_ms, columns)


def _round_step(at_least_ms: float) -> float:
    step_ms = 1.0
    for factor in (2, 2.5, 2) * 6:  # 1, 2, 5, 10, ... up to a thousand seconds
        if step_ms >= at_least_ms:
            break
        step_ms *= factor
    return step_ms


def _label(ms: float) -> str:
    if ms == 0:
        return "0"
    return f"{ms / 1000:g} s" if abs(ms) >= 1_000 else f"{ms:g} ms"


def _line(span: Span, axis: _Axis, *, terminal: bool) -> Text:
    sign, block, colour = SIGNS[span.kind]
    from_column = min(axis.columns - 1, axis.column(span.from_ms))
    to_column = max(from_column + 1, axis.column(span.to_ms))
    zero = min(axis.columns - 1, axis.column(axis.zero_ms))
    bar = (block if terminal else sign) * (to_column - from_column)
    before = " " * zero + "|" if zero < from_column else ""
    after = " " * (zero - to_column) + "|" if zero >= to_column else ""
    line = Text(f"{span.name[: LABEL - 1]:<{LABEL}}")
    line.append(f"{before:<{from_column}}", "bright_black" if terminal else "")
    line.append(bar, colour if terminal else "")
    line.append(f"{after:<{axis.columns - to_column}}", "bright_black" if terminal else "")
    line.append(f"  {span.told}".rstrip())
    line.rstrip()
    return line


def _heading(view: TurnView, *, terminal: bool) -> Iterator[Text]:
    name = f"turn {view.number}"
    yield Text.assemble((f"{name:<{LABEL}}", "bold" if terminal else ""), view.headline)
    if view.asked:
        yield Text(f'{"":<{LABEL}}"{view.asked}"')


def _ending(view: TurnView, width: int) -> Iterator[Text]:
    if view.said:
        yield from _folded("said", f'"{view.said}"', width)
        if view.heard != view.said:
            yield from _folded("heard", f'"{view.heard}"', width)
    for remark in view.remarks:
        yield from _folded("", remark, width)


def _folded(label: str, text: str, width: int) -> Iterator[Text]:
    """In as many lines as it takes, under each other."""
    room, line = max(NARROWEST_BARS, width - LABEL), ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > room:
            yield Text(f"{label:<{LABEL}}{line}")
            label, line = "", ""
        line = f"{line} {word}" if line else word
    yield Text(f"{label:<{LABEL}}{line}")
