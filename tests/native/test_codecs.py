"""What every codec promises: a payload says how long it is, bad ones are refused, and a reset starts afresh."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native import codecs
from mediasrv_native.codecs import G722, L16, LONGEST_PAYLOAD, OPUS, PCMA, PCMU, Decoder, Encoder
from mediasrv_native.errors import WrongArgument, WrongState
from tests.reference.sounds import to_pcm, voice

AGREED = [
    (PCMU, 8_000), (PCMA, 8_000), (G722, 16_000), (L16, 8_000), (L16, 16_000), (L16, 24_000),
    *((OPUS, hz) for hz in (8_000, 16_000, 24_000, 48_000)),
]  # fmt: skip
OCTETS_A_20_MS = {
    (PCMU, 8_000): 160,
    (PCMA, 8_000): 160,
    (G722, 16_000): 160,
    (L16, 8_000): 320,
    (L16, 16_000): 640,
}
PTIMES_MS = {(codec, hz): [10, 20, 40, 60] for codec, hz in AGREED} | {
    (L16, 16_000): [10, 20, 40], (L16, 24_000): [10, 20, 30],
}  # fmt: skip

each_codec = pytest.mark.parametrize(("codec", "rate_hz"), AGREED)


def spoken(rate_hz: int, seconds: float = 1.0) -> bytes:
    return to_pcm(
        voice("hello there how can I help", rate_hz=rate_hz)[0][: round(seconds * rate_hz)]
    ).tobytes()


def frames(pcm: bytes, rate_hz: int, ptime_ms: int = 20) -> list[bytes]:
    size = 2 * rate_hz // 1000 * ptime_ms
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def payloads(codec: int, rate_hz: int, ptime_ms: int = 20) -> list[bytes]:
    encoder = Encoder(codec, rate_hz)
    return [encoder.encode(frame) for frame in frames(spoken(rate_hz), rate_hz, ptime_ms)]


@each_codec
def test_a_payload_of_each_length_says_how_long_it_is(codec: int, rate_hz: int) -> None:
    for ptime_ms in PTIMES_MS[codec, rate_hz]:
        decoder = Decoder(codec, rate_hz)
        for payload in payloads(codec, rate_hz, ptime_ms):
            assert decoder.samples(payload) == rate_hz * ptime_ms // 1000
            assert len(decoder.decode(payload)) == 2 * decoder.samples(payload)
            assert len(payload) <= decoder.longest_payload


@pytest.mark.parametrize(("agreed", "octets"), OCTETS_A_20_MS.items())
def test_codecs_of_fixed_rate_have_their_octets(agreed: tuple[int, int], octets: int) -> None:
    assert {len(payload) for payload in payloads(*agreed)} == {octets}


def test_time_stamps_count_by_the_clocks_of_rfc_3551_and_7587() -> None:
    assert [Decoder(*agreed).clock_hz for agreed in AGREED] == [
        8_000,
        8_000,
        8_000,
        8_000,
        16_000,
        24_000,
    ] + [48_000] * 4


@each_codec
def test_a_reset_forgets_everything(codec: int, rate_hz: int) -> None:
    encoder, decoder = Encoder(codec, rate_hz), Decoder(codec, rate_hz)
    heard = []
    for _ in range(2):
        heard.append([decoder.decode(encoder.encode(frame)) for frame in frames(spoken(rate_hz), rate_hz)])
        encoder.reset()
        decoder.reset()
    assert heard[0] == heard[1]


@each_codec
def test_neither_empty_nor_huge_payloads_are_decoded(codec: int, rate_hz: int) -> None:
    decoder = Decoder(codec, rate_hz)
    for payload in (b"", bytes(LONGEST_PAYLOAD + 1), bytes(65_535)):
        with pytest.raises(WrongArgument):
            decoder.decode(payload)


@pytest.mark.parametrize("rate_hz", [0, -8_000, 11_025, 12_000, 44_100, 96_000])
@pytest.mark.parametrize("codec", [PCMU, PCMA, G722, L16, OPUS])
def test_rates_that_a_codec_has_not_are_refused(codec: int, rate_hz: int) -> None:
    with pytest.raises(WrongArgument):
        Decoder(codec, rate_hz)
    with pytest.raises(WrongArgument):
        Encoder(codec, rate_hz)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(WrongArgument):
        Decoder(3, 8_000)


@each_codec
@given(seed=st.integers(0, 2**32), n=st.integers(1, LONGEST_PAYLOAD))
def test_whatever_is_decoded_has_the_length_that_was_foretold(
    codec: int, rate_hz: int, seed: int, n: int
) -> None:
    decoder, payload = Decoder(codec, rate_hz), random.Random(seed).randbytes(n)
    try:
        foretold = decoder.samples(payload)
    except WrongArgument:
        with pytest.raises(WrongArgument):
            decoder.decode(payload)
    else:
        assert 0 < foretold <= rate_hz * 60 // 1000
        assert len(decoder.decode(payload)) == 2 * foretold
    good = payloads(codec, rate_hz)[0]
    assert len(decoder.decode(good)) == rate_hz // 50 * 2


@each_codec
def test_frames_that_are_none_are_not_encoded(codec: int, rate_hz: int) -> None:
    encoder = Encoder(codec, rate_hz)
    for samples in (0, rate_hz * 60 // 1000 + 1, 65_536):
        with pytest.raises(WrongArgument):
            encoder.encode(bytes(2 * samples))
    with pytest.raises(WrongArgument):
        encoder.encode(bytes(rate_hz // 25), capacity=0)


def test_only_opus_conceals() -> None:
    for codec, rate_hz in AGREED:
        assert Decoder(codec, rate_hz).conceals == (codec == OPUS)
    with pytest.raises(WrongState):
        Decoder(PCMU, 8_000).lost(160)


@pytest.mark.parametrize(("codec", "rate_hz"), [(PCMU, 8_000), (PCMA, 8_000), (L16, 16_000)])
def test_what_the_other_side_will_hear_is_known_where_it_is_exact(codec: int, rate_hz: int) -> None:
    encoder, decoder = Encoder(codec, rate_hz), Decoder(codec, rate_hz)
    for frame in frames(spoken(rate_hz), rate_hz):
        payload = encoder.encode(frame)
        assert encoder.echo(payload) == decoder.decode(payload)
    assert Encoder(OPUS, 16_000).echo(b"\x08") is None


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=480))
def test_l16_is_the_samples_in_network_order(samples: list[int]) -> None:
    pcm = np.array(samples, np.int16)
    payload = Encoder(L16, 8_000).encode(pcm.tobytes())
    assert payload == pcm.astype(">i2").tobytes()
    assert Decoder(L16, 8_000).decode(payload) == pcm.tobytes()


def test_half_a_sample_of_l16_is_refused() -> None:
    with pytest.raises(WrongArgument):
        Decoder(L16, 8_000).decode(bytes(161))


def test_the_benchmark_times_each_codec_both_ways() -> None:
    taken = codecs.benchmark(spoken(48_000), frames=5)
    assert len(taken) == 16
    assert min(taken.values()) > 0
