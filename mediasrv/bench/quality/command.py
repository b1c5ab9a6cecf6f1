"""`mediasrv bench quality`: the tables by name, made one after the other, as JSON or on the screen.

The tables need the extra `quality`, which a server does without. So they are imported when they are asked for, and
what is missing is said before anything runs.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table as Grid

from mediasrv.bench.quality.table import Case, Figures, Plan, Table

TABLES: Mapping[str, str] = {
    name: f"mediasrv.bench.quality.{name}" for name in ("aec", "plc", "jitter", "vad", "keys")
}
PACKAGES = ("numpy", "matplotlib", "onnxruntime", "speechmos", "pesq")  # of the extra `quality`


@click.command("quality")
@click.option(
    "--only", multiple=True, type=click.Choice(list(TABLES)), help="This table; may be given several times."
)
@click.option("--brief", is_flag=True, help="A fraction of the material: for a look, not for a claim.")
@click.option("--seed", default=1, show_default=True, help="Of noises, losses and networks.")
@click.option(
    "--pictures",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for curves and spectrograms.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of tables.")
def bench_quality(
    *, only: Sequence[str], brief: bool, seed: int, pictures: Path | None, as_json: bool
) -> None:
    """How good it sounds and how well it hears.

    Beside a reference, on the same material.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"bench quality needs {', '.join(missing)}: pip install 'mediasrv[quality]', or make quality"
        )
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    tables = made([name for name in TABLES if name in only or not only], Plan(seed, brief, pictures))
    if as_json:
        about = {"bench": "quality", "seed": seed, "brief": brief}
        print(json.dumps(about | {table.name: table.as_json() for table in tables}))
        return
    console = Console()
    for table in tables:
        console.print(*grids(table))


def made(names: Sequence[str], plan: Plan) -> Iterator[Table]:
    """Each when it is asked for: they take minutes."""
    for name in names:
        yield importlib.import_module(TABLES[name]).run(plan)


# ---- on the screen -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one case, of everybody who was tried."""

    case: str
    figure: str
    values: Sequence[float | None]  # None: that contender has no such figure


def grids(table: Table) -> Iterator[Grid]:
    """One for all neighbouring cases with the same contenders, and one for what was to be reached."""
    for contenders, cases in groupby(table.cases, lambda case: tuple(case.contenders)):
        grid = Grid("case", "figure", *contenders, title=f"bench quality: {table.name}")
        for column in grid.columns[2:]:
            column.justify = "right"
        for row in (row for case in cases for row in rows_of(case)):
            grid.add_row(row.case, row.figure, *map(shown, row.values))
        yield grid
    reached = Grid("summary", "value")
    for name, value in table.summary.items():
        reached.add_row(name, shown(value))
    yield reached


def rows_of(case: Case) -> Iterator[Row]:
    """The case's name stands before its first figure only."""
    figures: Sequence[Figures] = list(case.contenders.values())
    names = dict.fromkeys(name for each in figures for name in each)  # in the order in which they came
    for number, name in enumerate(names):
        yield Row(case.name if number == 0 else "", name, [each.get(name) for each in figures])


def shown(value: float | bool | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
