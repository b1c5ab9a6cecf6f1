"""The agent that follows a script: a conversation like any other, with providers and tools that a file describes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.conversation.tools import OnCancel, Prepared, Tool, ToolResult, ToolSpec
from mediasrv.providers.protocols import ToolCall
from mediasrv.providers.registry import scripted
from mediasrv.providers.script import Script, ScriptTool
from mediasrv.providers.voices import prepare


@dataclass(frozen=True, slots=True)
class ScriptedTool:
    """Takes the time and gives the result that the script says; may end the call."""

    script: ScriptTool
    end_call: Callable[[], None]

    @property
    def spec(self) -> ToolSpec:
        tool = self.script
        return ToolSpec(
            tool.name, tool.description, on_cancel=OnCancel(tool.on_cancel), deadline_s=tool.deadline_s,
            ends_call=tool.ends_call,
        )  # fmt: skip

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.sleep(self.script.takes_ms / 1000)
        if self.script.fails:
            return ToolResult(prepared.call.id, f"failed: {self.script.result}", ok=False)
        if self.script.ends_call:
            self.end_call()
        return ToolResult(prepared.call.id, self.script.result)


def scripted_agent(script: Script, voice: str = "") -> ConversationAgent:
    scripted(script)  # what cannot be built is told now, and not by the first call
    if script.voice.kind == "formant":
        prepare(script.spoken(), voice or script.voice.name)
    persona = Persona(
        name="scripted", system=script.system, notice=script.uninterruptible, greeting=script.greeting,
        voice=voice or script.voice.name, speculates=script.model.speculates,
        rehearses=script.voice.rehearses,
    )  # fmt: skip

    def tools(end_call: Callable[[], None]) -> Sequence[Tool]:
        return [ScriptedTool(tool, end_call) for tool in script.tool]

    return ConversationAgent(persona, lambda: scripted(script), tools)
