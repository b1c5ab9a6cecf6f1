"""Where agents are found: the operator's directory, and behind it those that ship."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mediasrv.conversation.agents.declaration import AgentDeclaration, read_declaration
from mediasrv.errors import ConfigError

SHIPPED = Path(__file__).with_name("shipped")


class Library:
    """`directory`: the operator's; empty, there is none."""

    def __init__(self, directory: str = "") -> None:
        if directory and not Path(directory).is_dir():
            raise ConfigError("agents.directory", "is no directory", value=directory)
        self._directories = [*([Path(directory)] if directory else []), SHIPPED]

    def names(self) -> list[str]:
        return sorted({file.stem for directory in self._directories for file in directory.glob("*.toml")})

    def find(self, name: str) -> AgentDeclaration | None:
        """The agent of that name; ConfigError when its file is wrong."""
        for directory in self._directories:
            file = directory / f"{name}.toml"
            if file.name == f"{name}.toml" and file.is_file():
                return read_declaration(file)
        return None

    def __iter__(self) -> Iterator[AgentDeclaration]:
        for name in self.names():
            if (declared := self.find(name)) is not None:
                yield declared
