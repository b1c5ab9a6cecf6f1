"""What commands print: one JSON object, or a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_json(value: object) -> None:
    """One line, written at once: somebody may be waiting for it in a pipe."""
    click.echo(msgspec.json.encode(value, enc_hook=str).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: brackets are not markup
    Console(highlight=False, soft_wrap=False).print(table)
