"""Agents that files declare, with the providers and tools they name: opened once, for all their calls.

An agent is built before anything is open, so that a wrong file fails the start; what it names is looked up when the
house is open, and every name is tried there before the first call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.call.hang_up import HangUp
from mediasrv.conversation.agents import AgentDeclaration, Library
from mediasrv.conversation.agents.webhook import open_webhooks
from mediasrv.conversation.tools import Tool
from mediasrv.errors import LocalError
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import LanguageModel, TextToSpeech
from mediasrv.providers.registry import Providers
from mediasrv.providers.voices import FormantVoice
from mediasrv.providers.wire import Net, TrioNet


class Cast:
    """`open` it for as long as its agents take calls."""

    def __init__(
        self, library: Library, open_house: Callable[[Net], ProviderHouse], net: Net | None = None
    ) -> None:
        self._library, self._open_house, self._net = library, open_house, net
        self._declared: dict[str, AgentDeclaration] = {}
        self._house: ProviderHouse | None = None
        self._tools: dict[str, list[Tool]] = {}

    def agent(self, name: str) -> ConversationAgent | None:
        """The declared agent of that name; ConfigError when its file is wrong, None when there is no such file."""
        declared = self._library.find(name)
        if declared is None:
            return None
        self._declared[name] = declared
        return ConversationAgent(
            persona_of(declared), lambda: self._providers(name), lambda end: self._kit(name, end)
        )

    @asynccontextmanager
    async def open(self, *, speaking: bool = True) -> AsyncIterator[None]:
        """Not `speaking`: for conversations in writing, which need neither ears nor a voice."""
        if not self._declared:
            yield
            return
        net = self._net or TrioNet()
        async with AsyncExitStack() as stack:
            self._house = await stack.enter_async_context(self._open_house(net))
            for name, declared in self._declared.items():
                self._tools[name] = await stack.enter_async_context(open_webhooks(declared.tool, net))
                _ = self._providers(name) if speaking else self.model(name)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._house.keep_warm)
                yield
                nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def hired(self, name: str) -> AsyncIterator[ConversationAgent | None]:
        """One whom no number leads to, with providers of its own for as long as the block; None: no such file."""
        alone = Cast(self._library, self._open_house, self._net)
        agent = alone.agent(name)
        async with alone.open():
            yield agent

    def model(self, name: str) -> LanguageModel:
        return self._opened().model(self._declared[name].providers.model)

    def voice(self, name: str) -> TextToSpeech:
        declared = self._declared[name]
        return self._opened().voice(declared.providers.voice, declared.voice)

    def _providers(self, name: str) -> Providers:
        names, house = self._declared[name].providers, self._opened()
        return Providers(house.ears(names.ears), self.model(name), self.voice(name), FormantVoice())

    def _opened(self) -> ProviderHouse:
        if self._house is None:
            raise LocalError("the cast is not open")
        return self._house

    def _kit(self, name: str, end_call: Callable[[], None]) -> Sequence[Tool]:
        return [*self._tools[name], HangUp(end_call)]


def persona_of(declared: AgentDeclaration) -> Persona:
    return Persona(
        declared.name, declared.system, declared.notice, declared.greeting, declared.voice,
        declared.optimisation, declared.tidiness, window=declared.history,
    )  # fmt: skip
