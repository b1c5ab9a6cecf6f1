"""`mediasrv version`."""

from __future__ import annotations

import platform
from importlib import metadata

import click
import trio

import mediasrv
from mediasrv.cli.output import print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def version(as_json: bool) -> None:
    """Which version this is, and of what it is made."""
    parts = {
        "mediasrv": mediasrv.__version__,
        "python": platform.python_version(),
        "trio": trio.__version__,
        "click": metadata.version("click"),
        "msgspec": metadata.version("msgspec"),
        "platform": platform.platform(),
    }
    if as_json:
        print_json(parts)
        return
    for name, value in parts.items():
        click.echo(f"{name:10} {value}")
