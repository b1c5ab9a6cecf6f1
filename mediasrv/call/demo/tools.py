"""What the demonstration's agent can do besides talk: book a table in a restaurant that does not exist, and hang up."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import trio

from mediasrv.conversation.tools import OnCancel, Prepared, ToolResult, ToolSpec
from mediasrv.providers.knowledge.model import HANG_UP
from mediasrv.providers.protocols import ToolCall

BOOKS_WITHIN_S = 0.3  # a real one would ask somebody


@dataclass(frozen=True, slots=True)
class BookTable:
    """Goes on when the caller interrupts: who said yes wants the table."""

    name: str

    @property
    def spec(self) -> ToolSpec:
        words = {"type": "string"}
        parameters = {
            "type": "object",
            "properties": {"people": words, "day": words, "time": words},
            "required": ["people", "day", "time"],
        }
        return ToolSpec(self.name, "Books a table in the restaurant.", parameters, OnCancel.SHIELD)

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        """The number is made of the key: however often it is tried, it is one booking."""
        await trio.sleep(BOOKS_WITHIN_S)
        return ToolResult(prepared.call.id, str(100 + zlib.crc32(key.encode()) % 900))


@dataclass(frozen=True, slots=True)
class HangUp:
    """Ends the call, once the caller has heard the last words."""

    end_call: Callable[[], None]

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(HANG_UP, "Ends the call.", on_cancel=OnCancel.COMMIT_IF_HEARD)

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        self.end_call()
        return ToolResult(prepared.call.id, "done")
