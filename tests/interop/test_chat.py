"""A chat with a real terminal's signals: what Ctrl-C does to a reply, and to the chat."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial

import pytest
import trio

from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop


async def until(output: trio.abc.ReceiveStream, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        piece = await output.receive_some()
        assert piece, f"ended after {seen!r}"
        seen += piece
    return seen


async def test_ctrl_c_interrupts_a_reply_and_a_second_one_ends_the_chat() -> None:
    command = [sys.executable, "-u", "-m", "mediasrv", "agents", "chat", "scripted"]
    run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    async with trio.open_nursery() as nursery:
        chat = await nursery.start(run)
        with trio.fail_after(PATIENCE_S):
            await until(chat.stdout, b"> ")
            await chat.stdin.send_all(b"tell me something\n")
            await until(chat.stdout, b"everybody")
            chat.send_signal(signal.SIGINT)
            await until(chat.stdout, b" ...\n> ")
            chat.send_signal(signal.SIGINT)
            assert await chat.wait() == 0
