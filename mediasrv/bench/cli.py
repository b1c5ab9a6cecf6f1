"""`mediasrv bench`: each benchmark as a command. docs/bench.md says what the figures mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import click
import trio

from mediasrv.bench import media
from mediasrv.bench.report import show
from mediasrv.errors import MediasrvError

as_json_option = click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of a table.")


@click.group()
def bench() -> None:
    """Measures this build on this machine; docs/bench.md explains every figure."""


def carry_out(run: Callable[[], Awaitable[Mapping[str, object]]], *, as_json: bool) -> None:
    """Exit status 0 when it ran, whatever the figures; 1 when it could not."""
    problems: list[str] = []
    try:
        show(trio.run(run), as_json=as_json)
    except* MediasrvError as failed:
        problems = [str(error) for error in leaves(failed)]
    if problems:
        raise click.ClickException("; ".join(problems))


def leaves(group: BaseExceptionGroup[MediasrvError]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


@bench.command("media")
@click.option(
    "--calls", default=200, show_default=True, type=click.IntRange(1, 1_000), help="Streams at once."
)
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(1, 3_600), help="For each mode."
)
@click.option(
    "--busy/--no-busy", default=True, show_default=True, help="A Python thread that never rests beside it."
)
@as_json_option
def bench_media(*, calls: int, seconds: float, busy: bool, as_json: bool) -> None:
    """What a stream costs, and how evenly it sends."""
    load = media.Load(calls, seconds, busy)
    carry_out(lambda: media.run(load), as_json=as_json)
