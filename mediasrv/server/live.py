"""What every call does just now, for whoever asks on this machine: `mediasrv calls --live`.

A Unix socket in the data directory, which only its owner may open. Who connects gets one line of JSON at once and one a
second after. There are at most CLIENTS of them, and one that does not read for SLOWEST_S is left: watching must never
cost the watched anything. A server that cannot have the socket says so in its log, and goes on without.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

from mediasrv.errors import StreamClosed
from mediasrv.media import StreamFace
from mediasrv.server.roster import LiveCall

SOCKET = "live.sock"
CLIENTS = 8
PERIOD_S = 1.0
SLOWEST_S = 5.0
OWNER_ONLY = 0o177  # as a umask

_log = logging.getLogger(__name__)


@contextmanager
def socket_address(directory: Path) -> Iterator[str]:
    """The socket's address, short however long the directory's name is: 107 bytes are all that an address may have."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)


def stream_snapshot(stream: StreamFace) -> dict[str, object]:
    statistics, at = stream.statistics(), stream.position()
    return {
        "codec": stream.codec,
        "held": at.hold is not None,
        "generation": at.generation,
        "loss": statistics.loss,
        **statistics.as_dict(),
    }


def call_snapshot(call: LiveCall, now: float) -> dict[str, object]:
    """A stream that is just being closed is left out."""
    streams = []
    with suppress(StreamClosed):
        streams.append(stream_snapshot(call.stream))
    return {
        "id": call.info.id,
        "caller": call.info.caller,
        "called": call.info.called,
        "trunk": call.info.trunk,
        "agent": call.agent,
        "seconds": round(now - call.began, 1),
        "streams": streams,
    }


def snapshot(calls: Sequence[LiveCall], now: float) -> dict[str, object]:
    """All calls, ready for JSON."""
    return {"calls": [call_snapshot(call, now) for call in calls]}


class LiveView:
    def __init__(self, directory: Path, calls: Callable[[], Sequence[LiveCall]]) -> None:
        self._directory, self._calls = directory, calls
        self._clients = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            listener = self._listen()
        except OSError as error:
            _log.warning("calls cannot be watched live", extra={"why": str(error)})
            task_status.started()
            await trio.sleep_forever()
        try:
            async with trio.open_nursery() as nursery:
                task_status.started()
                while True:
                    client, _ = await listener.accept()
                    nursery.start_soon(self._serve, trio.SocketStream(client))
        finally:
            listener.close()
            (self._directory / SOCKET).unlink(missing_ok=True)

    def _listen(self) -> trio.socket.SocketType:
        """OSError when another server that is alive has it."""
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with socket_address(self._directory) as address:
                _remove_dead(address)
                before = os.umask(OWNER_ONLY)
                try:
                    bound.bind(address)
                finally:
                    os.umask(before)
            bound.listen(CLIENTS)
        except BaseException:
            bound.close()
            raise
        return trio.socket.from_stdlib_socket(bound)

    async def _serve(self, client: trio.SocketStream) -> None:
        async with client:
            if self._clients >= CLIENTS:
                return
            self._clients += 1
            try:
                await self._tell(client)
            except (trio.BrokenResourceError, trio.TooSlowError):
                return
            finally:
                self._clients -= 1

    async def _tell(self, client: trio.SocketStream) -> None:
        while True:
            line = json.dumps(snapshot(self._calls(), trio.current_time())) + "\n"
            with trio.fail_after(SLOWEST_S):
                await client.send_all(line.encode())
            await trio.sleep(PERIOD_S)


def _remove_dead(address: str) -> None:
    """A socket that nobody listens on was left by a server that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            os.unlink(address)
        else:
            raise FileExistsError(f"a server is alive on this data directory: {SOCKET} answers")
