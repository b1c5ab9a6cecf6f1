"""An agent whose mind, voice and ears are real adapters, over a network without sockets.

At its ends stand servers that can be told to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import trio

from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.config import ProviderSettings, Secret
from mediasrv.conversation.tools import Tool
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.script import parse_script
from mediasrv.providers.voices import FormantVoice
from tests.fakes.providers import FakeNet, speech
from tests.fakes.providers import openai_chat as chat
from tests.fakes.providers.network import Serve
from tests.sim.faults.stage import all_of, told
from tests.sim.faults.talk import Story
from tests.sim.scenario import Staging
from tests.sim.world import World

MIND, SPARE_MIND = "mind.example", "spare-mind.example"
VOICE, SPARE_VOICE = "voice.example", "spare-voice.example"


def provider(adapter: str, url: str, key: str, **more: float) -> ProviderSettings:
    return ProviderSettings(adapter, Secret(key), base_url=url, first_s=more.get("first_s", 2.0))


PROVIDERS: Mapping[str, ProviderSettings] = {
    "mind": provider("openai", f"https://{MIND}/v1", chat.KEY),
    "spare_mind": provider("openai", f"https://{SPARE_MIND}/v1", chat.KEY),
    "voice": provider("elevenlabs-socket", f"https://{VOICE}", speech.KEY),
    "spare_voice": provider("elevenlabs", f"https://{SPARE_VOICE}", speech.KEY),
}


@dataclass
class Wires:
    """A staging. `servers`: what stands at which host; who is named and does not stand there refuses connections."""

    script: str
    servers: Mapping[str, Callable[[], Serve]]
    minds: Sequence[str] = ()  # none: the script thinks
    voices: Sequence[str] = ()  # none: the script speaks
    providers: Mapping[str, ProviderSettings] = field(default_factory=lambda: PROVIDERS)
    ears: Sequence[str] = ()  # none: the script hears

    def __call__(self, world: World) -> None:
        net = FakeNet(world.outside)
        for host, serve in self.servers.items():
            net.stand(host, serve())
        house = ProviderHouse(self.providers, net=net, environment={}, chance=Random(world.seed))
        world.outside.start_soon(_keep_open, house)
        script = parse_script(self.script)
        persona = Persona(
            "scripted", script.system, greeting=script.greeting, rehearses=False, speculates=False
        )

        def providers() -> Providers:
            made = scripted(script)
            mind = house.model(self.minds) if self.minds else made.llm
            voice = house.voice(self.voices) if self.voices else made.tts
            ears = house.ears(self.ears) if self.ears else made.stt
            return Providers(ears, mind, voice, FormantVoice())

        def tools(end_call: Callable[[], None]) -> Sequence[Tool]:
            return ()

        world.server._agents["scripted"] = ConversationAgent(persona, providers, tools)


async def _keep_open(house: ProviderHouse) -> None:
    async with house:
        await trio.sleep_forever()


def wired(wires: Wires, story: Story) -> Staging:
    return all_of(wires, told(story))
