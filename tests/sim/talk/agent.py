"""What the agent of a story has to say, as the script that the scripted agent follows (docs/scripted.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]
GREETING = "Good day."


@dataclass(slots=True)
class AgentScript:
    """Tables of the file: single ones by their name, and lists of tables."""

    top: dict[str, Value] = field(default_factory=lambda: {"name": "story", "greeting": GREETING})
    tables: dict[str, dict[str, Value]] = field(
        default_factory=lambda: {"voice": {}, "model": {}, "ears": {}}
    )
    lists: dict[str, list[dict[str, Value]]] = field(default_factory=dict)

    def sets(self, table: str, **values: Value) -> None:
        """In `voice`, `model` or `ears`."""
        self.tables[table].update(values)

    def adds(self, table: str, **values: Value) -> None:
        """One `reply`, `hears`, `tool` or `fault` more."""
        self.lists.setdefault(table, []).append(values)

    def toml(self) -> str:
        lines = [_line(key, value) for key, value in self.top.items()]
        for name, values in self.tables.items():
            lines += [f"[{name}]", *(_line(key, value) for key, value in values.items())]
        for name, tables in self.lists.items():
            for values in tables:
                lines += [f"[[{name}]]", *(_line(key, value) for key, value in values.items())]
        return "\n".join(lines) + "\n"


def _line(key: str, value: Value) -> str:
    return f"{key} = {_written(value)}"


def _written(value: Value) -> str:
    """Strings, numbers and truths are written in TOML as in JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(_line(key, inner) for key, inner in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_written(inner) for inner in value) + "]"
    return json.dumps(value)
