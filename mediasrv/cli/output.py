"""What commands print: one JSON object, or a table or a drawing for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

PAPER_WIDTH = 120  # where there is no terminal to have one


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


def print_drawing(draw: Callable[[int, bool], Iterable[Text]]) -> None:
    """Lines that were made for this width, and for a terminal or not."""
    console = Console(highlight=False)
    width = console.width if console.is_terminal else PAPER_WIDTH
    for line in draw(width, console.is_terminal):
        console.print(line, soft_wrap=True)
