"""A Unix socket in the data directory, which only its owner may open: how people on this machine talk to the server.

There are at most CLIENTS of each kind at a time, and who comes after them is left at once. A server that cannot have
the socket says so in its log, and goes on without: calls matter more than being watched or told. So does a fault of
ours in answering: it costs the one who asked his connection, and nobody his call.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

CLIENTS = 8
OWNER_ONLY = 0o177  # as a umask

_log = logging.getLogger(__name__)


@contextmanager
def socket_address(directory: Path, name: str) -> Iterator[str]:
    """The socket's address, short however long the directory's name is: 107 bytes are all that an address may have."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{name}"
    finally:
        os.close(opened)


class LocalSocket:
    """`serve` has one client, and loses nothing but him when he goes away or is too slow."""

    def __init__(
        self, directory: Path, name: str, serve: Callable[[trio.SocketStream], Awaitable[None]]
    ) -> None:
        self._directory, self._name, self._serve_one = directory, name, serve
        self._clients = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            listener = self._listen()
        except OSError as error:
            _log.warning(
                "nobody on this machine can ask for anything", extra={"socket": self._name, "why": str(error)}
            )
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
            (self._directory / self._name).unlink(missing_ok=True)

    def _listen(self) -> trio.socket.SocketType:
        """OSError when another server that is alive has it."""
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with socket_address(self._directory, self._name) as address:
                _remove_dead(address, self._name)
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
                await self._serve_one(client)
            except (trio.BrokenResourceError, trio.TooSlowError):
                return
            except Exception:
                _log.exception("fault in answering somebody on this machine", extra={"socket": self._name})
            finally:
                self._clients -= 1


def _remove_dead(address: str, name: str) -> None:
    """A socket that nobody listens on was left by a server that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            os.unlink(address)
        else:
            raise FileExistsError(f"a server is alive on this data directory: {name} answers")
