"""The same call over the real engine, in manual mode: what the caller's telephone would receive."""

from __future__ import annotations

import struct

import trio

from mediasrv.call import CallServices, run_call
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.ids import SeededTokens
from mediasrv.media import Cost, Engine, StreamSpec
from mediasrv.media.engine import SentPacket
from mediasrv.providers.formant import speak
from mediasrv.providers.script import parse_script
from mediasrv.telemetry import MemorySink
from mediasrv_native.kernels import g711_decode_u, g711_encode_u
from tests.call.conversing import LONG
from tests.fakes.leg import FakeLeg, TrioClock

PEER = ("127.0.0.1", 40_000)
RATE_HZ, FRAME = 8_000, 160
SCRIPT = f"""
greeting = "{LONG}"
[[hears]]
text = "Excuse me, I have a question."
[[reply]]
text = "Yes?"
"""


class Caller:
    """Sends one track of speech, 20 ms at a time, and keeps what comes back."""

    def __init__(self, engine: Engine, *said: tuple[float, str], seconds: int) -> None:
        pcm = bytearray(2 * RATE_HZ * seconds)
        for at_s, text in said:
            sound = speak(text, RATE_HZ, "low").pcm
            start = 2 * round(at_s * RATE_HZ)
            pcm[start : start + len(sound)] = sound
        self._payload = g711_encode_u(bytes(pcm))
        self._engine = engine
        self.received: list[SentPacket] = []

    async def run(self) -> None:
        began, sent = trio.current_time(), 0
        while True:
            now_ns = round(trio.current_time() * 1e9)
            while sent * 0.02 <= trio.current_time() - began and (sent + 1) * FRAME <= len(self._payload):
                header = struct.pack("!BBHII", 0x80, 0, sent & 0xFFFF, sent * FRAME, 1_234)
                packet = header + self._payload[sent * FRAME : (sent + 1) * FRAME]
                self._engine.push(self._engine.streams()[0], packet, PEER, now_ns)  # type: ignore[arg-type]
                sent += 1
            await self._engine.tick(now_ns)
            self.received += self._engine.packets()
            await trio.sleep(0.002)

    def audible(self, from_s: float, until_s: float) -> bool:
        return any(
            max(abs(v) for (v,) in struct.iter_unpack("<h", g711_decode_u(packet.data[12:]))) > 200
            for packet in self.received
            if from_s * 1e9 <= packet.at_ns < until_s * 1e9
        )


async def call(*said: tuple[float, str], seconds: int) -> tuple[Caller, list[dict[str, object]], float]:
    sink, began = MemorySink(), trio.current_time()
    async with Engine(manual=True, tokens=SeededTokens(3)) as engine:
        stream = await engine.add(engine.reserve(Cost()), StreamSpec(remote=PEER), group=1)
        leg, caller = FakeLeg(stream, hangs_up_at=seconds), Caller(engine, *said, seconds=seconds)  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)
            services = CallServices(TrioClock(), SeededTokens(1), sink)
            await run_call(leg, scripted_agent(parse_script(SCRIPT)), services)
            nursery.cancel_scope.cancel()
    return caller, [dict(turn) for turn in sink.of(leg.info.id, "turn")], began


async def test_a_caller_who_interrupts_hears_silence_at_once_and_then_the_answer(
    autojump_clock: object,
) -> None:
    caller, turns, began = await call((3.0, "excuse me I have a question"), seconds=8)
    assert caller.audible(began + 1, began + 3)
    assert not caller.audible(began + 3.12, began + 4.9), "the voice went on after 120 ms"
    assert caller.audible(began + 4.9, began + 7)
    assert turns[0]["ending"] == "user_barge_in"
    assert str(turns[0]["said"]).startswith(str(turns[0]["heard"]))
    assert turns[1]["heard"] == "Yes?"


async def test_a_cough_is_a_short_hole_in_the_voice(autojump_clock: object) -> None:
    caller, turns, began = await call((3.0, "eh"), seconds=8)
    assert caller.audible(began + 3.6, began + 4.5)
    assert (turns[0]["holds"], turns[0]["rejects"]) == (1, 1)
    assert turns[0]["ending"] == "hangup"
