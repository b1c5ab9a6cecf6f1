"""What two timelines of one call do not have in common, to be read: lines that are in both stand once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from mediasrv.replay.tape import Line

_IDENTITIES = ("ms", "event", "call", "tenant")
Mark = Literal[" ", "-", "+", "~"]
OF_NOTE_MS = 40.0  # two packets: less is how long this or that task waited for its turn


@dataclass(frozen=True, slots=True)
class Row:
    """` `: then and now; `-`: only then; `+`: only now; `~`: in both, and not at the same time or in all it says."""

    mark: Mark
    ms: str
    event: str
    details: str


def rows(
    then: Sequence[Line], now: Sequence[Line], key: Callable[[Line], str] | None = None
) -> Iterator[Row]:
    """All lines, in order; `key`: what makes two of them one."""
    keys_then, keys_now = ([(key or _key)(line) for line in side] for side in (then, now))
    for what, a, b, c, d in SequenceMatcher(None, keys_then, keys_now, autojunk=False).get_opcodes():
        if what == "equal":
            for was, became in zip(then[a:b], now[c:d], strict=True):
                yield _row(" ", was, became)
            continue
        for was in then[a:b]:
            yield _row("-", was)
        for became in now[c:d]:
            yield _row("+", became)


def alike(then: Sequence[Line], now: Sequence[Line]) -> bool:
    """The same things were said and done, at about the same times; what was measured and counted may differ."""
    return all(row.mark == " " or (row.mark == "~" and row.ms == "->") for row in rows(then, now, gist))


def gist(line: Line) -> str:
    """What a line tells in words."""
    if line.kind != "timeline":
        return _key(line)
    told = [f"{name}={value}" for name, value in line.record.items() if isinstance(value, str | bool)]
    return " ".join(text for text in told if not text.startswith(("call=", "tenant=")))


def around(all_rows: Sequence[Row], context: int = 3) -> list[Row]:
    """Those that differ, and a few before and behind."""
    differ = [place for place, row in enumerate(all_rows) if row.mark != " "]
    near = {place + step for place in differ for step in range(-context, context + 1)}
    return [row for place, row in enumerate(all_rows) if place in near]


def _key(line: Line) -> str:
    if line.kind != "timeline":
        return f"{line.kind} {line.record.get('turn', '')}"
    return f"{line.record.get('event')} {_details(line.record)}"


def _row(mark: Mark, line: Line, other: Line | None = None) -> Row:
    ms, event = _ms(line), str(line.record.get("event", f"({line.kind})"))
    if other is None or other == line:
        return Row(mark, ms, event, _details(line.record) if line.kind == "timeline" else "")
    if line.kind != "timeline":
        return Row("~", "->", event, _changed(line.record, other.record))
    later_ms = abs(float(other.record.get("ms", 0)) - float(line.record.get("ms", 0)))
    return Row("~" if later_ms >= OF_NOTE_MS else " ", f"{ms}->{_ms(other)}", event, _details(line.record))


def _ms(line: Line) -> str:
    return f"{line.record['ms']:.1f}" if "ms" in line.record else ""


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return "  ".join(f"{name}={_plain(then.get(name))}->{_plain(now.get(name))}" for name in names)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _details(record: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in record.items() if name not in _IDENTITIES)
