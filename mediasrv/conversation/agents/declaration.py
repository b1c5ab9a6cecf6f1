"""One agent's file, read strictly: a key that does not exist or a value of the wrong kind is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from mediasrv.conversation.arguments import check_for
from mediasrv.conversation.cleaning import Cleaning
from mediasrv.conversation.pipeline.levels import LEVELS, Level
from mediasrv.conversation.tools import NO_PARAMETERS, OnCancel
from mediasrv.conversation.window import HistoryWindow
from mediasrv.errors import ConfigError

LARGEST_FILE_BYTES = 200_000
LONGEST_KNOWLEDGE_CHARACTERS = 24_000  # it goes into every request: more is for a search, not for a prompt


class ToolDeclaration(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool that is an HTTP service: its arguments are posted as JSON, and what it answers is the result."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+(/\S*)?$")]
    description: str = ""
    parameters: dict[str, object] = field(default_factory=lambda: dict(NO_PARAMETERS))
    on_cancel: Literal["cancel", "shield", "commit_if_heard"] = "cancel"
    deadline_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    headers: dict[str, str] = field(default_factory=dict)  # `$NAME` is the environment's NAME

    @property
    def cancellation(self) -> OnCancel:
        return OnCancel(self.on_cancel)


class ProviderNames(Struct, frozen=True, forbid_unknown_fields=True):
    """Of `[providers.NAME]` in the server's configuration; the first is used, the others when it fails."""

    model: tuple[str, ...] = ("model",)
    voice: tuple[str, ...] = ()  # none: whose the agent's voice is, or `voice`
    ears: tuple[str, ...] = ("ears",)


class AgentDeclaration(Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers, and how."""

    prompt: Annotated[str, Meta(min_length=1)]
    name: str = ""  # the file's
    description: str = ""
    notice: str = ""  # said first, and not to be interrupted
    greeting: str = ""
    voice: str = ""  # of `[voices.NAME]`, or what the first provider calls one of its own
    level: str = "balanced"
    cleaning: Literal["none", "light", "full"] = "full"
    knowledge: tuple[str, ...] = ()  # files beside this one, as text
    providers: ProviderNames = ProviderNames()
    history: HistoryWindow = HistoryWindow()  # of a long call, what the model is told
    tool: tuple[ToolDeclaration, ...] = ()
    known: str = ""  # what the files of `knowledge` say

    @property
    def optimisation(self) -> Level:
        return LEVELS[self.level]

    @property
    def tidiness(self) -> Cleaning:
        return Cleaning(self.cleaning)

    @property
    def system(self) -> str:
        """The first message of the history: the prompt, and what the agent knows."""
        return (
            f"{self.prompt.strip()}\n\nWhat you know:\n\n{self.known}" if self.known else self.prompt.strip()
        )


def read_declaration(file: Path) -> AgentDeclaration:
    """The agent in that file; ConfigError says what is wrong with it, and where."""
    source = str(file)
    try:
        declared = msgspec.toml.decode(_read(file, LARGEST_FILE_BYTES), type=AgentDeclaration)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError("agent", str(error), source=source) from error
    if declared.name or declared.known:
        raise ConfigError("name, known", "must not be set: they follow from files", source=source)
    if declared.level not in LEVELS:
        raise ConfigError("level", f"must be one of {', '.join(LEVELS)}", source=source, value=declared.level)
    names = [tool.name for tool in declared.tool]
    if len(set(names)) < len(names):
        raise ConfigError("tool", "two have the same name", source=source)
    for tool in declared.tool:
        check_for(tool.name, tool.parameters)
    return msgspec.structs.replace(declared, name=file.stem, known=_knowledge(file, declared.knowledge))


def _knowledge(file: Path, names: tuple[str, ...]) -> str:
    """What files in the agent's own directory say; no other is read."""
    texts = []
    for name in names:
        if Path(name).name != name:
            raise ConfigError("knowledge", "must name files beside this one", source=str(file), value=name)
        texts.append(_read(file.with_name(name), LARGEST_FILE_BYTES).decode(errors="replace").strip())
    known = "\n\n".join(texts)
    if len(known) > LONGEST_KNOWLEDGE_CHARACTERS:
        problem = f"{len(known)} characters; a prompt has room for {LONGEST_KNOWLEDGE_CHARACTERS}"
        raise ConfigError("knowledge", problem, source=str(file))
    return known


def _read(file: Path, most_bytes: int) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError("agent", error.strerror or str(error), source=str(file)) from error
    if len(content) > most_bytes:
        raise ConfigError("agent", f"larger than {most_bytes} bytes", source=str(file))
    return content
