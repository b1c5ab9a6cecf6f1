"""The commands of the control socket: one JSON object a line asks, lines of JSON answer, and the last has `done`.

    {"do": "call", "to": "+442079460018", "agent": "menu"}
        {"call": "5f1c...", "ms": 0.4, "event": "dialling", ...}    the call's timeline, as it is written
        {"done": true, "record": {...}}                             its record: it is over

Whoever goes away while he follows a call that he has had made hangs it up; with `"follow": false` it goes on by itself.
What cannot be done is told in words, as `error`; nothing that is asked here can do more than end what it is about.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trio.abc

from mediasrv.call import Call
from mediasrv.call.bridge import SupervisorAgent
from mediasrv.errors import ConfigError, MediasrvError
from mediasrv.ids import CallId
from mediasrv.legs import CannotTransfer, Ending
from mediasrv.server.control.local_socket import LocalSocket
from mediasrv.server.control.standings import standings
from mediasrv.server.house import House
from mediasrv.server.outgoing.departures import Departures, Wish
from mediasrv.server.outgoing.told import checked
from mediasrv.telemetry.timeline import Kind

CONTROL_SOCKET = "control.sock"
REQUEST_BYTES_MAX = 4_096
LINES_WAITING_MAX = 256  # that a client has not read; then he misses some, but not the last
SLOWEST_S = 5.0
TRANSFER_S = 60.0
FINAL_S = 10.0  # for a call that was hung up to say good-bye and write its record

Request = Mapping[str, Any]
Line = dict[str, object]


class Refused(MediasrvError):
    """What was asked for cannot be done; the words are for people."""


class Control:
    """`calls`: the nursery of all calls, in which those go on that nobody follows; `statistics`: the server's own."""

    def __init__(
        self,
        directory: Path,
        house: House,
        departures: Departures,
        calls: trio.Nursery,
        statistics: Callable[[], Line],
    ) -> None:
        self._house, self._departures, self._calls = house, departures, calls
        self._statistics = statistics
        self._socket = LocalSocket(directory, CONTROL_SOCKET, self.serve)
        self._commands: dict[str, Callable[[trio.abc.Stream, Request], Awaitable[Line]]] = {
            "call": self._call,
            "hang_up": self._hang_up,
            "transfer": self._transfer,
            "supervise": self._supervise,
            "statistics": self._count,
            "trunks": self._tell_trunks,
        }

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await self._socket.run(task_status=task_status)

    async def serve(self, client: trio.abc.Stream) -> None:
        """One request."""
        try:
            request = await _read(client)
            command = self._commands.get(str(request.get("do")))
            if command is None:
                raise Refused(f"there is no such command; there are {', '.join(self._commands)}")
            line = await command(client, request)
        except* (Refused, ConfigError) as problems:
            line = {"error": "; ".join(_words(problems))}
        await _send(client, {**line, "done": True})

    # ---- the commands

    async def _call(self, client: trio.abc.Stream, request: Request) -> Line:
        target, trunk, headers = _text(request, "to"), self._trunk(request), _headers(request)
        name = str(request.get("agent") or self._house.settings.agents.default)
        if _is_left_alone(request):
            call_id = self._departures.name()
            await self._calls.start(
                self._lead_alone, call_id, name, partial(Wish, target, trunk=trunk, headers=headers)
            )
            return {"call": call_id}
        async with self._house.hired(name) as agent:
            return await self._follow(client, Wish(target, agent, trunk, headers=headers))

    async def _lead_alone(
        self,
        call_id: CallId,
        name: str,
        wish_of: Callable[..., Wish],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Nobody follows it; the agent is hired before whoever asked is told the call's name."""
        async with self._house.hired(name) as agent:
            task_status.started()
            await self._departures.run(call_id, wish_of(agent=agent), _to_nobody)

    async def _supervise(self, client: trio.abc.Stream, request: Request) -> Line:
        """Rings whoever supervises, who then listens in."""
        watched = self._find(request)
        wish = Wish(_text(request, "to"), SupervisorAgent(watched.info.id), self._trunk(request), watched.leg)
        if not _is_left_alone(request):
            return await self._follow(client, wish)
        call_id = self._departures.name()
        self._calls.start_soon(self._departures.run, call_id, wish, _to_nobody)
        return {"call": call_id}

    async def _hang_up(self, client: trio.abc.Stream, request: Request) -> Line:
        self._end(self._find(request), Ending.ADMIN)
        return {}

    def _end(self, call: Call, why: Ending) -> None:
        if self._house.keeping is not None:
            self._house.keeping.ends(call.info.id, why)
        call.end(why)

    async def _transfer(self, client: trio.abc.Stream, request: Request) -> Line:
        call, target = self._find(request), _text(request, "to")
        problem = self._house.services.why_not_dial(call.info, target)
        if problem:
            raise Refused(problem)
        try:
            with trio.fail_after(TRANSFER_S):
                await call.leg.transfer(target)
        except (CannotTransfer, trio.TooSlowError) as error:
            raise Refused(f"not transferred: {error or 'no answer'}") from error
        self._end(call, Ending.TRANSFERRED)
        return {}

    async def _count(self, client: trio.abc.Stream, request: Request) -> Line:
        """What lives in the server now, and what it has counted; the task that tells it is one of its tasks."""
        return self._statistics()

    async def _tell_trunks(self, client: trio.abc.Stream, request: Request) -> Line:
        return {"trunks": standings(self._house.settings, self._statistics())}

    # ---- calls that are made

    async def _follow(self, client: trio.abc.Stream, wish: Wish) -> Line:
        call_id = self._departures.name()
        told, lines = trio.open_memory_channel[Line](LINES_WAITING_MAX)
        record: Line = {}

        def follow(kind: Kind, entry: Mapping[str, object]) -> None:
            if kind == "call":
                record.update(entry)
            elif kind == "timeline":
                # Late packets of a call that is over are traced, too: by then nobody reads along any more.
                with suppress(trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
                    told.send_nowait(dict(entry))

        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch_client, client, call_id, watching.cancel_scope)
            async with trio.open_nursery() as telling:
                telling.start_soon(_pass_on, lines, client)
                await self._departures.run(call_id, wish, follow)
                told.close()
            watching.cancel_scope.cancel()
        return {"record": record}

    async def _watch_client(self, client: trio.abc.Stream, call_id: CallId, run: trio.CancelScope) -> None:
        """Who goes away hangs up; so does who says anything more."""
        with suppress(trio.BrokenResourceError):
            await client.receive_some(1)
        call = self._house.services.live.find(call_id)
        if call is not None:
            self._end(call, Ending.ADMIN)
            await trio.sleep(FINAL_S)
        run.cancel()

    # ---- what a request names

    def _find(self, request: Request) -> Call:
        call = self._house.services.live.find(CallId(_text(request, "call")))
        if call is None:
            raise Refused(f"there is no call {_text(request, 'call')} just now")
        return call

    def _trunk(self, request: Request) -> str:
        """The one that is named; else the first that calls can go out over."""
        trunks = self._house.settings.trunks
        if request.get("trunk"):
            named = _text(request, "trunk")
            if named not in trunks:
                raise Refused(f"there is no trunk {named}; there are {', '.join(trunks)}")
            return named
        return next((name for name, trunk in trunks.items() if trunk.hosts), next(iter(trunks)))


def _to_nobody(kind: Kind, entry: Mapping[str, object]) -> None:
    """Nobody reads along."""


def _words(problems: BaseExceptionGroup[Exception]) -> Iterator[str]:
    """What each of them says, however many nurseries it has come through."""
    for problem in problems.exceptions:
        if isinstance(problem, BaseExceptionGroup):
            yield from _words(problem)
        else:
            yield str(problem)


def _is_left_alone(request: Request) -> bool:
    """Whether the call goes on by itself once whoever asked for it knows its name."""
    return request.get("follow", True) is not True


def _text(request: Request, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value.strip():
        raise Refused(f"say {key!r}, as a text")
    return value


def _headers(request: Request) -> dict[str, str]:
    wanted = request.get("headers") or {}
    if not isinstance(wanted, dict):
        raise Refused('say headers as an object, as in {"X-Order": "17"}')
    try:
        return checked(wanted)
    except ValueError as problem:
        raise Refused(f"headers: {problem}") from problem


async def _read(client: trio.abc.Stream) -> Request:
    data = b""
    with trio.fail_after(SLOWEST_S):
        while b"\n" not in data:
            more = await client.receive_some(REQUEST_BYTES_MAX)
            data += more
            if not more or len(data) > REQUEST_BYTES_MAX:
                raise Refused("a request is one line of JSON, and no long one")
    try:
        request = json.loads(data.split(b"\n", 1)[0])
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}") from error
    if not isinstance(request, dict):
        raise Refused('a request is an object, as in {"do": "call"}')
    return request


async def _pass_on(lines: trio.MemoryReceiveChannel[Line], client: trio.abc.Stream) -> None:
    with suppress(trio.BrokenResourceError, trio.TooSlowError):  # the call does not suffer for it
        async for line in lines:
            await _send(client, line)


async def _send(client: trio.abc.Stream, line: Line) -> None:
    with trio.fail_after(SLOWEST_S):
        await client.send_all(json.dumps(line, default=str).encode() + b"\n")
