"""`mediasrv agents`: who could answer a call, what an agent's file comes to, and a chat with it in writing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
import msgspec
import trio

from mediasrv.call.agents import AGENTS, AgentSettings, build_agent
from mediasrv.call.declared import Chat
from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.cli.chat import hold_chat
from mediasrv.cli.output import print_json, print_table
from mediasrv.clock import SystemClock
from mediasrv.config import CONFIG_FILE_VARIABLE, Secret, Settings, load
from mediasrv.conversation.agents import AgentDeclaration, Library
from mediasrv.conversation.pipeline import LEVELS, level_named
from mediasrv.conversation.tools import Tool
from mediasrv.errors import ConfigError
from mediasrv.ids import DEFAULT_TENANT, CallId, SystemTokens
from mediasrv.providers.protocols import LanguageModel
from mediasrv.server import wiring
from mediasrv.telemetry import Timeline

config_option = click.option(
    "--config", type=click.Path(path_type=Path), envvar=CONFIG_FILE_VARIABLE, help="TOML file of settings."
)


@click.group()
def agents() -> None:
    """Agents, built in and declared by files (docs/agents.md)."""


@agents.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_(config: Path | None, as_json: bool) -> None:
    """Every agent by its name, and the number that leads to it."""
    settings = load(config, os.environ, {})
    numbers = {name: number for number, name in settings.agents.numbers.items()}
    rows = [{"name": name, "kind": "built in", "level": "", "about": ""} for name in AGENTS]
    rows += [
        {"name": found.name, "kind": "file", "level": found.level, "about": found.description}
        for found in Library(settings.agents.directory)
    ]
    rows = [{**row, "number": numbers.get(row["name"], "")} for row in rows]
    if as_json:
        print_json(rows)
    else:
        columns = ("name", "number", "kind", "level", "about")
        print_table(columns, [[row[column] for column in columns] for row in rows])


@agents.command()
@click.argument("name")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(name: str, config: Path | None, as_json: bool) -> None:
    """What an agent's file comes to.

    Prompt and knowledge, tools, level of optimisation, providers.
    """
    settings = load(config, os.environ, {})
    found = Library(settings.agents.directory).find(name)
    if found is None:
        raise ConfigError("agent", "there is no file of that name", value=name)
    fields = {**msgspec.to_builtins(_without_secrets(found)), "prompt": found.system}
    del fields["known"]
    if as_json:
        print_json(fields)
    else:
        print_table(("key", "value"), [(key, _shown(value)) for key, value in fields.items()])


@agents.command()
@click.argument("name")
@config_option
@click.option("--level", type=click.Choice(list(LEVELS)), help="Of optimisation, instead of the agent's own.")
@click.option(
    "--json", "as_json", is_flag=True, help="One record of each turn, as JSON, instead of the text."
)
def chat(name: str, config: Path | None, level: str | None, as_json: bool) -> None:
    """Talks with an agent in writing: a call without the sound.

    Ctrl-C interrupts a reply as a caller would; with none to interrupt, it ends the chat.
    """
    settings = load(config, os.environ, {})
    trio.run(_chat, settings, name, level, as_json)


async def _chat(settings: Settings, name: str, level: str | None, as_json: bool) -> None:
    clock = SystemClock()
    call = CallId(SystemTokens().token())
    timeline = Timeline(_Records(print_json if as_json else None), clock, call, DEFAULT_TENANT)
    async with open_mind(settings, name) as mind, trio.open_nursery() as nursery:
        persona = replace(mind.persona, level=level_named(level)) if level else mind.persona
        talk = Chat(call, persona, mind.llm, mind.tools, clock=clock, timeline=timeline, nursery=nursery)
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            await hold_chat(talk, _read_line, _ignore if as_json else _write, interrupts)
        nursery.cancel_scope.cancel()


@dataclass(frozen=True, slots=True)
class OpenMind:
    """What a chat needs of an agent."""

    persona: Persona
    llm: LanguageModel
    tools: Callable[[Callable[[], None]], Sequence[Tool]]


@asynccontextmanager
async def open_mind(settings: Settings, name: str) -> AsyncIterator[OpenMind]:
    """A declared agent's, or that of one built in which converses."""
    cast = wiring.cast(settings)
    declared = cast.agent(name)
    if declared is not None:
        async with cast.open(speaking=False):
            yield OpenMind(declared.persona, cast.model(name), declared.tools)
        return
    agent = build_agent(name, AgentSettings(script=settings.agents.script, voice=settings.agents.voice))
    if not isinstance(agent, ConversationAgent):
        raise ConfigError("agent", "is not one to talk with", value=name)
    yield OpenMind(agent.persona, agent.providers().llm, agent.tools)


class _Records:
    """Shows the record of each turn, if anybody wants to see it."""

    def __init__(self, show: Callable[[object], None] | None) -> None:
        self._show = show

    def write(self, call: CallId, kind: str, record: Mapping[str, object]) -> None:
        if kind == "turn" and self._show is not None:
            self._show(record)


async def _read_line() -> str:
    """A thread waits for the keyboard; it is left behind when the chat ends first."""
    return await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)


def _write(text: str) -> None:
    click.echo(text, nl=False)


def _ignore(text: str) -> None: ...


def _without_secrets(declared: AgentDeclaration) -> AgentDeclaration:
    """Of a tool's header, that it is set: a name that stands for its value (`$NAME`) is no secret, the value is."""
    tools = [
        msgspec.structs.replace(
            tool,
            headers={
                name: value if value.startswith("$") else str(Secret(value))
                for name, value in tool.headers.items()
            },
        )
        for tool in declared.tool
    ]
    return msgspec.structs.replace(declared, tool=tuple(tools))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
