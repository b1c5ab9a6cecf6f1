"""`mediasrv say`: what a voice sounds like and costs, without a telephone; any voice that an agent could have."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import click
import trio

from mediasrv.call.dialogue import ConversationAgent
from mediasrv.cli.agents import config_option
from mediasrv.cli.output import print_json, print_table
from mediasrv.config import Settings, load
from mediasrv.conversation.agents import Library
from mediasrv.conversation.provider_edge import check_sound, check_words, in_time, waits_for
from mediasrv.errors import ConfigError
from mediasrv.media import resampled
from mediasrv.providers import registry
from mediasrv.providers.adapters import VOICES
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import ProviderError, SpeechChunk, TextToSpeech, WordTime
from mediasrv.providers.sound.wav import wav_file
from mediasrv.providers.voice_book import VoiceBook
from mediasrv.server import wiring

FIRST_SOUND_S, NEXT_SOUND_S = 30.0, 10.0  # somebody waits at a terminal, and would rather have it late
LISTED = ("name", "from", "provider", "voice", "language", "gender", "style")


@click.command()
@click.argument("text", required=False)
@click.option(
    "--voice", help="A name of [voices] or [providers], or one of those built in; NAME:ITS_OWN_VOICE."
)
@click.option("--agent", help="Speaks as this agent does in calls, its fall-backs included.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="WAV file to be written; otherwise the sound is only measured.",
)
@click.option(
    "--rate", "rate_hz", type=click.IntRange(8_000, 48_000), help="Of the file; otherwise the voice's."
)
@click.option("--words", "with_words", is_flag=True, help="When each word begins and ends.")
@click.option("--list", "listing", is_flag=True, help="The voices that there are.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def say(
    text: str | None,
    voice: str | None,
    agent: str | None,
    out: Path | None,
    rate_hz: int | None,
    config: Path | None,
    *,
    with_words: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Says TEXT, with what it took.

    How soon its sound came, how long it is, and what it cost.
    """
    settings = load(config, os.environ, {})
    if listing:
        rows = listed(settings)
        print_json(rows) if as_json else print_table(
            LISTED, [[row[column] for column in LISTED] for row in rows]
        )
        return
    if text is None or not text.strip():
        raise click.UsageError("Missing argument 'TEXT'.")
    if voice and agent:
        raise click.UsageError("--voice and --agent exclude each other.")
    if out is not None and not out.parent.is_dir():  # found out before anything is paid for
        raise click.BadParameter(f"{out.parent} is no directory", param_hint="--out")
    spoken = trio.run(_say, settings, text, voice or "", agent or "")
    if out is not None:
        _write(out, spoken, rate_hz)
    if as_json:
        print_json(spoken.as_json(with_words=with_words))
        return
    print_table(("", ""), [*spoken.figures(), *([("file", out)] if out else [])])
    if with_words:
        times = [(f"{word.start_ms:.0f}", f"{word.end_ms:.0f}", word.text) for word in spoken.words]
        print_table(("from ms", "to ms", "word"), times)


@dataclass(slots=True)
class Spoken:
    """A passage, as it came; times in milliseconds since it was asked for."""

    text: str
    first_sound_ms: float | None = None
    made_ms: float = 0.0
    sound_ms: float = 0.0
    speakers: list[str] = field(default_factory=list)
    words: list[WordTime] = field(default_factory=list)
    sound: list[SpeechChunk] = field(default_factory=list)
    cost_usd: Decimal = Decimal(0)

    def take(self, chunk: SpeechChunk, voice: str, at_ms: float) -> None:
        check_words(chunk.words, voice)
        self.sound_ms = check_sound(chunk, self.sound_ms, voice)
        self.words += chunk.words
        self.made_ms = at_ms
        if chunk.usage is not None:
            self.cost_usd += chunk.usage.cost_usd
        if chunk.pcm:
            self.sound.append(chunk)
            self.first_sound_ms = at_ms if self.first_sound_ms is None else self.first_sound_ms
            if (speaker := chunk.speaker or voice) not in self.speakers:
                self.speakers.append(speaker)

    def pcm(self, rate_hz: int) -> bytes:
        """All of it; voices that took over from each other may have spoken at different rates."""
        runs = groupby(self.sound, key=lambda chunk: chunk.rate_hz)
        return b"".join(
            resampled(b"".join(chunk.pcm for chunk in run), from_hz, rate_hz) for from_hz, run in runs
        )

    @property
    def rate_hz(self) -> int:
        return self.sound[0].rate_hz

    def figures(self) -> list[tuple[str, str]]:
        return [
            ("voice", ", then ".join(self.speakers)),
            ("sound", f"{self.sound_ms / 1000:.2f} s at {self.rate_hz} Hz"),
            ("first sound", f"{self.first_sound_ms or 0:.0f} ms"),
            (
                "all of it",
                f"{self.made_ms:.0f} ms, {self._times_real_time():.0f} times as fast as it is spoken",
            ),
            ("characters", str(len(self.text))),
            ("cost", f"{self.cost_usd:f} USD"),
        ]

    def as_json(self, *, with_words: bool) -> dict[str, object]:
        told: dict[str, object] = {
            "voice": self.speakers, "sound_ms": round(self.sound_ms, 1), "rate_hz": self.rate_hz,
            "first_sound_ms": self.first_sound_ms, "made_ms": self.made_ms,
            "times_real_time": round(self._times_real_time(), 1), "characters": len(self.text),
            "cost_usd": f"{self.cost_usd:f}",
        }  # fmt: skip
        return told | ({"words": self.words} if with_words else {})

    def _times_real_time(self) -> float:
        return self.sound_ms / max(self.made_ms, 0.001)


