"""What the commands ask of a running server: one request, and its words until it is done."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mediasrv.server.control import CONTROL_SOCKET, socket_address

data_dir_option = click.option(
    "--data-dir", default="data", show_default=True, type=click.Path(path_type=Path), help="The server's."
)


class NoServer(click.ClickException):
    """Nobody answers, or it ended in the middle."""

    exit_code = 3


def ask(data_dir: Path, request: dict[str, object]) -> Iterator[dict[str, Any]]:
    """The lines of the answer, the last of which has `done`; leaving it hangs up what it follows."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        try:
            with socket_address(data_dir, CONTROL_SOCKET) as address:
                server.connect(address)
            server.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise NoServer(f"no server is running on {data_dir}: {error.strerror}") from None
        with server.makefile(encoding="utf-8") as told:
            for text in told:
                line: dict[str, Any] = json.loads(text)
                yield line
                if line.get("done"):
                    return
    raise NoServer("the server is gone, or has too many who ask")
