"""The providers that were declared, opened once for the whole server; and companies of them, for when one fails.

What an agent names is checked when the server starts: an adapter that nobody knows, a key that is missing, a voice that
is asked to think. What a provider does later is its breaker's business.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

import trio

from mediasrv.config import ProviderSettings, VoiceSettings
from mediasrv.errors import ConfigError
from mediasrv.providers.adapters import ADAPTERS, EARS, MODELS, VOICES, Declared
from mediasrv.providers.protocols import LanguageModel, SpeechToText, TextToSpeech
from mediasrv.providers.resilience import Member, Patience, SteadyEars, SteadyModel, SteadyVoice, Told
from mediasrv.providers.voice_book import VoiceBook, VoiceOf
from mediasrv.providers.wire import WARM_EVERY_S, Net, TrioNet

P = TypeVar("P")
WARM_WITHIN_S = 10.0

_log = logging.getLogger(__name__)


def nobody(provider: str, what: str) -> None:
    """Told, and not listening."""


@runtime_checkable
class Warms(Protocol):
    """An adapter that gains from a connection which is there before it is needed."""

    async def warm(self) -> None: ...


class ProviderHouse:
    """Open as long as the server: `async with`."""

    def __init__(
        self,
        declared: Mapping[str, ProviderSettings],
        *,
        voices: Mapping[str, VoiceSettings] | None = None,
        net: Net | None = None,
        environment: Mapping[str, str] = os.environ,
        chance: Random | None = None,
        told: Told = nobody,
    ) -> None:
        self._net, self._chance, self._told = net or TrioNet(), chance or Random(), told
        self._declared = {
            name: Declared(name, settings, self._net, environment) for name, settings in declared.items()
        }
        self._stack = AsyncExitStack()
        self._book = VoiceBook(voices or {})
        self._models = _Shelf[LanguageModel]("model", MODELS)
        self._voices = _Shelf[TextToSpeech]("voice", VOICES)
        self._ears = _Shelf[SpeechToText]("ears", EARS)
        for name, settings in declared.items():
            if all(settings.adapter not in table for table in ADAPTERS.values()):
                known = sorted({adapter for table in ADAPTERS.values() for adapter in table})
                problem = f"must be one of {', '.join(known)}"
                raise ConfigError(f"providers.{name}.adapter", problem, value=settings.adapter)
        self._book.check({name: each for name, each in declared.items() if each.adapter in VOICES})

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for shelf in (self._models, self._voices, self._ears):
                await shelf.fill(self._declared, stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def model(self, names: Sequence[str]) -> LanguageModel:
        """The first of them thinks; the others, when it cannot."""
        members = self._models.members(names)
        return SteadyModel(members[0].name, members, self._chance, told=self._told)

    def voice(self, names: Sequence[str], voice: str = "") -> TextToSpeech:
        """The first of them speaks, or whose `voice` is, if that is a declared one; the others, when it cannot."""
        names = self._book.speakers(voice, names)
        members: list[Member[TextToSpeech]] = [
            replace(member, provider=VoiceOf(member.provider, member.name, names[0], self._book))
            for member in self._voices.members(names)
        ]
        return SteadyVoice(members[0].name, members, self._chance, told=self._told)

    def ears(self, names: Sequence[str]) -> SpeechToText:
        members = self._ears.members(names)
        return SteadyEars(members[0].name, members, self._chance, told=self._told)

    def states(self) -> dict[str, str]:
        """Each provider's breaker."""
        shelves = (self._models, self._voices, self._ears)
        return {name: state for shelf in shelves for name, state in shelf.states().items()}

    async def warm(self) -> None:
        """Opens connections to whom somebody has named; what cannot be reached is for the next turns to find out."""
        with trio.move_on_after(WARM_WITHIN_S):
            async with trio.open_nursery() as nursery:
                for provider in (*self._models.named(), *self._voices.named(), *self._ears.named()):
                    if isinstance(provider, Warms):
                        nursery.start_soon(_warm, provider)

    async def keep_warm(self) -> None:
        """Before the first call, and again before what is idle is closed; until cancelled."""
        while True:
            await self.warm()
            await trio.sleep(WARM_EVERY_S)


async def _warm(provider: Warms) -> None:
    """Nobody waits for it, and the server lives above it: a fault in it costs a warm connection."""
    try:
        await provider.warm()
    except Exception:
        _log.exception("fault in warming a provider")


class _Shelf(Generic[P]):
    """The providers of one kind."""

    def __init__(self, kind: str, adapters: Mapping[str, object]) -> None:
        self._kind, self._adapters = kind, adapters
        self._members: dict[str, Member[P]] = {}
        self._named: set[str] = set()

    async def fill(self, declared: Mapping[str, Declared], stack: AsyncExitStack) -> None:
        for name, each in declared.items():
            if (opener := self._adapters.get(each.settings.adapter)) is not None:
                provider = await stack.enter_async_context(opener(each))  # type: ignore[operator]
                self._members[name] = Member(
                    name, provider, first_s=each.settings.first_s, patience=Patience(each.settings.attempts)
                )

    def members(self, names: Sequence[str]) -> list[Member[P]]:
        for name in names:
            if name not in self._members:
                there = ", ".join(sorted(self._members)) or "none"
                raise ConfigError(
                    self._kind,
                    f"no such provider for it; declare [providers.{name}], or name one of: {there}",
                    value=name,
                )
        if not names:
            raise ConfigError(self._kind, "must name a provider")
        self._named.update(names)
        return [self._members[name] for name in names]

    def states(self) -> dict[str, str]:
        return {name: member.breaker.state.value for name, member in self._members.items()}

    def named(self) -> list[P]:
        """Those that somebody means to use."""
        return [member.provider for name, member in self._members.items() if name in self._named]
