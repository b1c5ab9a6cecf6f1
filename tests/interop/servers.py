"""Servers that tests share: one for each set of arguments, started when it is first wanted.

A server takes a second to start and any number of calls; a test that looks only at its own call need not have one of
its own. Records are found by the number that was called: a test that reads them calls one that nobody else does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from mediasrv.bench.instruments.server_process import ServerProcess, serving
from tests.interop.patience import PATIENCE_S
from tests.interop.tls import settings as tls_settings


class Servers:
    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self._directory, self._stack = directory, stack
        self._starting = trio.Lock()
        self._running: dict[tuple[str, ...], ServerProcess] = {}
        self._with_tls: tuple[int, list[str]] | None = None

    async def serving(self, *arguments: str, settings: str = "") -> ServerProcess:
        """`settings`: TOML."""
        async with self._starting:
            if (*arguments, settings) not in self._running:
                home = self._directory / f"server-{len(self._running)}"
                home.mkdir()
                (home / "mediasrv.toml").write_text(settings)
                whole = ["--config", str(home / "mediasrv.toml"), *arguments] if settings else arguments
                server = await self._stack.enter_async_context(serving(home, whole))
                self._running[(*arguments, settings)] = server
        return self._running[(*arguments, settings)]

    async def echoing_over_tls(self) -> tuple[ServerProcess, int]:
        """It speaks UDP and TCP too; the number is its port for TLS."""
        if self._with_tls is None:
            self._with_tls = tls_settings(self._directory, agent="echo")
        port, arguments = self._with_tls
        return await self.serving(*arguments), port


@asynccontextmanager
async def sharing(directory: Path) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield Servers(directory, stack)


async def timeline_of(server: ServerProcess, called: str) -> list[dict[str, Any]]:
    """Of the one call to that number, when it is over."""
    with trio.fail_after(PATIENCE_S):
        while True:
            for lines in server.records("timeline").values():
                ended = any(line["event"] == "call_ended" for line in lines)
                if ended and any(line.get("called") == called for line in lines):
                    return lines
            await trio.sleep(0.02)


def ended_because(timeline: list[dict[str, Any]]) -> str:
    (why,) = [str(line["why"]) for line in timeline if line["event"] == "call_ended"]
    return why
