"""The agent's way to end a call: never by a good-bye that nobody has heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from mediasrv.conversation.tools import HANG_UP, OnCancel, Prepared, ToolResult, ToolSpec
from mediasrv.providers.protocols import ToolCall


@dataclass(frozen=True, slots=True)
class HangUp:
    """Ends the call, once the caller has heard the last words."""

    end_call: Callable[[], None]

    @property
    def spec(self) -> ToolSpec:
        about = "Ends the call, when all is said and you have taken leave."
        return ToolSpec(HANG_UP, about, on_cancel=OnCancel.COMMIT_IF_HEARD)

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        self.end_call()
        return ToolResult(prepared.call.id, "done")
