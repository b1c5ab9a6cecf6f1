"""Tools that are somebody's HTTP service: how long it may take is the tool's own deadline, and nobody else's."""

from __future__ import annotations

import pytest
import trio

from mediasrv.conversation.agents.declaration import ToolDeclaration
from mediasrv.conversation.agents.webhook import open_webhooks
from mediasrv.providers.protocols import ToolCall
from tests.fakes.providers import Exchange, FakeNet, HttpServer


@pytest.mark.parametrize(("deadline_s", "works_s"), [(10.0, 9.0), (60.0, 45.0), (120.0, 119.0)])
async def test_a_service_may_work_in_silence_until_the_deadline_of_its_tool(
    autojump_clock, deadline_s: float, works_s: float
) -> None:
    async def work(exchange: Exchange) -> None:
        await trio.sleep(works_s)
        await exchange.answer(200, b"booked")

    declared = ToolDeclaration(name="book", url="https://tools.example/book", deadline_s=deadline_s)
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand("tools.example", HttpServer(work).serve)
        async with open_webhooks([declared], net, {}) as (tool,):
            with trio.fail_after(tool.spec.deadline_s):
                result = await tool.commit(await tool.prepare(ToolCall("1", "book", {})), "key")
        nursery.cancel_scope.cancel()
    assert (result.ok, result.text) == (True, "booked")
