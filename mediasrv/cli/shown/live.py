"""`mediasrv calls --live`: what a running server says of its calls, a table that follows it or its own JSON lines."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mediasrv.server.control.local_socket import socket_address
from mediasrv.server.live import SOCKET

COLUMNS = (
    "call", "caller", "called", "s", "codec", "jitter ms", "loss %", "delay ms", "MOS", "ERLE dB", "speech dB",
    "noise dB", "starved", "state",
)  # fmt: skip
SERVER_IS_SILENT_S = 10.0


class ServerGone(click.ClickException):
    """Status 1."""


def lines(data_dir: Path) -> Iterator[str]:
    """The server's words, until it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(SERVER_IS_SILENT_S)
        try:
            with socket_address(data_dir, SOCKET) as address:
                server.connect(address)
        except OSError as error:
            raise ServerGone(f"no server is running on {data_dir}: {error.strerror}") from None
        with server.makefile(encoding="utf-8") as told:
            try:
                yield from told
            except OSError as error:
                raise ServerGone(f"the server no longer answers: {error}") from None
    raise ServerGone("the server is gone, or has too many watchers")


def watch(data_dir: Path, *, as_json: bool) -> None:
    """Until the server ends, or the person."""
    if as_json:
        for line in lines(data_dir):
            click.echo(line, nl=False)
        return
    with Live(console=Console(), auto_refresh=False) as screen:
        for line in lines(data_dir):
            screen.update(table(json.loads(line)), refresh=True)


def table(snapshot: dict[str, Any]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        shown.add_column(column)
    for call in snapshot["calls"]:
        for stream in call["streams"]:
            shown.add_row(*(Text(value) for value in _row(call, stream)))
    return shown


def _row(call: dict[str, Any], stream: dict[str, Any]) -> list[str]:
    return [
        call["id"], call["caller"], call["called"], f"{call['seconds']:.0f}", stream["codec"],
        f"{stream['jitter_us'] / 1000:.1f}", f"{100 * stream['loss']:.1f}",
        _or_dash(_delay_ms(stream), "{:.0f}"), _or_dash(stream["mos_conversational"], "{:.1f}"),
        _or_dash(stream["erle_db"], "{:.0f}"), f"{stream['speech_dbfs']:.0f}", f"{stream['noise_dbfs']:.0f}",
        str(stream["starved"]), "held" if stream["held"] else "",
    ]  # fmt: skip


def _delay_ms(stream: dict[str, Any]) -> float:
    """From the caller's mouth to who listens: half the way there and back, and the jitter buffer."""
    return float(stream["rtt_us"]) / 2000 + float(stream["bridge_delay_ms"])


def _or_dash(value: float, shape: str) -> str:
    """Zero means that it is not known."""
    return shape.format(value) if value else "-"
