"""What every call does just now, for whoever asks on this machine: `mediasrv calls --live`.

Who connects to the socket gets one line of JSON at once and one a second after; one that does not read for SLOWEST_S is
left: watching must never cost the watched anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import trio

from mediasrv.errors import StreamClosed
from mediasrv.media import StreamFace
from mediasrv.server.control.local_socket import LocalSocket
from mediasrv.server.roster import LiveCall

SOCKET = "live.sock"
PERIOD_S = 1.0
SLOWEST_S = 5.0


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
        self._calls = calls
        self._socket = LocalSocket(directory, SOCKET, self._tell)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await self._socket.run(task_status=task_status)

    async def _tell(self, client: trio.SocketStream) -> None:
        while True:
            line = json.dumps(snapshot(self._calls(), trio.current_time())) + "\n"
            with trio.fail_after(SLOWEST_S):
                await client.send_all(line.encode())
            await trio.sleep(PERIOD_S)
