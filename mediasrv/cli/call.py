"""`mediasrv call`: has the running server call somebody, and follows what becomes of it.

Status 0: somebody picked up. 1: nobody did, or the call ended by a fault. 2: it was asked for wrongly. 3: no server
answers. 130: it was interrupted, which hangs up.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mediasrv.cli.control import ask
from mediasrv.cli.output import print_json

NOT_ANSWERED = 1
REFUSED = 2
INTERRUPTED = 130
FAULTS = ("fault",)

_SAID = {
    "dialling": "calling {to} at {at}",
    "ringing": "ringing",
    "redirected": "sent on to {to}",
    "not_followed": "not sent on to {to}: {problem}",
    "not_found": "{problem}",
    "not_reached": "cannot be reached there: {status} {reason}",
    "refused": "{status} {reason}",
    "unacceptable_answer": "the answer makes no sense: {problem}",
    "early_media": "the network can be heard",
}


@click.command()
@click.argument("to")
@click.option("--agent", help="Who leads it; otherwise the one of `agents.default`.")
@click.option("--trunk", help="Over which it goes out; otherwise the first that has hosts.")
@click.option(
    "--data-dir", default="data", show_default=True, type=click.Path(path_type=Path), help="The server's."
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="Told to who is called: an X- header or User-to-User; may be repeated.",
)
@click.option("--detach", is_flag=True, help="Prints the call's name, and leaves it to itself.")
@click.option("--json", "as_json", is_flag=True, help="The call's timeline as JSON lines, its record last.")
def call(
    to: str,
    agent: str | None,
    trunk: str | None,
    data_dir: Path,
    headers: tuple[str, ...],
    *,
    detach: bool,
    as_json: bool,
) -> None:
    """Has the running server call somebody.

    TO is a number, an extension, or a sip: address. Ctrl-C hangs up.
    """
    request: dict[str, object] = {"do": "call", "to": to, "agent": agent, "trunk": trunk}
    if headers:
        told = (header.partition(":") for header in headers)
        request["headers"] = {name.strip(): value.strip() for name, _, value in told}
    if detach:
        request["follow"] = False
    last: dict[str, Any] = {}
    try:
        for last in ask(data_dir, request):
            if as_json:
                print_json(last)
            else:
                _show(last)
    except KeyboardInterrupt:
        click.echo("hung up", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(_status(last))


def _show(line: dict[str, Any]) -> None:
    event = line.get("event")
    if event == "answered":
        click.echo(f"answered after {line['ms']:.0f} ms")
    elif event in _SAID:
        click.echo(_SAID[event].format_map(_Blank(line)))
    elif line.get("done"):
        _show_end(line)


def _show_end(line: dict[str, Any]) -> None:
    if "error" in line:
        click.echo(line["error"], err=True)
        return
    record = line.get("record")
    if not record:
        click.echo(line["call"])
        return
    problem = f": {record['error']}" if record["error"] else ""
    click.echo(f"{record['ending'].replace('_', ' ')}{problem} ({record['call']})")


def _status(last: dict[str, Any]) -> int:
    if "error" in last:
        return REFUSED
    record = last.get("record")
    if record is None:
        return 0
    return 0 if record["answered"] and record["ending"] not in FAULTS else NOT_ANSWERED


class _Blank(dict[str, Any]):
    """What a line does not tell is left out."""

    def __missing__(self, key: str) -> str:
        return ""
