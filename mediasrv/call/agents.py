"""Agents that ship: `echo` and `tone` try a path out, `menu` is led by keys, `scripted` plays one
conversation, `demo` holds any about what it knows.

`user:1001` is one, too: it rings the telephones of that user.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import trio

from mediasrv.audio import BYTES_PER_SAMPLE, EARS_RATE_HZ, PTIME_MS, samples_in
from mediasrv.call.bridge.extension import ExtensionAgent
from mediasrv.call.call import Call
from mediasrv.call.demo import HOTEL, demo_agent
from mediasrv.call.menu import DEMO as DEMO_MENUS
from mediasrv.call.menu import menu_agent, read_menus
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.call.services import Agent, MediaNeeds
from mediasrv.config import USER_TARGET
from mediasrv.errors import ConfigError
from mediasrv.legs import Ending
from mediasrv.media import Arming
from mediasrv.providers.script import DEMO, read_script

DEAF = Arming(on_onset="ignore")
TONE_RATE_HZ = 8_000
LONGEST_ECHO_MS = 1_000


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What an agent may be told; each reads what concerns it."""

    script: str = ""  # TOML file of the scripted agent; empty: the one that is shipped
    voice: str = ""  # overrides the script's
    knowledge: str = ""  # TOML file of what the demo agent knows; empty: the one that is shipped
    spared_cpus: tuple[int, ...] = ()  # processors on which nothing is recognised
    menu: str = ""  # TOML file of the menus; empty: those that are shipped
    echo_delay_ms: int = PTIME_MS
    tone_hz: float = 440.0
    tone_dbfs: float = -20.0


class EchoAgent:
    """Gives back what it hears, as it hears it or a while later: the line's own quality, both ways."""

    name = "echo"
    needs = MediaNeeds(aec=False, ns=False, vad=False)

    def __init__(self, delay_ms: int = PTIME_MS) -> None:
        if not PTIME_MS <= delay_ms <= LONGEST_ECHO_MS:
            problem = f"must lie between {PTIME_MS} and {LONGEST_ECHO_MS}"
            raise ConfigError("echo_delay_ms", problem, value=delay_ms)
        self._piece_ms = max(PTIME_MS, delay_ms // 4)
        self._in_hand = bytes(BYTES_PER_SAMPLE * samples_in(delay_ms - self._piece_ms, EARS_RATE_HZ))

    async def lead(self, call: Call) -> Ending:
        stream = call.stream  # of this party: another one's is led anew
        generation = stream.begin()
        call.start_soon(drain_events, call)
        await stream.play(self._in_hand, EARS_RATE_HZ, generation, DEAF)
        with trio.move_on_after(call.left_s):
            while True:
                chunk = await stream.read(self._piece_ms)
                await stream.play(chunk.pcm, EARS_RATE_HZ, generation, DEAF)
        return Ending.MAX_LENGTH


class ToneAgent:
    """Sounds one pure tone until the caller hangs up."""

    name = "tone"
    needs = MediaNeeds(aec=False, ns=False, vad=False)

    def __init__(self, tone_hz: float, tone_dbfs: float) -> None:
        if not 50 <= tone_hz <= 3_500:
            raise ConfigError("tone_hz", "must lie between 50 and 3500", value=tone_hz)
        if not -60 <= tone_dbfs <= 0:
            raise ConfigError("tone_dbfs", "must lie between -60 and 0", value=tone_dbfs)
        self._second = one_second(round(tone_hz), tone_dbfs)

    async def lead(self, call: Call) -> Ending:
        stream = call.stream  # of this party: another one's is led anew
        generation = stream.begin()
        call.start_soon(drain_events, call)
        with trio.move_on_after(call.left_s):
            while True:
                await stream.play(self._second, TONE_RATE_HZ, generation, DEAF)
        return Ending.MAX_LENGTH


def one_second(tone_hz: int, tone_dbfs: float) -> bytes:
    """A second of a whole number of hertz: it can be repeated without a click."""
    amplitude = 32_767 * 10 ** (tone_dbfs / 20)
    step = 2 * math.pi * tone_hz / TONE_RATE_HZ
    return array("h", (round(amplitude * math.sin(step * k)) for k in range(TONE_RATE_HZ))).tobytes()


async def drain_events(call: Call) -> None:
    """For agents that decide nothing: the events still say when the caller is gone."""
    while True:
        await call.next_event()


AGENTS: dict[str, Callable[[AgentSettings], Agent]] = {
    "echo": lambda settings: EchoAgent(settings.echo_delay_ms),
    "tone": lambda settings: ToneAgent(settings.tone_hz, settings.tone_dbfs),
    "menu": lambda settings: menu_agent(read_menus(settings.menu or DEMO_MENUS)),
    "demo": lambda settings: demo_agent(settings.knowledge or HOTEL, "", settings.spared_cpus),
    "scripted": lambda settings: scripted_agent(read_script(settings.script or DEMO), settings.voice),
}


def build_agent(name: str, settings: AgentSettings | None = None) -> Agent:
    """The agent of that name; ConfigError when there is none or its settings are wrong."""
    if name.startswith(USER_TARGET):
        return ExtensionAgent(name)
    if name not in AGENTS:
        known = f"{', '.join(AGENTS)}, {USER_TARGET}NAME, or a file of agents.directory"
        raise ConfigError("agent", f"must be one of {known}", value=name)
    return AGENTS[name](settings or AgentSettings())
