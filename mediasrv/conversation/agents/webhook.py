"""A tool that is somebody's HTTP service.

The arguments go out as JSON, with a key that is the same however often the same call is tried, so that the service can
tell a repetition from a second order. What it answers is the result, as text, within a bound.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import trio

from mediasrv.conversation.agents.declaration import ToolDeclaration
from mediasrv.conversation.tools import Prepared, Tool, ToolResult, ToolSpec
from mediasrv.errors import ConfigError
from mediasrv.providers.protocols import ProviderError, ToolCall
from mediasrv.providers.wire import HttpService, Net

LONGEST_RESULT_CHARACTERS = 8_000  # more would push the conversation out of the model's sight


@dataclass(frozen=True, slots=True)
class Webhook:
    declared: ToolDeclaration
    service: HttpService
    path: str

    @property
    def spec(self) -> ToolSpec:
        tool = self.declared
        return ToolSpec(
            tool.name, tool.description, tool.parameters, tool.cancellation, tool.deadline_s, idempotent=True
        )

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        call = prepared.call
        headers = {"Idempotency-Key": key}
        try:
            async with self.service.request(
                "POST", self.path, json=dict(call.arguments), headers=headers
            ) as response:
                answer = (await response.whole()).decode(errors="replace")
        except ProviderError as error:
            return ToolResult(call.id, f"failed: {error.problem}", ok=False)
        return ToolResult(call.id, answer[:LONGEST_RESULT_CHARACTERS])


@asynccontextmanager
async def open_webhooks(
    declared: Sequence[ToolDeclaration], net: Net, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[list[Tool]]:
    """An agent's tools, each with its own kept connections."""
    async with AsyncExitStack() as stack:
        tools: list[Tool] = []
        for tool in declared:
            address = urlsplit(tool.url)
            headers = {name: _value(tool, value, environment) for name, value in tool.headers.items()}
            service = HttpService(
                f"tool {tool.name}", f"{address.scheme}://{address.netloc}", headers, net,
                silence_s=tool.deadline_s,  # it may work for so long before it says a word
            )  # fmt: skip
            await stack.enter_async_context(service)
            path = (address.path or "/") + (f"?{address.query}" if address.query else "")
            tools.append(Webhook(tool, service, path))
        yield tools


def _value(tool: ToolDeclaration, value: str, environment: Mapping[str, str]) -> str:
    """Secrets stand in the environment, and not in a file that is shown around."""
    if not value.startswith("$"):
        return value
    if value[1:] not in environment:
        raise ConfigError(f"tool {tool.name}: headers", "no such variable in the environment", value=value)
    return environment[value[1:]]
