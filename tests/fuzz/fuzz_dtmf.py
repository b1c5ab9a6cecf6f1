"""Presses keys every way there is: `fuzz_dtmf.py --seconds N --seed S`.

*Received*: telephone events of a healthy sender, damaged, repeated, out of order. *Sent*: keys of any length pressed at
any time, and arguments that are none. *Heard*: keys in band among full-scale noise, squares, steps and silence, in
pieces of any size. Fails on any exception that is not a refusal, on a key that is none or that the oracle does
not hear, on a packet that the oracle does not send, and when a healthy key after all that is not told.
"""

from __future__ import annotations

import contextlib
import random
import sys

import numpy as np

from mediasrv_native.kernels import DtmfReceiver
from mediasrv_native.tones import Detector, DtmfSender, Tones
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator
from tests.reference import dtmf, goertzel

CLOCKS_HZ = (8_000, 16_000, 24_000, 32_000, 44_000, 48_000)
RATES_HZ = (8_000, 16_000, 24_000, 48_000)
SPICES = (b"\x05", b"\x0f\x8a", b"\xff\xff", b"\x00" * 4, b"\x10\x80\xff\xff", bytes(1_500))
PACKETS, TICKS, PIECES = 300, 400, 80
FAR_ON = 10**9


def receive(mutator: Mutator) -> None:
    """What is well formed is taken as the oracle takes it; the rest is refused and leaves no trace."""
    chance, clock_hz = mutator.random, mutator.random.choice(CLOCKS_HZ)
    receiver, exact = DtmfReceiver(clock_hz), dtmf.Receiver(clock_hz)
    sent = [p for k in range(8) for p in dtmf.of_key(some_key(chance), 0, k * 90_000, clock_hz)]
    for _ in range(PACKETS):
        packet = chance.choice(sent)
        payload = mutator.mutate(packet.payload) if chance.random() < 0.5 else packet.payload
        rtp = packet.timestamp + chance.choice((0, 0, 0, 1, dtmf.LONGEST_SEGMENT, -90_000, 2**32, -(2**33)))
        try:
            key = receiver.receive(payload, rtp)
        except ValueError:
            assert len(payload) < 4 or rtp < 0, "a telephone event was refused"
            continue
        assert key == exact.receive(payload, rtp), "the oracle hears another key"
    assert receiver.receive(dtmf.of_key(dtmf.Key(7, 100, 60), 0, 0, clock_hz)[0].payload, FAR_ON**2) == 7


def some_key(chance: random.Random) -> dtmf.Key:
    return dtmf.Key(
        chance.randrange(16), chance.choice((40, 60, 100, 2_048, 8_192, 10_000)), chance.randrange(200)
    )


def send(mutator: Mutator) -> None:
    """Arguments at random are refused or pressed; keys pressed on an idle line leave it as the oracle's do."""
    chance, clock_hz = mutator.random, mutator.random.choice(CLOCKS_HZ)
    sender, start = DtmfSender(clock_hz), mutator.random.randrange(2**32)
    for tick in range(TICKS):
        if chance.random() < 0.1:
            with contextlib.suppress(ValueError, BufferError):
                sender.push(chance.randrange(256), chance.randrange(2**32), chance.randrange(2**16))
            with contextlib.suppress(BufferError):
                sender.push(chance.randrange(16), chance.randint(40, 300), chance.randrange(100))
        told = sender.tick(start + tick * chance.choice((0, 160, 2**31)) & 0xFFFF_FFFF)
        assert told is None or told[2][0] < 16, "what was sent is no key"
    idle = DtmfSender(clock_hz)
    keys = [some_key(chance) for _ in range(chance.randint(1, 4))]
    for key in keys:
        idle.push(key.code, key.duration_ms, key.gap_ms)
    got, tick = [], 0
    while idle.busy:
        told = idle.tick((start + tick * clock_hz // 50) % 2**32)
        got += [dtmf.Packet(tick, *told)] if told else []
        tick += 1
    assert got == list(dtmf.sent(keys, start, clock_hz)), "the oracle sends other packets"


def hear(mutator: Mutator) -> None:
    """Whatever the sound, what is heard is what the oracle hears, wherever the sound is cut."""
    chance, rate_hz = mutator.random, mutator.random.choice(RATES_HZ)
    sound = np.concatenate([some_sound(chance, rate_hz) for _ in range(6)])
    detector, heard, at = Detector(rate_hz), [], 0
    while at < len(sound):
        size = chance.randint(0, rate_hz // 50)
        told = detector.process(sound[at : at + size].tobytes())
        heard += [goertzel.Heard(*told)] if told else []
        at += size
    assert all(key.code < 16 for key in heard), "what was heard is no key"
    if goertzel.are_certain(sound, rate_hz):
        assert heard == goertzel.keys(sound, rate_hz), "the oracle hears other keys"
    with contextlib.suppress(ValueError):
        detector.process(bytes(chance.randrange(10_000)))
    pressed = Tones.of_key(rate_hz, 7, 100).process(rate_hz // 5)[0]
    pieces = (bytes(rate_hz // 5), pressed)  # 100 ms of silence, so that a key that still sounds has ended
    step = rate_hz // 1_000 * 20
    told = [detector.process(p[k : k + step]) for p in pieces for k in range(0, len(p), step)]
    assert [key[0] for key in told if key][-1:] == [7], "a key was not heard"


def some_sound(chance: random.Random, rate_hz: int) -> np.ndarray:
    n, seed = rate_hz // 1_000 * chance.randint(1, 120), chance.randrange(2**32)
    rng, at = np.random.default_rng(seed), np.arange(n)
    pressed = Tones.of_key(rate_hz, chance.randrange(16), chance.randint(20, 100))
    kinds = (
        lambda: rng.integers(-32_768, 32_768, n),
        lambda: rng.choice([-32_768, 0, 32_767], n),
        lambda: np.where(at * chance.choice((697, 941, 1_209, 1_477)) * 2 // rate_hz % 2, 32_767, -32_768),
        lambda: np.full(n, chance.choice((-32_768, -1, 0, 32_767))),
        lambda: np.frombuffer(pressed.process(n)[0], np.int16) // chance.choice((1, 1, 4, 64)),
    )
    return chance.choice(kinds)().astype(np.int16)


def run(seed: int) -> None:
    mutator = Mutator(seed, SPICES)
    for way in (receive, send, hear):
        way(mutator)


if __name__ == "__main__":
    sys.exit(campaign("fuzz_dtmf", run, "keys both ways", __doc__))