async def _say(settings: Settings, text: str, voice: str, agent: str) -> Spoken:
    opened = open_agents_voice(settings, agent) if agent else open_voice(settings, voice)
    async with opened as (tts, own):
        return await speak(tts, text, own)


async def speak(tts: TextToSpeech, text: str, voice: str) -> Spoken:
    """ProviderError when nothing comes of it."""
    spoken, began = Spoken(text), trio.current_time()
    first_s, next_s = waits_for(tts, FIRST_SOUND_S, NEXT_SOUND_S)
    async with aclosing(in_time(tts.stream(text, voice), first_s, next_s, tts.name)) as chunks:
        async for chunk in chunks:
            spoken.take(chunk, tts.name, round((trio.current_time() - began) * 1000, 1))
    if not spoken.sound:
        raise ProviderError(tts.name, "no sound", retryable=False)
    return spoken


Opened = tuple[TextToSpeech, str]
"""Who speaks, and with which voice he is asked to."""


@asynccontextmanager
async def open_voice(settings: Settings, name: str) -> AsyncIterator[Opened]:
    """By its name in the settings, else one that is built in; `name` may end with what the provider calls its voice."""
    provider, _, own = name.partition(":")
    if name in settings.voices:
        async with _house(settings, name, ()) as house:
            yield house.voice((), name), name
    elif provider in settings.providers:
        async with _house(settings, own, (provider,)) as house:
            yield house.voice((provider,), own), own
    elif not name:
        yield registry.espeak_or_built_in(), ""
    elif provider in registry.VOICES:
        yield registry.voice(provider), own
    else:
        known = ", ".join(row["name"] for row in listed(settings))
        raise ConfigError("voice", f"must be one of {known}", value=name)


@asynccontextmanager
async def open_agents_voice(settings: Settings, name: str) -> AsyncIterator[Opened]:
    declared = Library(settings.agents.directory).find(name)
    if declared is not None:
        async with _house(settings, declared.voice, declared.providers.voice) as house:
            yield house.voice(declared.providers.voice, declared.voice), declared.voice
        return
    agent = wiring.agent(settings, name)
    if not isinstance(agent, ConversationAgent):
        raise ConfigError("agent", "is not one that speaks", value=name)
    yield agent.providers().tts, agent.persona.voice


def _house(settings: Settings, voice: str, named: Sequence[str]) -> ProviderHouse:
    """With those that will be asked, and no others: another one's missing key is not what was asked about."""
    speakers = VoiceBook(settings.voices).speakers(voice, named)
    providers = {name: settings.providers[name] for name in speakers if name in settings.providers}
    voices = {name: each for name, each in settings.voices.items() if each.provider in providers}
    return ProviderHouse(providers, voices=voices)


def listed(settings: Settings) -> list[Mapping[str, str]]:
    """Every name that `--voice` takes."""
    nothing = dict.fromkeys(LISTED, "")
    rows = [
        {
            "name": name, "from": "voices", "provider": voice.provider, "voice": voice.voice,
            "language": voice.language, "gender": voice.gender, "style": voice.style,
        }
        for name, voice in settings.voices.items()
    ]  # fmt: skip
    rows += [
        {**nothing, "name": name, "from": "providers", "provider": provider.adapter, "voice": provider.voice}
        for name, provider in settings.providers.items()
        if provider.adapter in VOICES
    ]
    taken = {row["name"] for row in rows}
    return [*rows, *({**nothing, "name": n, "from": "built in"} for n in registry.VOICES if n not in taken)]


def _write(out: Path, spoken: Spoken, rate_hz: int | None) -> None:
    rate_hz = rate_hz or spoken.rate_hz
    try:
        out.write_bytes(wav_file(spoken.pcm(rate_hz), rate_hz))
    except OSError as error:
        raise click.BadParameter(f"{out}: {error.strerror}", param_hint="--out") from error
