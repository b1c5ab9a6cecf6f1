"""Every adapter by its name and kind: a new one is its own file, and one line here.

An adapter is opened once, as long as the server lives, and serves all calls; what it keeps open it closes at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from mediasrv.config import ProviderSettings
from mediasrv.errors import ConfigError
from mediasrv.providers import registry
from mediasrv.providers.deepgram import MODEL as DEEPGRAM_MODEL
from mediasrv.providers.deepgram import URL as DEEPGRAM_URL
from mediasrv.providers.deepgram import Deepgram, DeepgramSettings
from mediasrv.providers.elevenlabs import (
    ElevenLabsSettings,
    ElevenLabsSocketVoice,
    ElevenLabsVoice,
)
from mediasrv.providers.elevenlabs import settings as elevenlabs
from mediasrv.providers.elevenlabs.socket_voice import IDLE_S as ELEVENLABS_IDLE_S
from mediasrv.providers.knowledge import KnowledgeModel, read_book
from mediasrv.providers.openai import (
    DIALECTS,
    ChatModel,
    ChatSettings,
    SpeechSettings,
    SpeechVoice,
    Transcription,
    TranscriptionSettings,
)
from mediasrv.providers.prices import shipped
from mediasrv.providers.protocols import LanguageModel, SpeechToText, TextToSpeech, Usage
from mediasrv.providers.sarvam import (
    SarvamBatchEars,
    SarvamBatchSettings,
    SarvamEars,
    SarvamEarsSettings,
    SarvamVoice,
    SarvamVoiceSettings,
    batch,
)
from mediasrv.providers.sarvam import ears as hearing
from mediasrv.providers.sarvam import voice as sarvam
from mediasrv.providers.wire import HttpService, Net, Sockets


@dataclass(frozen=True, slots=True)
class Declared:
    """A provider as the operator has named it."""

    name: str
    settings: ProviderSettings
    net: Net
    environment: Mapping[str, str]

    def charge(self, usage: Usage) -> Usage:
        """The usage with its price of today, which is the same in whichever way the vendor is reached."""
        vendor = self.settings.adapter.partition("-")[0]
        return shipped().charged(usage, datetime.now(UTC).date(), provider=vendor)

    def key(self, variable: str) -> str:
        """From the settings, else from the adapter's own variable; ConfigError when there is none."""
        found = self.settings.key.text or self.environment.get(variable, "")
        if variable and not found:
            raise ConfigError(f"providers.{self.name}.key", f"must be set, there or as {variable}")
        return found


Opener = Callable[[Declared], AbstractAsyncContextManager[object]]


@asynccontextmanager
async def chat(declared: Declared) -> AsyncIterator[LanguageModel]:
    settings = declared.settings
    dialect = DIALECTS[settings.adapter]
    key = declared.key(dialect.key)
    headers = {dialect.key_header: f"{dialect.key_prefix}{key}"} if key else {}
    chosen = ChatSettings(declared.name, dialect, settings.model, declared.charge, settings.options)
    if not (chosen.model or dialect.model):
        raise ConfigError(f"providers.{declared.name}.model", "must be set: the adapter knows none")
    async with HttpService(
        declared.name, settings.base_url or dialect.base_url, headers, declared.net
    ) as http:
        yield ChatModel(chosen, http)


@asynccontextmanager
async def openai_voice(declared: Declared) -> AsyncIterator[TextToSpeech]:
    settings, dialect = declared.settings, DIALECTS["openai"]
    headers = {dialect.key_header: f"{dialect.key_prefix}{declared.key(dialect.key)}"}
    chosen = SpeechSettings(
        declared.name, settings.model or "gpt-4o-mini-tts", settings.voice or "alloy", declared.charge,
        extra=settings.options,
    )  # fmt: skip
    async with HttpService(
        declared.name, settings.base_url or dialect.base_url, headers, declared.net
    ) as http:
        yield SpeechVoice(chosen, http)


def _elevenlabs(declared: Declared) -> ElevenLabsSettings:
    settings = declared.settings
    return ElevenLabsSettings(
        declared.name, declared.charge, settings.model or elevenlabs.MODEL,
        settings.voice or elevenlabs.VOICE, extra=settings.options,
    )  # fmt: skip


@asynccontextmanager
async def elevenlabs_voice(declared: Declared) -> AsyncIterator[TextToSpeech]:
    headers = {elevenlabs.KEY_HEADER: declared.key("ELEVENLABS_API_KEY")}
    base_url = declared.settings.base_url or elevenlabs.BASE_URL
    async with HttpService(declared.name, base_url, headers, declared.net) as http:
        yield ElevenLabsVoice(_elevenlabs(declared), http)


