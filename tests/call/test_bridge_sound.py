"""Who hears whom, by what their telephones receive: the real engine in manual mode, and a tone for each party."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import trio

from mediasrv.call import CallServices, run_call
from mediasrv.call.bridge import SupervisorAgent
from mediasrv.call.menu import menu_agent, parse_menus
from mediasrv.ids import CallId, SeededTokens
from mediasrv.legs import CallInfo
from mediasrv.media import Cost, Engine, Stream, StreamSpec
from mediasrv.telemetry import MemorySink
from mediasrv_native.kernels import g711_decode_u, g711_encode_u
from tests.call.joining import MENUS
from tests.fakes.leg import TrioClock
from tests.fakes.parties import FakeDialler, FakeParty, Guest
from tests.fakes.stream import FakeStream

RATE_HZ, FRAME = 8_000, 160
ANNA_HZ, BOB_HZ, SUE_HZ, CAROL_HZ = 500, 800, 1_300, 2_100
NAMES = {ANNA_HZ: "anna", BOB_HZ: "bob", SUE_HZ: "sue", CAROL_HZ: "carol"}
LEVEL = 5_000


@dataclass
class Phone:
    """Sounds one tone all the time, presses keys, and keeps what it hears."""

    stream: Stream
    hz: int
    sent: int = 0
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    def packet(self) -> bytes:
        at = range(self.sent * FRAME, (self.sent + 1) * FRAME)
        pcm = struct.pack(
            f"<{FRAME}h", *(round(LEVEL * math.sin(2 * math.pi * self.hz * k / RATE_HZ)) for k in at)
        )
        header = struct.pack("!BBHII", 0x80, 0, self.sent & 0xFFFF, self.sent * FRAME, self.hz)
        self.sent += 1
        return header + g711_encode_u(pcm)

    def hears(self, from_s: float, until_s: float) -> set[str]:
        """Whose tones it has been sent meanwhile: each at more than a tenth of its level."""
        pcm = b"".join(g711_decode_u(data[12:]) for at_s, data in self.heard if from_s <= at_s < until_s)
        samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
        assert len(samples) >= RATE_HZ // 2, "too little was sent to say"
        return {name for hz, name in NAMES.items() if _amplitude(samples, hz) > LEVEL / 10}


def _amplitude(samples: tuple[int, ...], hz: int) -> float:
    turns = [2 * math.pi * hz * k / RATE_HZ for k in range(len(samples))]
    real = sum(v * math.cos(t) for v, t in zip(samples, turns, strict=True))
    imaginary = sum(v * math.sin(t) for v, t in zip(samples, turns, strict=True))
    return 2 * math.hypot(real, imaginary) / len(samples)


class Exchange:
    """The engine, its clock, and everybody's telephone."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.phones: list[Phone] = []

    async def phone(self, hz: int) -> Phone:
        spec = StreamSpec(remote=("192.0.2.7", 4_000 + hz), aec=False, ns=False, vad=False, bridge=True)
        stream = await self.engine.add(self.engine.reserve(Cost()), spec, group=1)
        self.phones.append(Phone(stream, hz))
        return self.phones[-1]

    async def run(self) -> None:
        while True:
            now_s = trio.current_time()
            for phone in self.phones:
                if not phone.stream.closed and phone.sent * 0.02 <= now_s:
                    self.engine.push(
                        phone.stream, phone.packet(), ("192.0.2.7", 4_000 + phone.hz), round(now_s * 1e9)
                    )
            await self.engine.tick(round(now_s * 1e9))
            for packet in self.engine.packets():
                heard = next(phone.heard for phone in self.phones if phone.stream is packet.stream)
                heard.append((now_s, packet.data))
            await trio.sleep(0.02)


