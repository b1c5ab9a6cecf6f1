"""The group of all commands, and the one place where an error becomes a line and an exit status.

A command's module is imported when that command is asked for: so `doctor` can say that the native modules are not
built, where importing them would only fail, and `version` does not wait for the server's imports.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

import click

import mediasrv
from mediasrv.errors import ConfigError, MediasrvError

COMMANDS = {
    "serve": "mediasrv.cli.serve",
    "doctor": "mediasrv.cli.doctor",
    "call": "mediasrv.cli.call",
    "agents": "mediasrv.cli.agents",
    "calls": "mediasrv.cli.calls",
    "users": "mediasrv.cli.users",
    "trunks": "mediasrv.cli.shown.trunks",
    "say": "mediasrv.cli.say",
    "bench": "mediasrv.bench.cli",
    "version": "mediasrv.cli.version",
}


class Commands(click.Group):
    """Imports what it is asked for, and turns this package's own errors into click's: one line, and a status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, module in COMMANDS.items() if _exists(module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        except (
            Exception
        ) as error:  # a native module that is missing, half written, or built for other sources
            problem = f"{type(error).__name__}: {error}; `mediasrv doctor` says what is missing"
            raise click.ClickException(problem) from error
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Exception as error:
            ours = _ours(error)
            if ours is None:
                raise
            kind = _QuestionWasWrong if isinstance(ours, ConfigError) else _AnswerIsBad
            raise kind(str(ours)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(mediasrv.__version__, prog_name="mediasrv")
def commands() -> None:
    """A real-time media server for AI voice agents: telephone calls in, conversations out."""


def main() -> NoReturn:
    commands.main(prog_name="mediasrv")
    sys.exit(0)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the room that it would stand in is not installed
        return False


def _ours(error: Exception) -> MediasrvError | None:
    """This package's error, out of the groups that nurseries put around it; none, if there is any other in them."""
    first, *others = _leaves(error)
    ours = [one for one in (first, *others) if isinstance(one, MediasrvError)]
    return ours[0] if len(ours) == 1 + len(others) else None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


class _AnswerIsBad(click.ClickException):
    exit_code = 1


class _QuestionWasWrong(click.ClickException):
    exit_code = 2
