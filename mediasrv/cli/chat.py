"""A chat at the terminal: lines in, lines out as they are thought of, and Ctrl-C to interrupt the agent.

Ctrl-C does what a caller's voice does: the reply ends where it is, and the agent knows how far it was read. With no
reply to interrupt, it ends the chat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import trio

from mediasrv.call.declared import Chat

ReadLine = Callable[[], Awaitable[str]]  # empty: there are no more


async def hold_chat(
    chat: Chat, read_line: ReadLine, write: Callable[[str], None], interrupts: AsyncIterator[object]
) -> None:
    """Until the lines end, the agent has taken leave, or nobody wants to talk any more."""
    replying: list[trio.CancelScope] = []

    async def watch() -> None:
        async for _ in interrupts:
            (replying or [nursery.cancel_scope])[-1].cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        for line in chat.greet():
            write(f"{line}\n")
        while not chat.ended.is_set():
            write("> ")
            asked = await read_line()
            if not asked:
                break
            if asked.strip():
                with trio.CancelScope() as scope:
                    replying.append(scope)
                    await _show_reply(chat, asked.strip(), write)
                replying.clear()
                write(" ...\n" if scope.cancelled_caught else "\n")
        nursery.cancel_scope.cancel()


async def _show_reply(chat: Chat, asked: str, write: Callable[[str], None]) -> None:
    between = ""
    async with aclosing(chat.reply(asked)) as reply:
        async for line in reply:
            write(between + line)
            between = " "
