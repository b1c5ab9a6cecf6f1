"""The engine's own thread, with real sockets on loopback, in real time."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from mediasrv.media import Arming, Cost, Engine, EngineSettings, Finished, MediaFault, Policy, StreamSpec
from tests.interop.patience import PATIENCE_S
from tests.media.sound import is_silent, silent_packet, tone

pytestmark = pytest.mark.interop

PLAIN = {"aec": False, "ns": False, "vad": False}


class Caller:
    """A socket that hears: a thread notes each packet and when it came."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.socket.getsockname()
        self.heard: list[tuple[float, bytes]] = []
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._listen)

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self.socket, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            self.heard.append((time.monotonic(), self.socket.recv(2048)))

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join()
        self.socket.close()
        os.close(self._stop_read)
        os.close(self._stop_write)


@contextmanager
def python_is_stuck(seconds: float) -> Iterator[None]:
    """A busy loop on trio's own thread: no task runs, and the GIL is hard to get, before the block begins."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    yield


async def test_sound_goes_both_ways_through_real_sockets() -> None:
    with Caller() as caller:
        async with Engine(EngineSettings(capacity=2)) as engine:
            stream = await engine.add(engine.reserve(Cost()), StreamSpec(**PLAIN), 1)
            for k in range(3):
                caller.socket.sendto(silent_packet(k), stream.local)
            with trio.fail_after(PATIENCE_S):
                chunk = await stream.read(60)
            assert len(chunk.pcm) >= 2 * 960
            generation = stream.begin()
            await stream.play(tone(200), 8_000, generation, Arming())
            await stream.finish(generation)
            with trio.fail_after(PATIENCE_S):
                while not isinstance(await stream.next_event(), Finished):
                    pass
            await stream.aclose()
    assert sum(not is_silent(packet) for _, packet in caller.heard) == 10


async def test_a_lease_runs_out_and_the_voice_goes_on_while_python_is_stuck() -> None:
    with Caller() as caller:
        async with Engine(EngineSettings(capacity=2)) as engine:
            stream = await engine.add(engine.reserve(Cost()), StreamSpec(remote=caller.address, **PLAIN), 1)
            await stream.play(tone(1_500), 8_000, stream.begin(), Arming())
            await trio.sleep(0.1)
            stream.hold(200)
            held_at = time.monotonic()
            with python_is_stuck(0.6):
                back_at = time.monotonic()
            packets = [(at - held_at, is_silent(data)) for at, data in caller.heard if held_at < at < back_at]
    pause = [at for at, silent in packets if silent]
    voice = [at for at, silent in packets if not silent and at > 0.1]
    assert all(at < 0.35 for at in pause)
    assert len(voice) > 10
    assert min(voice) == pytest.approx(0.2, abs=0.1)


async def test_a_flush_is_acknowledged_within_the_tick() -> None:
    with Caller() as caller:
        async with Engine(EngineSettings(capacity=2)) as engine:
            stream = await engine.add(engine.reserve(Cost()), StreamSpec(remote=caller.address, **PLAIN), 1)
            for _ in range(20):
                generation = stream.begin()
                await stream.play(tone(1_000), 8_000, generation, Arming())
                await trio.sleep(0.03)
                with trio.fail_after(PATIENCE_S):
                    at = await stream.flush(generation)
                assert at.generation == generation
                assert at.source < 8_000


async def test_a_socket_that_is_lost_is_a_fault_of_its_stream_alone() -> None:
    with Caller() as caller:
        async with Engine(EngineSettings(capacity=2)) as engine:
            spec = StreamSpec(remote=caller.address, **PLAIN)
            lost = await engine.add(engine.reserve(Cost()), spec, 1)
            other = await engine.add(engine.reserve(Cost()), spec, 2)
            for stream in (lost, other):
                await stream.play(tone(1_000), 8_000, stream.begin(), Arming())
            spoil_socket(lost.local[1])
            with trio.fail_after(PATIENCE_S):
                while not isinstance(await lost.next_event(), MediaFault):
                    pass
            sent = other.statistics().packets_sent
            await trio.sleep(0.1)
            assert other.statistics().packets_sent > sent


def spoil_socket(port: int) -> None:
    """Puts something that is no socket behind the descriptor, as a stray close and open elsewhere would."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
        with found:
            ours = found.type == socket.SOCK_DGRAM and found.family == socket.AF_INET
            if ours and found.getsockname()[1] == port:
                os.dup2(nothing, fd)
    os.close(nothing)


async def test_a_thread_that_overruns_says_so_and_recovers() -> None:
    with Caller() as caller:
        async with Engine(EngineSettings(capacity=100, threads=1, millicores=10_000)) as engine:
            spec = StreamSpec(remote=caller.address, **PLAIN)
            steady = await engine.add(engine.reserve(Cost()), spec, 1)
            heavy = StreamSpec("opus", 111, remote=("127.0.0.1", 9), opus_complexity=10, **PLAIN)
            crowd = [await engine.add(engine.reserve(Cost()), heavy, 2) for _ in range(60)]  # all in one slot
            with trio.fail_after(PATIENCE_S):
                while engine.statistics().overruns < 3:  # noqa: ASYNC110
                    await trio.sleep(0.02)
            async with trio.open_nursery() as nursery:
                for stream in crowd:
                    nursery.start_soon(stream.aclose)
            before, overruns = steady.statistics().ticks, engine.statistics().overruns
            await trio.sleep(0.5)
            assert steady.statistics().ticks - before >= 20
            assert engine.statistics().overruns <= overruns + 2


async def test_a_pair_of_ports_hears_on_both() -> None:
    async with Engine(EngineSettings(capacity=1)) as engine:
        stream = await engine.add(engine.reserve(Cost()), StreamSpec(rtcp="port", **PLAIN), 1)
        host, port = stream.local
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(silent_packet(0), (host, port))
            peer.sendto(b"\x80\xc9\0\1\0\0\0\7", (host, port + 1))
            with trio.fail_after(PATIENCE_S):
                while engine.statistics().packets_received < 2:  # noqa: ASYNC110
                    await trio.sleep(0.01)


async def test_a_hundred_streams_come_and_go_and_leave_no_descriptor() -> None:
    async with Engine(EngineSettings(capacity=100, millicores=10_000)) as engine:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(2):
            streams = [
                await engine.add(engine.reserve(Cost()), StreamSpec(**PLAIN), group) for group in range(100)
            ]
            async with trio.open_nursery() as nursery:
                for stream in streams:
                    nursery.start_soon(stream.aclose)
        assert engine.streams() == ()
        assert len(os.listdir("/proc/self/fd")) == before


async def test_the_thread_keeps_time_and_says_so() -> None:
    async with Engine(EngineSettings(capacity=2)) as engine:
        await trio.sleep(0.3)
        counted = engine.statistics()
    assert counted.policy in (Policy.FIFO, Policy.SLICE, Policy.NORMAL)
    assert counted.wakeups > 50
    assert counted.cpu_ns > 0
    assert sum(counted.lateness.histogram) >= counted.wakeups
