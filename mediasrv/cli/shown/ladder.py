"""A call as a ladder: who told whom what, and what happened beside it, from the top downwards.

     ms  192.0.2.7:5060             mediasrv             198.51.100.4:5060
      0  |-- INVITE 100 ---------------->|                                |
      1  |<--------------- 100 Trying ---|                                |
      9  |                               |                                |  answered

We stand second, because most calls have one other side; each further one gets a column of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

STEP = 34  # characters from one line of life to the next
US = "mediasrv"


def ladder(entries: Sequence[Entry], details: Callable[[Entry], str]) -> list[str]:
    """The lines; `details` puts what is not a message into words."""
    entries = _folded(
        sorted(entries, key=lambda entry: float(entry.get("ms", 0)))
    )  # messages may be told of late
    columns = _columns(entries)
    lines = [_heading(columns)]
    seen: set[tuple[object, ...]] = set()
    for entry in entries:
        if entry.get("event") == "sip":
            row = _message(entry, columns, again=_is_repeated(entry, seen))
        else:
            row = f"{_lives(columns)}  {entry.get('event', '')}  {details(entry)}".rstrip()
        lines.append(f"{float(entry.get('ms', 0)):9.0f}  {row}")
    return lines


def _folded(entries: Iterable[Entry]) -> list[Entry]:
    """Words of the agent's voice that follow each other with nothing between them make one line."""
    folded: list[Entry] = []
    for entry in entries:
        if entry.get("event") == "word" and folded and folded[-1].get("event") == "word":
            folded[-1] = {**folded[-1], "word": f"{folded[-1]['word']} {entry['word']}"}
        else:
            folded.append(entry)
    return folded


def _columns(entries: Iterable[Entry]) -> dict[str, int]:
    """Where each party's line of life stands."""
    peers = list(dict.fromkeys(str(entry["peer"]) for entry in entries if entry.get("event") == "sip"))
    return {name: place * STEP for place, name in enumerate([*peers[:1], US, *peers[1:]])}


def _heading(columns: Mapping[str, int]) -> str:
    row = ""
    for name, at in columns.items():
        row = f"{row:<{at}}{name[: STEP - 2]}"
    return f"{'ms':>9}  {row}"


def _lives(columns: Mapping[str, int]) -> str:
    row = [" "] * (max(columns.values()) + 1)
    for at in columns.values():
        row[at] = "|"
    return "".join(row)


def _message(entry: Entry, columns: Mapping[str, int], *, again: bool) -> str:
    """An arrow from the one to the other, with the words on the sender's side of it."""
    peer, us = columns[str(entry["peer"])], columns[US]
    left, right = min(peer, us), max(peer, us)
    to_the_right = (peer < us) != bool(entry["sent"])
    room = right - left - 1
    words = _words(entry, again=again)
    words = f" {words[: room - 6]} "
    shaft = (
        f"--{words}".ljust(room - 1, "-") + ">" if to_the_right else "<" + f"{words}--".rjust(room - 1, "-")
    )
    row = _lives(columns)
    return row[: left + 1] + shaft + row[right:]


def _words(entry: Entry, *, again: bool) -> str:
    line, cseq = str(entry.get("line", "")), str(entry.get("cseq", ""))
    first, _, rest = line.partition(" ")
    if first == "SIP/2.0":
        words = f"{rest} ({cseq.partition(' ')[2]})" if not rest.startswith("100") else rest
    else:
        target = rest.rpartition(" SIP/")[0]
        words = f"{first} {_user(target)}" if first in ("INVITE", "REGISTER", "MESSAGE") else first
    return f"{words} (again)" if again else words


def _user(target: str) -> str:
    """Whom the request is for; its host is what the column says, most of the time."""
    user, at, _ = target.partition("@")
    return user.partition(":")[2] if at else target


def _is_repeated(entry: Entry, seen: set[tuple[object, ...]]) -> bool:
    what = tuple(entry.get(key) for key in ("peer", "sent", "line", "cseq", "octets"))
    if what in seen:
        return True
    seen.add(what)
    return False
