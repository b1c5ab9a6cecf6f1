"""G.711, every octet and every sample, against the recommendation's own tables."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native import kernels
from tests.reference import g711

ALL_OCTETS = bytes(range(256))
ALL_SAMPLES = np.arange(-32_768, 32_768).astype(np.int16)


def test_every_mu_law_octet_decodes_to_its_table_value() -> None:
    decoded = np.frombuffer(kernels.g711_decode_u(ALL_OCTETS), np.int16)
    assert decoded.tolist() == [g711.decode_mu(octet) for octet in ALL_OCTETS]


def test_every_a_law_octet_decodes_to_its_table_value() -> None:
    decoded = np.frombuffer(kernels.g711_decode_a(ALL_OCTETS), np.int16)
    assert decoded.tolist() == [g711.decode_a(octet) for octet in ALL_OCTETS]


def test_every_sample_falls_into_its_mu_law_interval() -> None:
    magnitude = np.where(ALL_SAMPLES < 0, ~ALL_SAMPLES, ALL_SAMPLES).astype(int) >> 2
    interval = np.searchsorted(g711.mu_law_decisions()[1:-1], magnitude, side="right")
    expected = (0x7F - interval) | np.where(ALL_SAMPLES < 0, 0, 0x80)
    encoded = np.frombuffer(kernels.g711_encode_u(ALL_SAMPLES.tobytes()), np.uint8)
    assert np.array_equal(encoded, expected)


def test_every_sample_falls_into_its_a_law_interval() -> None:
    magnitude = np.where(ALL_SAMPLES < 0, ~ALL_SAMPLES, ALL_SAMPLES).astype(int) >> 3
    interval = np.searchsorted(g711.a_law_decisions()[1:-1], magnitude, side="right")
    expected = (interval | np.where(ALL_SAMPLES < 0, 0, 0x80)) ^ 0x55
    encoded = np.frombuffer(kernels.g711_encode_a(ALL_SAMPLES.tobytes()), np.uint8)
    assert np.array_equal(encoded, expected)


def test_silence_has_the_octets_the_wire_expects() -> None:
    assert kernels.g711_encode_u(bytes(4)) == b"\xff\xff"
    assert kernels.g711_encode_a(bytes(4)) == b"\xd5\xd5"


def test_recoding_what_was_decoded_loses_nothing() -> None:
    for decode, encode in (
        (kernels.g711_decode_u, kernels.g711_encode_u),
        (kernels.g711_decode_a, kernels.g711_encode_a),
    ):
        once = decode(ALL_OCTETS)
        assert decode(encode(once)) == once


def test_nothing_in_is_nothing_out() -> None:
    assert kernels.g711_decode_u(b"") == kernels.g711_encode_a(b"") == b""


@given(first=st.integers(0, 40), length=st.integers(0, 100), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_wherever_a_piece_begins_and_ends_it_is_coded_alike(first: int, length: int, seed: int) -> None:
    pcm = np.random.default_rng(seed).integers(-32_768, 32_768, 200).astype(np.int16)
    last = first + length
    for encode, decode in (
        (kernels.g711_encode_u, kernels.g711_decode_u),
        (kernels.g711_encode_a, kernels.g711_decode_a),
    ):
        octets = encode(pcm.tobytes())
        assert encode(pcm[first:last].tobytes()) == octets[first:last]
        assert decode(octets[first:last]) == decode(octets)[2 * first : 2 * last]
