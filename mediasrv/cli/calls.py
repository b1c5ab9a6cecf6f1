"""`mediasrv calls`: what happened in a call, read back from its files; and what happens just now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mediasrv.cli.control import ask, data_dir_option
from mediasrv.cli.output import print_drawing, print_json, print_table
from mediasrv.cli.replay import replay
from mediasrv.cli.shown import ladder, talk, views, waterfall
from mediasrv.cli.shown.live import watch

_IDENTITIES = ("ms", "event", "call", "tenant")
_LISTED = ("id", "began", "caller", "called", "seconds", "ending")


@click.group(invoke_without_command=True)
@click.option("--live", is_flag=True, help="Follows the calls of a running server, second by second.")
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="With --live: one JSON object a line and second.")
@click.pass_context
def calls(context: click.Context, data_dir: Path, *, live: bool, as_json: bool) -> None:
    """Calls that were; with --live, those that are."""
    if context.invoked_subcommand is not None:
        return
    if live:
        watch(data_dir, as_json=as_json)
        return
    click.echo(context.get_help())
    context.exit(2)


calls.add_command(replay)


@calls.command("list")
@data_dir_option
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many, newest last.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array of the calls' records.")
def list_(data_dir: Path, last: int, as_json: bool) -> None:
    """The calls that have ended, newest last."""
    files = (data_dir / "calls").glob("*.call.jsonl")
    records = sorted((entry for file in files for entry in _read(file)[-1:]), key=_began)[-last:]
    if as_json:
        print_json(records)
        return
    print_table(_LISTED, [_row(record) for record in records])


@calls.command()
@click.argument("call_id")
@data_dir_option
@click.option("--ladder", "shown", flag_value="ladder", help="Its messages only.")
@click.option("--turns", "shown", flag_value="turns", help="Its turns only, each as a waterfall.")
@click.option("--talk", "shown", flag_value="talk", help="Who said what, and what each reply took.")
@click.option("--table", "shown", flag_value="table", help="One line an event, in columns.")
@click.option("--json", "shown", flag_value="json", help="One JSON object: timeline, turns, call.")
def show(call_id: str, data_dir: Path, shown: str | None) -> None:
    """One call, as a ladder and its turns, or as a conversation.

    The ladder has its messages, and what happened between them; a turn is a waterfall of what its reply waited for.
    """
    directory = data_dir / "calls"
    timeline = directory / f"{call_id}.timeline.jsonl"
    if "/" in call_id or not timeline.is_file():
        raise click.BadParameter(f"there is no {timeline}", param_hint="CALL_ID")
    entries, turns = _read(timeline), _read(directory / f"{call_id}.turns.jsonl")
    match shown:
        case "json":
            record = _read(directory / f"{call_id}.call.jsonl")
            last = record[-1] if record else None
            print_json({"call": call_id, "timeline": entries, "turns": turns, "record": last})
        case "talk":
            click.echo("\n".join(talk(turns, entries)) or "nobody talked: no agent of this call converses")
        case "table":
            rows = [(f"{each.get('ms', 0):.0f}", each.get("event", ""), _details(each)) for each in entries]
            print_table(("ms", "event", ""), rows)
        case "turns":
            _print_turns(turns, entries)
        case "ladder":
            click.echo("\n".join(ladder(entries, _details)))
        case _:
            click.echo("\n".join(ladder(entries, _details)))
            _print_turns(turns, entries)


def _print_turns(turns: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
    print_drawing(lambda width, terminal: waterfall([*views(turns, entries)], width, terminal=terminal))


@calls.command()
@click.argument("call_id")
@data_dir_option
def hangup(call_id: str, data_dir: Path) -> None:
    """Ends one call that goes on."""
    _demand(data_dir, {"do": "hang_up", "call": call_id})


@calls.command()
@click.argument("call_id")
@click.argument("to")
@data_dir_option
def transfer(call_id: str, to: str, data_dir: Path) -> None:
    """Hands the other side of one call over to TO, and leaves it."""
    _demand(data_dir, {"do": "transfer", "call": call_id, "to": to})


@calls.command()
@click.argument("call_id")
@click.argument("to")
@click.option("--trunk", help="Over which TO is called; otherwise the first that has hosts.")
@data_dir_option
def supervise(call_id: str, to: str, trunk: str | None, data_dir: Path) -> None:
    """Calls TO, who then listens in on one call."""
    _demand(data_dir, {"do": "supervise", "call": call_id, "to": to, "trunk": trunk, "follow": False})


def _demand(data_dir: Path, request: dict[str, object]) -> None:
    """Status 1 when it cannot be done."""
    for line in ask(data_dir, request):
        if "error" in line:
            raise click.ClickException(line["error"])


def _row(record: dict[str, Any]) -> list[str]:
    told = {
        **record,
        "began": _began(record)[:16].replace("T", " "),
        "seconds": f"{record.get('duration_ms', 0) / 1000:.1f}",
    }
    return [str(told.get(name, "")) for name in _LISTED]


def _began(record: dict[str, Any]) -> str:
    return str(record.get("began", ""))


def _read(file: Path) -> list[dict[str, Any]]:
    """The lines of a file that are whole; the last may be half written while the call runs."""
    if not file.is_file():
        return []
    entries = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def _details(entry: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={value}" for key, value in entry.items() if key not in _IDENTITIES)
