"""Reports as people read them: one table, nested names joined by dots."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table


def flat(report: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, "-" if value is None else f"{value:,}" if type(value) is int else str(value)


def show(report: Mapping[str, object], *, as_json: bool) -> None:
    """One JSON object on one line, or a table."""
    if as_json:
        print(json.dumps(report))
        return
    table = Table("figure", "value", title=f"bench {report['bench']}")
    table.columns[1].justify = "right"
    for name, value in flat(report):
        if name != "bench":
            table.add_row(name, value)
    Console().print(table)
