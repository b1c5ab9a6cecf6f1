"""Sets the stage: agents made of unruly parts, and the story that is told with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mediasrv.call import Agent
from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.call.scripted_agent import ScriptedTool
from mediasrv.conversation.tools import Tool
from mediasrv.providers.protocols import LanguageModel, SpeechToText, TextToSpeech
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.script import parse_script
from tests.sim.faults.talk import Story, tell
from tests.sim.scenario import Staging
from tests.sim.world import World


@dataclass(frozen=True)
class Parts:
    """What is not as it should be, made around what would be; anew for each call."""

    ears: Callable[[SpeechToText], SpeechToText] = lambda ears: ears
    model: Callable[[LanguageModel], LanguageModel] = lambda model: model
    voice: Callable[[TextToSpeech], TextToSpeech] = lambda voice: voice
    tools: Callable[[], Sequence[Tool]] = tuple
    spare: bool = True  # a voice that stands in
    rehearses: bool = False


def agent_of(text: str, parts: Parts) -> ConversationAgent:
    """The scripted agent, with some of its parts replaced."""
    script = parse_script(text)
    persona = Persona(
        "scripted", script.system, script.uninterruptible, script.greeting, script.voice.name,
        speculates=script.model.speculates, rehearses=parts.rehearses,
    )  # fmt: skip

    def providers() -> Providers:
        made = scripted(script)
        spare = made.spare_voice if parts.spare else None
        return Providers(parts.ears(made.stt), parts.model(made.llm), parts.voice(made.tts), spare)

    def tools(end_call: Callable[[], None]) -> Sequence[Tool]:
        own = list(parts.tools())
        taken = {tool.spec.name for tool in own}
        return [*own, *(ScriptedTool(tool, end_call) for tool in script.tool if tool.name not in taken)]

    return ConversationAgent(persona, providers, tools)


def with_agent(agent: Callable[[], Agent], *stagings: Staging) -> Staging:
    """Whoever calls reaches this one."""

    def stage(world: World) -> None:
        world.server._agents["scripted"] = agent()
        for staging in stagings:
            staging(world)

    return stage


def told(story: Story) -> Staging:
    """What the caller does is this story."""

    def stage(world: World) -> None:
        world.outside.start_soon(partial(tell, story, world))

    return stage


def all_of(*stagings: Staging) -> Staging:
    def stage(world: World) -> None:
        for staging in stagings:
            staging(world)

    return stage
