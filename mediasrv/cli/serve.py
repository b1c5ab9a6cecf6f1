"""`mediasrv serve`: the server, until it is told to stop."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path

import click
import trio

from mediasrv.cli.welcome import announce_as_json, welcome
from mediasrv.clock import SystemClock
from mediasrv.config import CONFIG_FILE_VARIABLE, Settings, load
from mediasrv.errors import LocalError
from mediasrv.ids import SystemTokens
from mediasrv.replay.steps import run_by_age
from mediasrv.server import Ready, Server, native_engine
from mediasrv.server import serve as run_server
from mediasrv.server.keeping import Keeping
from mediasrv.server.network.reach import dns_records
from mediasrv.server.network.streams import open_streams
from mediasrv.telemetry import logging_to


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), envvar=CONFIG_FILE_VARIABLE, help="TOML file of settings."
)
@click.option("--data-dir", help="Directory for timelines and records [server.data_dir].")
@click.option(
    "--sip", metavar="HOST:PORT", help="Where to listen for calls; port 0 takes a free one [sip.listen]."
)
@click.option("--rtp-ports", metavar="A-B", help="UDP ports for sound [media.rtp_ports].")
@click.option(
    "--agent",
    metavar="NAME",
    help="Answers every number that is no user's name: echo, tone, menu, scripted or demo [agents.default].",
)
@click.option(
    "--capture",
    is_flag=True,
    help="Keep each call's messages and packets, and all that it takes to run it again [calls.capture].",
)
@click.option(
    "--json", "as_json", is_flag=True, help="On a terminal, too: what it says and logs as JSON lines."
)
def serve(
    config: Path | None,
    data_dir: str | None,
    sip: str | None,
    rtp_ports: str | None,
    agent: str | None,
    capture: bool,
    as_json: bool,
) -> None:
    """Takes calls until SIGTERM or SIGINT.

    It says on stdout when it does: one JSON line, and at the first start another with new users' passwords; on a
    terminal the same in words. Logs go to stderr.

    The first signal lets running calls finish, for server.drain_s at most; the second ends them at once.
    """
    flags = {
        "server.data_dir": ("--data-dir", data_dir),
        "sip.listen": ("--sip", sip),
        "media.rtp_ports": ("--rtp-ports", rtp_ports),
        "agents.default": ("--agent", agent),
    }
    given = {key: (flag, value) for key, (flag, value) in flags.items() if value is not None}
    if capture:
        given["calls.capture"] = ("--capture", "true")
    if agent is not None:  # "every number": also those that the file gives to somebody else
        given["agents.numbers"] = ("--agent", "{}")
    settings = load(config, os.environ, given)

    def announce(ready: Ready) -> None:
        if as_json or not sys.stdout.isatty():
            announce_as_json(ready)
        else:
            click.echo(welcome(ready, settings))

    plain = not as_json and sys.stderr.isatty()
    with logging_to(level=settings.server.log_level, plain=plain):
        keeping = _keeping(settings)
        server = Server(
            settings,
            clock=keeping.clock if keeping else SystemClock(),
            tokens=SystemTokens(),
            open_engine=partial(native_engine, border=keeping.border) if keeping else native_engine,
            keeping=keeping,
            open_streams=open_streams,
            open_records=dns_records,
        )
        trio.run(
            partial(run_server, server, announce),
            clock=keeping.clock if keeping else None,
            instruments=[keeping.passes] if keeping else [],
        )


def _keeping(settings: Settings) -> Keeping | None:
    """For calls that can be run again; without it they are still captured."""
    if not settings.calls.capture:
        return None
    try:
        run_by_age()
    except LocalError as error:
        logging.getLogger(__name__).warning("calls cannot be run again", extra={"problem": str(error)})
        return None
    return Keeping.new()
