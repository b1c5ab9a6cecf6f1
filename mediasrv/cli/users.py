"""`mediasrv users`: who may register here and call from anywhere, by name and password.

It writes the file that a running server follows, so a change counts within a second and nothing is restarted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mediasrv.cli.output import print_json, print_table
from mediasrv.config import CONFIG_FILE_VARIABLE, USERS_TRUNK, Settings, load
from mediasrv.errors import ConfigError
from mediasrv.ids import SystemTokens
from mediasrv.server.access.user_file import UserFile
from mediasrv.server.access.users import User, drawn_password

Command = Callable[..., Any]


@click.group()
def users() -> None:
    """Telephones that may register, with a name and a password.

    They call from anywhere, and can be called.
    """


def place(command: Command) -> Command:
    """Where the server's settings and data are, as `mediasrv serve` is told it."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar=CONFIG_FILE_VARIABLE,
        help="TOML file of settings.",
    )
    data_dir = click.option("--data-dir", help="The server's directory [server.data_dir].")
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
    return config(data_dir(as_json(command)))


@users.command("list")
@place
def list_(config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Who there is, and whose calls theirs are."""
    _, file = _open(config, data_dir)
    found = sorted(file.read(), key=lambda user: user.name)
    if as_json:
        print_json([{"name": user.name, "trunk": user.trunk} for user in found])
    else:
        print_table(("name", "trunk"), [(user.name, user.trunk) for user in found])


@users.command()
@click.argument("name")
@click.option("--trunk", default=USERS_TRUNK, show_default=True, help="Whose calls theirs are.")
@click.option("--password-stdin", is_flag=True, help="Reads the password; otherwise one is made and printed.")
@place
def add(
    name: str, trunk: str, password_stdin: bool, config: Path | None, data_dir: str | None, as_json: bool
) -> None:
    """A new user, with a password that is printed this once."""
    settings, file = _open(config, data_dir)
    if trunk not in settings.trunks:
        raise ConfigError("--trunk", f"there is {', '.join(sorted(settings.trunks))}", value=trunk)
    password = _password(password_stdin)
    file.add(User.made(name, settings.sip.realm, password, trunk))
    _tell(name, "" if password_stdin else password, as_json=as_json)


@users.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Reads the password; otherwise one is made and printed.")
@place
def change_password(
    name: str, password_stdin: bool, config: Path | None, data_dir: str | None, as_json: bool
) -> None:
    """Another password for a user, printed this once.

    The one before opens nothing any more.
    """
    _, file = _open(config, data_dir)
    new = _password(password_stdin)
    file.change_password(name, new)
    _tell(name, "" if password_stdin else new, as_json=as_json)


@users.command()
@click.argument("name")
@place
def remove(name: str, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """A user less.

    No more calls, no more registrations, and nobody reaches the telephone.
    """
    _, file = _open(config, data_dir)
    file.remove(name)
    if as_json:
        print_json({"name": name})


def _open(config: Path | None, data_dir: str | None) -> tuple[Settings, UserFile]:
    given = {} if data_dir is None else {"server.data_dir": ("--data-dir", data_dir)}
    settings = load(config, os.environ, given)
    return settings, UserFile(Path(settings.server.data_dir), settings.sip.realm)


def _password(from_stdin: bool) -> str:
    """Never an argument: those can be read in the list of processes."""
    if not from_stdin:
        return drawn_password(SystemTokens())
    return sys.stdin.readline().rstrip("\r\n")


def _tell(name: str, password: str, *, as_json: bool) -> None:
    """A password that was read is known already."""
    if as_json:
        print_json({"name": name, **({"password": password} if password else {})})
    elif password:
        click.echo(f"{name}: {password}")
