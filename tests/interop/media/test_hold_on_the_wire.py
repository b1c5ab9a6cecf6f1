"""What a hold does, seen from the other end of the wire: packets as the kernel stamped them, nobody's word for it."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import trio
from numpy.typing import NDArray

from mediasrv.media import (
    Arming,
    Cost,
    Engine,
    EngineSettings,
    Finished,
    Held,
    MediaEvent,
    Released,
    ReleaseReason,
    Stream,
    StreamSpec,
)
from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop

SO_TIMESTAMPNS = 35
RATE_HZ = 16_000
FRAME = RATE_HZ // 50
LEVEL = 10_000
LINEAR = {"codec": "L16", "payload_type": 96, "aec": False, "ns": False, "vad": False}
HELD_UP_S = 0.7
LEASE_MS = 200
FADE = RATE_HZ // 200  # samples


@dataclass(frozen=True)
class Heard:
    at_ns: int  # on the wall clock, when the kernel had it
    pcm: NDArray[np.int16]


class Capture:
    """A socket that is only read afterwards: the kernel keeps packets, and when they came."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.socket.getsockname()

    def packets(self) -> Iterator[Heard]:
        """Everything since last asked."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(2_000, 64)
            except BlockingIOError:
                return
            seconds, ns = struct.unpack("qq", ancillary[0][2])
            yield Heard(seconds * 10**9 + ns, np.frombuffer(data[12:], ">i2").astype(np.int16))


@contextmanager
def capture() -> Iterator[Capture]:
    captured = Capture()
    with captured.socket:
        yield captured


async def opened(engine: Engine, captured: Capture) -> Stream:
    spec = StreamSpec(remote=captured.address, **LINEAR)  # type: ignore[arg-type]
    return await engine.add(engine.reserve(Cost()), spec, 1)


async def wait_for(stream: Stream, kind: type[MediaEvent]) -> MediaEvent:
    with trio.fail_after(PATIENCE_S):
        while not isinstance(event := await stream.next_event(), kind):
            pass
    return event


def steady(seconds: float) -> bytes:
    return np.full(round(seconds * RATE_HZ), LEVEL, np.int16).tobytes()


def voice_in(packets: list[Heard]) -> int:
    """Samples that are not silence. A fade ends on zero, which costs a sample of voice each time."""
    return sum(int(np.count_nonzero(packet.pcm)) for packet in packets)


async def test_after_a_hold_no_more_than_one_packet_can_be_heard_and_it_fades() -> None:
    """Told by samples, not by the clock: an order that comes while a packet is sent holds from the next one on."""
    heard: list[Heard] = []
    with capture() as captured:
        async with Engine(EngineSettings(capacity=2)) as engine:
            stream = await opened(engine, captured)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.play, steady(30), RATE_HZ, stream.begin(), Arming())
                for fades in range(1, 21):
                    await trio.sleep(0.065)
                    hold = stream.hold(5_000)
                    held = await wait_for(stream, Held)
                    assert isinstance(held, Held)
                    heard += captured.packets()
                    so_far = len(heard)
                    while len(heard) < so_far + 3:
                        await trio.sleep(0.02)
                        heard += captured.packets()
                    assert stream.position().wire - held.at.wire == FADE
                    assert held.at.wire + FADE - fades <= voice_in(heard) <= held.at.wire + FADE
                    fading = [packet.pcm for packet in heard if packet.pcm.any()][-1]
                    assert not fading[FADE:].any()
                    stream.release(hold)
                    await wait_for(stream, Released)
                nursery.cancel_scope.cancel()


async def test_positions_are_the_samples_that_were_sent() -> None:
    holds = 5
    with capture() as captured:
        async with Engine(EngineSettings(capacity=2)) as engine:
            stream = await opened(engine, captured)
            generation = stream.begin()
            heard: list[Heard] = []
            await stream.play(steady(1.5), RATE_HZ, generation, Arming())
            await stream.finish(generation)
            for fades in range(1, holds + 1):
                await trio.sleep(0.11)
                hold = stream.hold(5_000)
                await wait_for(stream, Held)
                await trio.sleep(0.09)
                at = stream.position()
                heard += captured.packets()
                assert at.wire == at.source
                assert voice_in(heard) == pytest.approx(at.wire, abs=2 * fades)
                stream.release(hold)
            finished = await wait_for(stream, Finished)
            await trio.sleep(0.05)
            heard += captured.packets()
    assert isinstance(finished, Finished)
    assert finished.at.wire == finished.at.source == round(1.5 * RATE_HZ)
    assert voice_in(heard) == pytest.approx(finished.at.wire, abs=2 * holds)


def gil_hog() -> str:
    """A text over which one call of the regular expressions below takes HELD_UP_S or more, and lets nobody in."""
    for length in range(18, 40):
        text = "a" * length + "b"
        began = time.monotonic()
        re.match(r"(a+)+$", text)
        if time.monotonic() - began >= HELD_UP_S:
            return text
    raise AssertionError("this machine is too fast for its own good")


async def test_a_lease_runs_out_by_itself_while_one_call_never_lets_the_interpreter_go() -> None:
    text = gil_hog()
    with capture() as captured:
        async with Engine(EngineSettings(capacity=2)) as engine:
            stream = await opened(engine, captured)
            await stream.play(steady(1.9), RATE_HZ, stream.begin(), Arming())
            await trio.sleep(0.1)
            list(captured.packets())
            held_ns = time.time_ns()
            stream.hold(LEASE_MS)
            re.match(r"(a+)+$", text)
            free_ns = time.time_ns()
            packets = [packet for packet in captured.packets() if held_ns < packet.at_ns < free_ns]
            released = await wait_for(stream, Released)
    assert isinstance(released, Released)
    assert released.reason is ReleaseReason.LEASE
    after_ms = [(packet.at_ns - held_ns) / 1e6 for packet in packets if packet.pcm.all()]
    silent = [packet for packet in packets if not packet.pcm.any()]
    assert len(silent) >= LEASE_MS / 20 / 2
    back = [ms for ms in after_ms if ms > LEASE_MS / 2]
    assert min(back) >= LEASE_MS - 20
    assert len(back) >= 5, "while Python was stuck"
