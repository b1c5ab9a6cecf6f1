"""G.722: bit for bit the recommendation's, as our oracle and an independent implementation have it."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.codecs import G722, Decoder, Encoder
from tests.reference import g722
from tests.reference.sounds import Pcm, talk, to_pcm, tone, white

RATE_HZ = 16_000
AT = np.arange(RATE_HZ // 2)
SOUNDS = {
    "speech": to_pcm(talk(1, 1, RATE_HZ)),
    "tone": to_pcm(tone(0.5, -10, 440, 6_100, rate_hz=RATE_HZ)),
    "noise": to_pcm(white(0.5, -20, 2, RATE_HZ)),
    "silence": np.zeros(RATE_HZ // 2, np.int16),
    "least bits": np.random.default_rng(3).integers(-3, 4, RATE_HZ // 2).astype(np.int16),
    "full scale": np.random.default_rng(4).integers(-32_768, 32_768, RATE_HZ // 2).astype(np.int16),
    "square": np.where(AT // 37 % 2, 32_767, -32_768).astype(np.int16),
    "highest": np.where(AT % 2, 32_767, -32_768).astype(np.int16),
}
HARMLESS = ("speech", "tone", "noise", "silence", "least bits")  # nothing in them saturates
each_sound = pytest.mark.parametrize("sound", SOUNDS.values(), ids=SOUNDS.keys())


def encode(pcm: Pcm, samples_a_packet: int = 320) -> bytes:
    encoder = Encoder(G722, RATE_HZ)
    parts = (pcm[at : at + samples_a_packet] for at in range(0, len(pcm), samples_a_packet))
    return b"".join(encoder.encode(part.tobytes()) for part in parts)


def decode(octets: bytes, octets_a_packet: int = 160) -> Pcm:
    decoder = Decoder(G722, RATE_HZ)
    parts = (octets[at : at + octets_a_packet] for at in range(0, len(octets), octets_a_packet))
    return np.frombuffer(b"".join(map(decoder.decode, parts)), np.int16)


@each_sound
def test_every_octet_is_the_recommendations(sound: Pcm) -> None:
    assert encode(sound) == g722.Encoder().encode(sound.tolist())


@each_sound
def test_every_sample_is_the_recommendations(sound: Pcm) -> None:
    octets = encode(sound)
    assert decode(octets).tolist() == g722.Decoder().decode(octets)


@given(
    st.lists(
        st.sampled_from([b"\x00", b"\x04\x20", b"\x3f\x00\x84", b"\xff", b"\x20", b"\x04\x04\x04\x20"]),
        max_size=40,
    )
)
def test_octets_that_nobody_encodes_are_followed_as_well(patterns: list[bytes]) -> None:
    octets = b"".join((pattern * 60)[:60] for pattern in patterns)
    assert decode(octets).tolist() == g722.Decoder().decode(octets)


@given(st.binary(min_size=1, max_size=400))
def test_random_octets_are_followed_as_well(octets: bytes) -> None:
    assert decode(octets).tolist() == g722.Decoder().decode(octets)


@given(st.integers(1, 480))
def test_chunks_make_no_difference(octets_a_packet: int) -> None:
    sound = SOUNDS["speech"]
    whole = encode(sound, 960)
    assert encode(sound, 2 * octets_a_packet) == whole
    assert np.array_equal(decode(whole, octets_a_packet), decode(whole, 480))


def test_a_tone_in_each_band_comes_back_late_and_whole() -> None:
    for frequency_hz, least_db in ((1_000, 30), (6_000, 15)):
        sent = to_pcm(tone(0.5, -15, frequency_hz, rate_hz=RATE_HZ)).astype(float)
        heard = decode(encode(sent.astype(np.int16))).astype(float)
        delay = 22  # two filters of 24 taps, their halves one sample apart
        error = heard[delay + 800 :] - sent[800:-delay]
        assert 10 * np.log10(np.mean(sent**2) / np.mean(error**2)) > least_db


def test_an_odd_number_of_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="encoding"):
        Encoder(G722, RATE_HZ).encode(bytes(2 * 321))


@pytest.mark.parametrize("sound", [SOUNDS[name] for name in HARMLESS], ids=HARMLESS)
def test_spandsp_sends_and_hears_the_same(sound: Pcm) -> None:
    """As other telephones have it. (It wraps where the recommendation saturates, hence not at full scale.)"""
    spandsp = ctypes.CDLL("libspandsp.so.2")
    spandsp.g722_encode_init.restype = spandsp.g722_decode_init.restype = ctypes.c_void_p
    octets, heard = ctypes.create_string_buffer(len(sound) // 2), ctypes.create_string_buffer(2 * len(sound))
    encoder = ctypes.c_void_p(spandsp.g722_encode_init(None, 64_000, 0))
    assert spandsp.g722_encode(encoder, octets, sound.tobytes(), len(sound)) == len(octets.raw)
    assert encode(sound) == octets.raw
    decoder = ctypes.c_void_p(spandsp.g722_decode_init(None, 64_000, 0))
    assert spandsp.g722_decode(decoder, heard, octets.raw, len(octets.raw)) == len(sound)
    assert np.array_equal(decode(octets.raw), np.frombuffer(heard.raw, np.int16))
    spandsp.g722_encode_free(encoder)
    spandsp.g722_decode_free(decoder)
