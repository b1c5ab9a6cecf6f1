"""What a tool is, and what it means to it that the caller interrupts.

`prepare` has no effect on the world; `commit` has, under a key that is the same however often it is tried. A tool
that needs no such split prepares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from mediasrv.providers.protocols import ToolCall

HANG_UP = "hang_up"  # the tool by which an agent ends its call, where it has one
NO_PARAMETERS: Mapping[str, object] = {"type": "object", "properties": {}}


class OnCancel(Enum):
    CANCEL = "cancel"  # dies with the turn
    SHIELD = "shield"  # goes on to its end; the model is told later
    COMMIT_IF_HEARD = "commit_if_heard"  # acts only when the caller has heard the reply


@dataclass(frozen=True, slots=True)
class ToolSpec:
    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=lambda: NO_PARAMETERS)
    on_cancel: OnCancel = OnCancel.CANCEL
    deadline_s: float = 10.0
    idempotent: bool = False
    ends_call: bool = False  # whatever else it declares, it acts only when the caller has heard the reply

    @property
    def policy(self) -> OnCancel:
        return OnCancel.COMMIT_IF_HEARD if self.ends_call else self.on_cancel

    def described(self) -> Mapping[str, object]:
        """As a language model is told of it."""
        return {"name": self.name, "description": self.description, "parameters": self.parameters}


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that `commit` needs; `preview` is what the model may say meanwhile."""

    call: ToolCall
    preview: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    call_id: str
    text: str
    ok: bool = True


class Tool(Protocol):
    @property
    def spec(self) -> ToolSpec: ...
    async def prepare(self, call: ToolCall) -> Prepared: ...
    async def commit(self, prepared: Prepared, key: str) -> ToolResult: ...