@dataclass
class Talk:
    """Anna is connected with bob; who is heard is asked of the telephones."""

    exchange: Exchange
    nursery: trio.Nursery
    services: CallServices
    anna: Phone

    async def join(self, hz: int) -> Phone:
        """A supervisor calls."""
        phone = await self.exchange.phone(hz)
        leg = party(Guest(answers_after_s=0.01, stays_s=None), "sup", phone)
        self.nursery.start_soon(run_call, leg, SupervisorAgent(CallId("call")), self.services)
        return phone

    async def heard(self) -> dict[str, set[str]]:
        """By each telephone, for a second from now on."""
        await trio.sleep(0.2)
        from_s = trio.current_time()
        await trio.sleep(1.0)
        return {
            NAMES[phone.hz]: phone.hears(from_s, from_s + 1.0)
            for phone in self.exchange.phones
            if not phone.stream.closed
        }


def party(guest: Guest, name: str, phone: Phone) -> FakeParty:
    return FakeParty(guest, CallInfo(CallId(name), name, "200", "local"), cast("FakeStream", phone.stream))


@asynccontextmanager
async def talking(
    *, recordings: Path | None = None, step: str = "ring_s = 30", bob: Guest | None = None
) -> AsyncIterator[Talk]:
    async with Engine(manual=True, tokens=SeededTokens(3)) as engine, trio.open_nursery() as nursery:
        exchange = Exchange(engine)
        anna = await exchange.phone(ANNA_HZ)
        dialler = FakeDialler(nursery, {"bob": bob or Guest(answers_after_s=0.5, stays_s=None)})
        dialler.open_stream = _opens(exchange)
        services = CallServices(
            TrioClock(), SeededTokens(1), MemorySink(), recordings=recordings, dial=dialler.dial
        )
        nursery.start_soon(exchange.run)
        menus = parse_menus(MENUS.replace("STEP", step))
        leg = party(Guest(answers_after_s=0.01, stays_s=None), "call", anna)
        nursery.start_soon(run_call, leg, menu_agent(menus), services)
        await trio.sleep(1.0)
        anna.stream.hear_key("1", 100)
        await trio.sleep(1.0)
        yield Talk(exchange, nursery, services, anna)
        leg.leave()
        await trio.sleep(1.0)
        assert {phone.stream.closed for phone in exchange.phones if phone.hz in (BOB_HZ, CAROL_HZ)} <= {True}
        nursery.cancel_scope.cancel()


def _opens(exchange: Exchange) -> Callable[[], object]:
    tones = iter((BOB_HZ, CAROL_HZ))

    async def open_stream() -> FakeStream:
        return cast("FakeStream", (await exchange.phone(next(tones))).stream)

    return open_stream


async def test_each_hears_the_other_and_nobody_themselves(autojump_clock: object) -> None:
    async with talking() as talk:
        assert await talk.heard() == {"anna": {"bob"}, "bob": {"anna"}}


async def test_a_supervisor_listens_whispers_to_one_and_barges_in_on_both(autojump_clock: object) -> None:
    async with talking() as talk:
        sue = await talk.join(SUE_HZ)
        await trio.sleep(0.1)
        listens = {"anna": {"bob"}, "bob": {"anna"}, "sue": {"anna", "bob"}}
        assert await talk.heard() == listens
        for key, to in (("2", {"bob"}), ("4", {"anna"}), ("3", {"anna", "bob"}), ("1", set())):
            sue.stream.hear_key(key, 100)
            heard = await talk.heard()
            assert heard == {
                name: who | ({"sue"} if name in to else set()) for name, who in listens.items()
            }, key


async def test_a_recording_has_the_caller_left_and_the_other_side_right(
    autojump_clock: object, tmp_path: Path
) -> None:
    async with talking(recordings=tmp_path, step="record = true") as talk:
        await talk.heard()
    with wave.open(str(tmp_path / "call-1.wav")) as file:
        assert file.getnchannels() == 2
        frames = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(frames) // 2}h", frames)
    left, right = samples[0::2], samples[1::2]
    middle = slice(len(left) // 4, len(left) // 2)
    assert _amplitude(left[middle], ANNA_HZ) > 10 * _amplitude(left[middle], BOB_HZ)
    assert _amplitude(right[middle], BOB_HZ) > 10 * _amplitude(right[middle], ANNA_HZ)
