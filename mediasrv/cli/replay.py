"""`mediasrv calls replay`: a call that was captured, run once more in virtual time, and what was not the same."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mediasrv.call import Agent
from mediasrv.call.declared.cast import Cast
from mediasrv.cli.output import print_json
from mediasrv.config import Settings, load
from mediasrv.conversation.agents import Library
from mediasrv.errors import ConfigError
from mediasrv.replay.difference import Row, around, rows
from mediasrv.replay.repeat import Repetition, repeat
from mediasrv.replay.tape import Tape
from mediasrv.server import wiring

DIFFERENT = 1
FILES = ("script", "menu", "knowledge")  # that `agents` names


@click.command()
@click.argument("call")
@click.option(
    "--data-dir", default="data", show_default=True, type=click.Path(path_type=Path), help="The server's."
)
@click.option(
    "--set",
    "changed",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of `calls` or `agents` that is another.",
)
@click.option("--diff", "whole", is_flag=True, help="The whole timeline, and not only where it differs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def replay(call: str, data_dir: Path, changed: tuple[str, ...], *, whole: bool, as_json: bool) -> None:
    """Runs CALL again: its name, or the file of its recording. Status 1 when it is not the same."""
    path = Path(call)
    if not path.is_file():
        path = data_dir / "calls" / f"{call}.replay.jsonl"
    done = run_again(Tape.read(path), changed)
    found = list(rows(done.then, done.now))
    if as_json:
        print_json(_as_json(done, found if whole else around(found)))
    else:
        _tell(done, found if whole else around(found))
    if not done.is_same:
        raise SystemExit(DIFFERENT)


def run_again(tape: Tape, changed: tuple[str, ...] = ()) -> Repetition:
    """With the settings that it had, but for those that are changed."""
    with tempfile.TemporaryDirectory() as directory:
        settings = _settings(tape, Path(directory), changed)
        return repeat(tape, _agent(settings, tape.beginning.agent), wiring.call_settings(settings))


def _settings(tape: Tape, directory: Path, changed: tuple[str, ...]) -> Settings:
    """The files that they name are put where they can be read."""
    flags: dict[str, tuple[str, str]] = {}
    for each in changed:
        key, equals, value = each.partition("=")
        if not equals or key.partition(".")[0] not in tape.beginning.settings:
            known = " or ".join(f"{name}.KEY=VALUE" for name in tape.beginning.settings)
            raise ConfigError("--set", f"must be {known}", value=each)
        flags[key] = ("--set", value)
    table: dict[str, dict[str, Any]] = {
        name: dict(section) for name, section in tape.beginning.settings.items()
    }
    _put_files(table["agents"], tape.beginning.files, directory)
    return load(None, {}, flags, table)


def _put_files(agents: dict[str, Any], files: Mapping[str, str], directory: Path) -> None:
    for number, (name, text) in enumerate(files.items()):
        is_declaration = name not in [agents.get(each) for each in FILES]
        place = directory / (Path(name).name if is_declaration else f"{number}.toml")
        place.write_text(text)
        for each in FILES:
            if agents.get(each) == name:
                agents[each] = str(place)
    agents["directory"] = str(directory) if agents.get("directory") else ""


def _agent(settings: Settings, name: str) -> Agent:
    cast = Cast(Library(settings.agents.directory), _no_house)
    return cast.agent(name) or wiring.agent(settings, name)


def _no_house(_: object) -> Any:
    raise ConfigError("providers", "a call that is run again asks none")


def _tell(done: Repetition, shown: list[Row]) -> None:
    for why in done.beyond:
        click.echo(f"not exact: {why}")
    for row in shown:
        click.echo(f"{row.mark} {row.ms:>18}  {row.event:<16} {row.details}".rstrip())
    if done.is_same:
        click.echo(f"the same: {len(done.now)} lines, {done.sent} packets")
        return
    if done.left_step:
        click.echo(f"parted at {done.left_step_ms:.1f} ms: {done.left_step}")
    click.echo(
        f"not the same: {len(done.then)} lines then, {len(done.now)} now; "
        f"{len(done.sent_otherwise)} of {done.sent} packets differ"
    )


def _as_json(done: Repetition, shown: list[Row]) -> dict[str, object]:
    return {
        "same": done.is_same, "lines_then": len(done.then), "lines_now": len(done.now), "packets": done.sent,
        "packets_otherwise": len(done.sent_otherwise), "parted_ms": done.left_step_ms if done.left_step else None,
        "parted_because": done.left_step, "not_exact": done.beyond,
        "rows": [{"mark": row.mark, "ms": row.ms, "event": row.event, "details": row.details} for row in shown],
    }  # fmt: skip