@asynccontextmanager
async def elevenlabs_socket_voice(declared: Declared) -> AsyncIterator[TextToSpeech]:
    base_url = declared.settings.base_url or elevenlabs.BASE_URL
    key = declared.key("ELEVENLABS_API_KEY")
    async with Sockets(declared.net, ELEVENLABS_IDLE_S) as sockets:
        yield ElevenLabsSocketVoice(_elevenlabs(declared), base_url, key, sockets)


@asynccontextmanager
async def sarvam_voice(declared: Declared) -> AsyncIterator[TextToSpeech]:
    settings = declared.settings
    chosen = SarvamVoiceSettings(
        declared.name, declared.charge, settings.model or sarvam.MODEL, settings.voice or sarvam.SPEAKER,
        extra=settings.options,
    )  # fmt: skip
    key = declared.key("SARVAM_API_KEY")
    async with Sockets(declared.net, sarvam.IDLE_S) as sockets:
        yield SarvamVoice(chosen, settings.base_url or sarvam.URL, key, sockets)


@asynccontextmanager
async def deepgram(declared: Declared) -> AsyncIterator[SpeechToText]:
    settings = declared.settings
    chosen = DeepgramSettings(
        declared.name, declared.charge, settings.model or DEEPGRAM_MODEL, settings.options
    )
    yield Deepgram(chosen, settings.base_url or DEEPGRAM_URL, declared.key("DEEPGRAM_API_KEY"), declared.net)


@asynccontextmanager
async def sarvam_ears(declared: Declared) -> AsyncIterator[SpeechToText]:
    settings = declared.settings
    chosen = SarvamEarsSettings(
        declared.name, declared.charge, settings.model or hearing.MODEL, settings.options
    )
    key = declared.key("SARVAM_API_KEY")
    yield SarvamEars(chosen, settings.base_url or hearing.URL, key, declared.net)


@asynccontextmanager
async def sarvam_batch(declared: Declared) -> AsyncIterator[SpeechToText]:
    settings = declared.settings
    chosen = SarvamBatchSettings(
        declared.name, declared.charge, settings.model or batch.MODEL, settings.options
    )
    headers = {sarvam.KEY_HEADER: declared.key("SARVAM_API_KEY")}
    base_url = settings.base_url or batch.BASE_URL
    async with HttpService(declared.name, base_url, headers, declared.net) as http:
        yield SarvamBatchEars(chosen, http)


WHISPERS = {"openai": "whisper-1", "groq": "whisper-large-v3-turbo", "vllm": ""}


@asynccontextmanager
async def whisper(declared: Declared) -> AsyncIterator[SpeechToText]:
    """`options`: `partial_s`, `prompt`, and whatever else goes to the service as it is."""
    settings, dialect = declared.settings, DIALECTS[declared.settings.adapter]
    key, options = declared.key(dialect.key), dict(settings.options)
    headers = {dialect.key_header: f"{dialect.key_prefix}{key}"} if key else {}
    chosen = TranscriptionSettings(
        declared.name, settings.model or WHISPERS[settings.adapter], declared.charge,
        partial_s=float(options.pop("partial_s", 0.0)), prompt=str(options.pop("prompt", "")), extra=options,
    )  # fmt: skip
    if not chosen.model:
        raise ConfigError(f"providers.{declared.name}.model", "must be set: the adapter knows none")
    async with HttpService(
        declared.name, settings.base_url or dialect.base_url, headers, declared.net
    ) as http:
        yield Transcription(chosen, http)


@asynccontextmanager
async def local_voice(declared: Declared) -> AsyncIterator[TextToSpeech]:
    """Those that need neither key nor network."""
    yield registry.voice(declared.settings.adapter)


@asynccontextmanager
async def knowledge(declared: Declared) -> AsyncIterator[LanguageModel]:
    """`options.book`: the file in which answers are found by rule."""
    yield KnowledgeModel(read_book(str(declared.settings.options.get("book", ""))))


MODELS: Mapping[str, Callable[[Declared], AbstractAsyncContextManager[LanguageModel]]] = {
    **dict.fromkeys(DIALECTS, chat),
    "knowledge": knowledge,
}
VOICES: Mapping[str, Callable[[Declared], AbstractAsyncContextManager[TextToSpeech]]] = {
    "espeak": local_voice,
    "formant": local_voice,
    "openai": openai_voice,
    "elevenlabs": elevenlabs_voice,
    "elevenlabs-socket": elevenlabs_socket_voice,
    "sarvam": sarvam_voice,
}
EARS: Mapping[str, Callable[[Declared], AbstractAsyncContextManager[SpeechToText]]] = {
    "deepgram": deepgram,
    "sarvam": sarvam_ears,
    "sarvam-batch": sarvam_batch,
    **dict.fromkeys(WHISPERS, whisper),
}

ADAPTERS = {"model": MODELS, "voice": VOICES, "ears": EARS}
