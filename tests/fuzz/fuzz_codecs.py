"""Throws damaged payloads at every codec's decoder: `fuzz_codecs.py --seconds N --seed S`.

Payloads of a healthy sender are mutated, lost, and answered with resets. Fails on any exception that is not the
refusal of a bad payload, on a length other than the one foretold, and when a decoder that was reset does not then
decode healthy payloads exactly as a fresh one does.
"""

from __future__ import annotations

import sys

from mediasrv_native.codecs import G722, L16, LONGEST_PAYLOAD, OPUS, PCMA, PCMU, Decoder, Encoder
from mediasrv_native.errors import WrongArgument
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator
from tests.native.line import noise, voice

AGREED = (
    (PCMU, 8_000), (PCMA, 8_000), (G722, 16_000), (L16, 8_000), (L16, 16_000), (L16, 24_000),
    (OPUS, 8_000), (OPUS, 16_000), (OPUS, 24_000), (OPUS, 48_000),
)  # fmt: skip
SPICES = (
    b"\x00",
    b"\xff",
    b"\x48",
    b"\x4b\x03",
    b"\xfc",
    b"\xfb\xff\xff",
    b"\xff" * 200,
    bytes(1_300),
    bytes(1_600),
)
PACKETS_A_RUN = 60
SHORTEST_FRAMES_A_SECOND = 400  # 2.5 ms


def healthy(codec: int, rate_hz: int, mutator: Mutator) -> list[bytes]:
    chance = mutator.random
    encoder = Encoder(
        codec, rate_hz, complexity=chance.randrange(11), fec=chance.random() < 0.5, dtx=chance.random() < 0.3,
        expected_loss=chance.randrange(101),
    )  # fmt: skip
    ptime_ms = chance.choice((10, 20, 40, 60) if codec != L16 else (10, 20))
    samples = rate_hz // 1000 * ptime_ms
    sound = (
        voice(samples * 8, rate_hz=rate_hz)
        + noise(samples * 2, chance.randrange(2**30), 32_767)
        + bytes(samples * 4)
    )
    payloads = [encoder.encode(sound[at : at + 2 * samples]) for at in range(0, len(sound), 2 * samples)]
    return [payload for payload in payloads if payload]


def disturb(decoder: Decoder, rate_hz: int, payloads: list[bytes], mutator: Mutator) -> None:
    chance = mutator.random
    payload = chance.choice(payloads)
    if chance.random() < 0.8:
        payload = mutator.mutate(payload)
    if decoder.conceals and chance.random() < 0.3:
        samples = rate_hz // SHORTEST_FRAMES_A_SECOND * chance.randint(1, 24)
        assert len(decoder.lost(samples, chance.choice((None, payload)))) == 2 * samples
    if chance.random() < 0.05:
        decoder.reset()
    try:
        foretold = decoder.samples(payload)
    except WrongArgument:
        foretold = 0
    try:
        heard = decoder.decode(payload)
    except WrongArgument:
        assert not foretold, "a length was foretold and not kept"
        return
    assert len(heard) == 2 * foretold
    assert 0 < len(payload) <= LONGEST_PAYLOAD


def run(seed: int) -> None:
    mutator = Mutator(seed, SPICES)
    codec, rate_hz = AGREED[seed % len(AGREED)]
    payloads = healthy(codec, rate_hz, mutator)
    decoder = Decoder(codec, rate_hz)
    for _ in range(PACKETS_A_RUN):
        disturb(decoder, rate_hz, payloads, mutator)
    decoder.reset()
    fresh = Decoder(codec, rate_hz)
    for payload in payloads:
        assert decoder.decode(payload) == fresh.decode(payload)


if __name__ == "__main__":
    sys.exit(campaign("fuzz_codecs", run, f"{PACKETS_A_RUN} packets", __doc__))
