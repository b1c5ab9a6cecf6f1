"""`mediasrv bench`: status 0 when a benchmark ran, whatever its figures; docs/bench.md explains them."""

from __future__ import annotations

import importlib

import click
import trio

from mediasrv.bench import barge_in, determinism, interruptions, media, turn, words
from mediasrv.bench.churn import rounds as churn
from mediasrv.bench.quality.command import bench_quality
from mediasrv.bench.report import show

as_json_option = click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of a table.")


@click.group()
def bench() -> None:
    """Measures this build on this machine; docs/bench.md explains every figure."""


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
    show(trio.run(media.run, load), as_json=as_json)


@bench.command("barge-in")
@click.option(
    "--trials", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Interruptions."
)
@click.option(
    "--calls-in-background", default=0, show_default=True, type=click.IntRange(0, 1_000), help="Who talk too."
)
@click.option(
    "--callers", default=4, show_default=True, type=click.IntRange(1, 100), help="Who interrupt, at once."
)
@click.option("--seed", default=1, show_default=True, help="Of the instants and the words.")
@as_json_option
def bench_barge_in(*, trials: int, calls_in_background: int, callers: int, seed: int, as_json: bool) -> None:
    """How long the agent goes on talking when the caller begins to."""
    plan = barge_in.Plan(trials, calls_in_background, min(callers, trials), seed)
    show(trio.run(barge_in.run, plan), as_json=as_json)


@bench.command("turn")
@click.option(
    "--calls", "--talking", "calls",
    default=10, show_default=True, type=click.IntRange(1, 500), help="Calls at once, all of which converse.",
)  # fmt: skip
@click.option("--turns", default=8, show_default=True, type=click.IntRange(1, 1_000), help="Turns a call.")
@click.option("--seed", default=1, show_default=True, help="Of the instants and the words.")
@as_json_option
def bench_turn(*, calls: int, turns: int, seed: int, as_json: bool) -> None:
    """What the server adds to a turn, beside the silence it waits for and its providers' time."""
    show(trio.run(turn.run, turn.Plan(calls, turns, seed)), as_json=as_json)


@bench.command("churn")
@click.option(
    "--calls", default=1_000, show_default=True, type=click.IntRange(1, 1_000_000), help="In all rounds."
)
@click.option(
    "--rounds", default=4, show_default=True, type=click.IntRange(1, 1_000), help="With 38 s after each."
)
@click.option(
    "--at-once", default=40, show_default=True, type=click.IntRange(1, 100), help="Calls that are up."
)
@click.option("--seed", default=1, show_default=True, help="Of who ends how, and when.")
@as_json_option
def bench_churn(*, calls: int, rounds: int, at_once: int, seed: int, as_json: bool) -> None:
    """What is left in a server of calls that ended in every way a call can end."""
    plan = churn.Plan(calls, min(rounds, calls), at_once, seed)
    show(trio.run(churn.run, plan), as_json=as_json)


@bench.command("determinism")
@click.option(
    "--minutes", default=1_000.0, show_default=True, type=click.FloatRange(1, 1e6), help="Of streams, in all."
)
@click.option("--seed", default=1, show_default=True, help="Of the networks, and of what everybody does.")
@as_json_option
def bench_determinism(*, minutes: float, seed: int, as_json: bool) -> None:
    """Whether the same seed gives the same run, to the bit, and how much faster than life."""
    show(determinism.run(determinism.Plan(minutes, seed)), as_json=as_json)


@bench.command("stt")
@click.option("--brief", is_flag=True, help="Two voices and a third of the questions: for a look.")
@click.option("--seed", default=1, show_default=True, help="Of which questions are asked, and of the noise.")
@as_json_option
def bench_stt(*, brief: bool, seed: int, as_json: bool) -> None:
    """What the embedded recogniser understands of the demonstration's own questions, and what it costs."""
    # numpy comes with the extras `test` and `quality`, which a server does without
    stt = importlib.import_module("mediasrv.bench.stt")
    show(stt.run(stt.Plan(brief, seed)), as_json=as_json)


@bench.command("words")
@click.option(
    "--rounds", default=500, show_default=True, type=click.IntRange(1, 100_000), help="Of each line."
)
@as_json_option
def bench_words(*, rounds: int, as_json: bool) -> None:
    """What cleaning, shaping and the stages of a turn take of a core."""
    show(trio.run(words.run, words.Plan(rounds)), as_json=as_json)


@bench.command("interruptions")
@click.option("--seed", default=1, show_default=True, help="Of the coughs, the clicks and the noise.")
@click.option(
    "--recogniser-ms", default=250, show_default=True, type=click.IntRange(0, 2_000),
    help="From a word's end until the recogniser tells it.",
)  # fmt: skip
@as_json_option
def bench_interruptions(*, seed: int, recogniser_ms: int, as_json: bool) -> None:
    """What cuts the agent off and should not, and what should and does not."""
    show(interruptions.run(interruptions.Plan(seed, recogniser_ms)), as_json=as_json)


bench.add_command(bench_quality)
