"""`mediasrv trunks`: how the trunks of a running server stand, and which of their hosts live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from mediasrv.cli.control import ask, data_dir_option
from mediasrv.cli.output import print_json, print_table

_COLUMNS = ("trunk", "profile", "registration", "host", "state", "for")


@click.command()
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def trunks(data_dir: Path, *, as_json: bool) -> None:
    """How trunks stand, and which hosts answer."""
    (told,) = ask(data_dir, {"do": "trunks"})
    if as_json:
        print_json(told["trunks"])
        return
    print_table(_COLUMNS, [row for trunk in told["trunks"] for row in _rows(trunk)])


def _rows(trunk: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """One for each host; one in any case."""
    named = trunk["trunk"], trunk["profile"], trunk["registration"] or "-"
    for host in trunk["hosts"]:
        yield *named, host["host"], "up" if host["alive"] else "down", f"{host['since_s']:.0f} s"
    if not trunk["hosts"]:
        yield *named, ", ".join(trunk["places"]) or "-", "not asked", "-"
