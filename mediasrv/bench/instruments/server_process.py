"""The server under test: `mediasrv serve` as its own process, on free loopback ports, with a directory of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from mediasrv.bench.instruments.process_meter import Usage, measure
from mediasrv.errors import MediasrvError
from mediasrv.server.control import CONTROL_SOCKET, socket_address
from mediasrv.server.live import SOCKET as LIVE_SOCKET

READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 30.0
STDERR_TAIL = 2_000
LIVE_ATTEMPTS, LIVE_AGAIN_S = 20, 0.5


class ServerFailed(MediasrvError):
    """The server under test did not start, or did not end as it should."""


@dataclass(slots=True)
class ServerProcess:
    process: trio.Process
    sip: tuple[str, int]
    data_dir: Path
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """ServerFailed when it has ended, with its status and its last words."""
        status = self.process.poll()
        if status is not None:
            raise ServerFailed(f"the server has ended with status {status}; its log ends:\n{tail(self.log)}")

    def usage(self) -> Usage:
        return measure(self.pid)

    async def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """What the server's control socket says last to one request; OSError where there is none."""
        with socket_address(self.data_dir, CONTROL_SOCKET) as address:
            control = await trio.open_unix_socket(address)
        async with control:
            await control.send_all(json.dumps(request).encode() + b"\n")
            said = b"".join([chunk async for chunk in control])
        lines = said.splitlines()
        if not lines:
            raise ServerFailed(f"no answer to {request}: too many ask at once")
        last: dict[str, Any] = json.loads(lines[-1])
        return last

    async def live_calls(self) -> dict[str, str]:
        """The names of the calls that have sound, by the number that was called."""
        for _ in range(LIVE_ATTEMPTS):
            said = await self._live_line()
            if said:
                return {call["called"]: call["id"] for call in json.loads(said)["calls"]}
            await trio.sleep(LIVE_AGAIN_S)
        raise ServerFailed("the server does not tell its calls")

    async def _live_line(self) -> bytes:
        """What the server tells first; nothing when too many watch it, of whom those that have left count a while."""
        with socket_address(self.data_dir, LIVE_SOCKET) as address:
            live = await trio.open_unix_socket(address)
        said = b""
        async with live:
            while b"\n" not in said:
                chunk = await live.receive_some()
                if not chunk:
                    return b""
                said += chunk
        return said.partition(b"\n")[0]

    def records(self, suffix: str) -> dict[str, list[dict[str, Any]]]:
        """Every call's lines of one kind: `records("timeline")`, `records("turns")`; the key is the call."""
        found = {}
        for file in sorted((self.data_dir / "calls").glob(f"*.{suffix}.jsonl")):
            lines = file.read_text().splitlines()
            found[file.name.removesuffix(f".{suffix}.jsonl")] = [json.loads(line) for line in lines]
        return found


@asynccontextmanager
async def serving(data_dir: Path, arguments: Sequence[str]) -> AsyncIterator[ServerProcess]:
    """A server that takes calls; ended by SIGTERM, and by force when that does not help."""
    log = data_dir / "stderr.log"
    command = [
        sys.executable, "-m", "mediasrv", "serve",
        "--sip", "127.0.0.1:0", "--data-dir", str(data_dir), *arguments,
    ]  # fmt: skip
    with log.open("wb") as stderr:
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=stderr)
    try:
        host, port = await _ready(process, log)
        yield ServerProcess(process, (host, port), data_dir, log)
    finally:
        await _end(process)


def settings_file(directory: Path, script: Path, *, more: str = "") -> Path:
    """Settings that make the scripted agent follow `script`; `more` tables, as TOML."""
    file = directory / "bench.toml"
    file.write_text(f"[agents]\nscript = {json.dumps(str(script))}\n{more}")
    return file


async def _ready(process: trio.Process, log: Path) -> tuple[str, int]:
    assert process.stdout is not None
    said = b""
    with trio.move_on_after(READY_WITHIN_S):
        while b"\n" not in said:
            chunk = await process.stdout.receive_some()
            if not chunk:
                break
            said += chunk
    line, _, _ = said.partition(b"\n")
    try:
        host, _, port = json.loads(line)["sip"].rpartition(":")
    except (ValueError, KeyError) as error:
        problem = f"the server did not say that it is ready, but {line!r}; its log ends:\n{tail(log)}"
        raise ServerFailed(problem) from error
    return host, int(port)


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-STDERR_TAIL:]


async def _end(process: trio.Process) -> None:
    with trio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
        with trio.move_on_after(ENDS_WITHIN_S):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
