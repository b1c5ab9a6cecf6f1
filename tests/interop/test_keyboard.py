"""The softphone for people, with a person's keys: a terminal (pty) on one side, the server on the other."""

from __future__ import annotations

import os
import pty
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from mediasrv.bench.instruments.server_process import serving
from tests.interop.patience import PATIENCE_S
from tests.interop.servers import timeline_of

pytestmark = pytest.mark.interop
ROOT = Path(__file__).resolve().parents[2]
LOCAL_FLAGS = 3  # of what termios tells
ERASE = "\x7f"


class Person:
    """Sees what the telephone writes, and presses keys."""

    def __init__(self, terminal: int, process: trio.Process) -> None:
        self._terminal = trio.lowlevel.FdStream(terminal)
        self.process = process
        self._seen = ""

    async def presses(self, keys: str) -> None:
        await self._terminal.send_all(keys.encode())

    async def sees(self, text: str) -> None:
        """Next: what stood before it is not looked at again."""
        with trio.move_on_after(PATIENCE_S), suppress(trio.BrokenResourceError):  # the telephone has gone
            while text not in self._seen:
                self._seen += (await self._terminal.receive_some()).decode()
        before, found, self._seen = self._seen.partition(text)
        assert found, f"no {text!r} in {before!r}"

    async def close(self) -> None:
        await self._terminal.aclose()

    async def sees_it_end(self) -> int:
        with trio.fail_after(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def telephone(*arguments: str) -> AsyncIterator[tuple[Person, int]]:
    """With its terminal, which is still there when it has ended."""
    try:
        terminal, its_end = pty.openpty()
    except OSError as error:
        pytest.skip(f"this system gives nobody a terminal: {error}")
    command = [sys.executable, "-m", "tools.softphone", "--interactive", *arguments]
    process = await trio.lowlevel.open_process(
        command, cwd=ROOT, stdin=its_end, stdout=its_end, stderr=its_end
    )
    person = Person(terminal, process)
    try:
        yield person, its_end
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await person.close()
        os.close(its_end)


async def test_a_person_presses_a_key_holds_hangs_up_and_calls_somebody_else(tmp_path: Path) -> None:
    async with serving(tmp_path, []) as server:
        at = f"{server.sip[0]}:{server.sip[1]}"
        async with telephone(f"sip:300@{at}") as (person, terminal):
            for keys, told in (("", "call 1: talking"), ("5", "pressed 5")):
                await person.presses(keys)
                await person.sees(told)
            await timeline_of(server, "300", "key")  # who holds at once sends no more of a key
            for keys, told in (("h", "call 1: holding"), ("h", "call 1: talking")):
                await person.presses(keys)
                await person.sees(told)
            await timeline_of(server, "300", "resume")  # who hangs up at once leaves nobody to resume with
            for keys, told in (
                ("x", "call 1: over"),
                ("x", "there is no such call"),
                ("c", "call: "),
                (f"sip:101{ERASE}0@{at}\n", "call 2: answered"),
                ("q", "hung up by us"),
            ):
                await person.presses(keys)
                await person.sees(told)
            assert await person.sees_it_end() == 0
            assert termios.tcgetattr(terminal)[LOCAL_FLAGS] & termios.ICANON, "it takes lines again"
        timeline = await timeline_of(server, "300")
        await timeline_of(server, "100")
    assert [line["digit"] for line in timeline if line["event"] == "key"] == ["5"]
    assert {"hold", "resume"} <= {line["event"] for line in timeline}
