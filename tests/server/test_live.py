"""The live view: who may look, what is seen, and that looking costs the calls nothing."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.server.control.local_socket import CLIENTS, LocalSocket, socket_address
from mediasrv.server.live import SLOWEST_S, SOCKET, LiveView, snapshot
from mediasrv.server.roster import LiveCall
from tests.fakes.leg import FakeLeg
from tests.fakes.stream import FakeStream

INFO = CallInfo(CallId("c0ffee"), "+4930", "100", "office")


@asynccontextmanager
async def viewed(directory: Path, calls: list[LiveCall]) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(LiveView(directory, lambda: calls).run)
        yield
        nursery.cancel_scope.cancel()


async def connected(directory: Path) -> trio.SocketStream:
    client = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with socket_address(directory, SOCKET) as address:
        await client.connect(address)
    return trio.SocketStream(client)


async def told(client: trio.SocketStream) -> object:
    data = b""
    while not data.endswith(b"\n"):
        data += await client.receive_some()
    return json.loads(data)


def live_call() -> LiveCall:
    return LiveCall(INFO, "echo", trio.current_time(), FakeLeg(FakeStream(), INFO))


async def test_who_asks_is_told_at_once_and_once_a_second(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    calls = [live_call()]
    async with viewed(tmp_path, calls), await connected(tmp_path) as client:
        began = trio.current_time()
        first = await told(client)
        assert trio.current_time() - began < 0.5
        assert first["calls"][0]["caller"] == "+4930"  # type: ignore[index]
        assert first["calls"][0]["streams"][0]["codec"] == "PCMU"  # type: ignore[index]
        calls.clear()
        assert await told(client) == {"calls": []}
        assert trio.current_time() - began == pytest.approx(1, abs=0.5)


async def test_only_the_owner_may_look_and_nothing_is_left_behind(tmp_path: Path) -> None:
    async with viewed(tmp_path, []):
        assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == []


async def test_a_socket_that_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead,
        socket_address(tmp_path, SOCKET) as address,
    ):
        dead.bind(address)
    async with viewed(tmp_path, []), await connected(tmp_path) as client:
        assert await told(client) == {"calls": []}


async def test_the_socket_of_a_server_that_lives_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with viewed(tmp_path, [live_call()]):
        async with viewed(tmp_path, []), await connected(tmp_path) as client:
            assert (await told(client))["calls"]  # type: ignore[index]
        assert (tmp_path / SOCKET).exists()
    assert "can ask for anything" in caplog.text


async def test_one_watcher_too_many_is_turned_away_and_the_others_go_on(tmp_path: Path) -> None:
    async with viewed(tmp_path, []):
        clients = [await connected(tmp_path) for _ in range(CLIENTS)]
        for client in clients:
            await told(client)
        async with await connected(tmp_path) as late:
            assert await late.receive_some() == b""
        for client in clients:
            await client.aclose()


async def test_a_watcher_that_does_not_read_is_left_alone_in_the_end(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    calls = [live_call() for _ in range(2_000)]
    async with viewed(tmp_path, calls), await connected(tmp_path) as client:
        await trio.sleep(3 * SLOWEST_S)
        rest = b""
        while data := await client.receive_some(1 << 20):
            rest += data
        assert rest.count(b"\n") <= 2


async def test_a_stream_that_is_just_closed_is_left_out() -> None:
    call = live_call()
    await call.stream.aclose()
    assert snapshot([call], trio.current_time())["calls"][0]["streams"] == []  # type: ignore[index]


async def test_a_directory_with_a_long_name_will_do(tmp_path: Path) -> None:
    long = tmp_path / ("a" * 120)
    os.mkdir(long)
    async with viewed(long, []), await connected(long) as client:
        assert await told(client) == {"calls": []}


async def test_a_fault_in_answering_costs_who_asked_his_connection_and_nobody_else_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(client: trio.SocketStream) -> None:
        question = await client.receive_some()
        await client.send_all(bytes([7 // int(question)]))

    async with trio.open_nursery() as nursery:
        await nursery.start(LocalSocket(tmp_path, SOCKET, answer).run)
        for question, answered in ((b"0", b""), (b"1", b"\x07")):
            async with await connected(tmp_path) as client:
                await client.send_all(question)
                assert await client.receive_some() == answered
        nursery.cancel_scope.cancel()
    assert "ZeroDivisionError" in caplog.text
