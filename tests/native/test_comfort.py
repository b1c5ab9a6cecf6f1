"""Comfort noise: what the octets say is what is made; what is heard is what is learnt; silence is told of in time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.errors import NativeError
from mediasrv_native.repair import (
    ComfortGenerator,
    ComfortListener,
    ComfortSender,
    Concealer,
    Noise,
    comfort_at_rate,
    comfort_parse,
    comfort_write,
)
from tests.reference import comfort, sounds
from tests.reference.sounds import Pcm

FRAME = 160
SHAPE = (-0.6, 0.3, -0.1)
coefficients = st.lists(st.floats(-0.97, 0.97), max_size=8)


def make(noise: Noise, n: int, *, rate_hz: int = 8_000, seed: int = 7) -> Pcm:
    generator = ComfortGenerator(rate_hz, seed)
    generator.aim(noise)
    return np.frombuffer(generator.make(n), np.int16)


def level_db(pcm: Pcm) -> float:
    return sounds.power_db(pcm) - 20 * float(np.log10(comfort.FULL_SCALE))


def shaped(level_dbov: float, n: int, seed: int, shape: Sequence[float] = SHAPE) -> bytes:
    return sounds.to_pcm(comfort.noise(comfort.power_of(level_dbov), shape, n, seed)).tobytes()


# ---- payload -----------------------------------------------------------------------------------------------------


def test_a_level_alone_is_white_noise() -> None:
    noise = comfort_parse(b"\x32")
    assert noise.power == pytest.approx(comfort.power_of(-50), rel=1e-4)
    assert noise.reflections == (0,) * 8


def test_octets_are_coefficients_by_the_formula_of_section_3_2() -> None:
    noise = comfort_parse(bytes([60, 127, 0, 254, 191]))
    assert noise.reflections[0] == 0
    assert noise.reflections[1:3] == pytest.approx((-0.98, 0.98))  # sharper ones would whistle
    assert noise.reflections[3] == pytest.approx(258 * 64 / 32_768)
    assert noise.reflections[4:] == (0,) * 4


def test_the_unused_bit_and_coefficients_beyond_the_eighth_make_no_difference() -> None:
    octets = bytes([40, *range(100, 108)])
    assert comfort_parse(octets + bytes(1_000)) == comfort_parse(bytes([40 | 0x80]) + octets[1:])


def test_deafening_comfort_is_turned_down() -> None:
    assert comfort_parse(b"\x00").power == pytest.approx(comfort_parse(b"\x1e").power)


def test_nothing_is_no_description() -> None:
    with pytest.raises(NativeError):
        comfort_parse(b"")


def test_silence_is_one_octet() -> None:
    assert comfort_write(Noise(0, (0.5, 0.5))) == b"\x7f"


@given(level_dbov=st.integers(-126, -30), reflections=coefficients)
def test_what_is_written_is_read_back(level_dbov: int, reflections: list[float]) -> None:
    octets = comfort_write(Noise(comfort.power_of(level_dbov), tuple(reflections)))
    assert octets == comfort.payload(level_dbov, reflections)[: len(octets)]
    noise = comfort_parse(octets)
    assert noise.power == pytest.approx(comfort.power_of(level_dbov), rel=1e-4)
    assert noise.reflections[: len(reflections)] == pytest.approx(reflections, abs=258 / 32_768)


@given(st.binary(min_size=1, max_size=1_500))
def test_whatever_the_octets_are_the_noise_is_as_loud_as_they_say(octets: bytes) -> None:
    noise = comfort_parse(octets)
    loudest = sounds.power_db(make(noise, 4_000))
    assert loudest <= 10 * np.log10(noise.power + 1) + 12  # a sharp one swells and ebbs


# ---- generator ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (-0.9,), SHAPE, (0.4, -0.5, 0.2, 0.1, -0.3, 0.2, 0.1, -0.05)])
@pytest.mark.parametrize("level_dbov", [-35, -50, -65])
def test_noise_is_what_a_direct_filter_makes_of_the_same_chances(
    shape: tuple[float, ...], level_dbov: int
) -> None:
    made = make(Noise(comfort.power_of(level_dbov), shape), 8_000)
    assert np.abs(made - comfort.noise(comfort.power_of(level_dbov), shape, 8_000, 7)).max() < 1
    assert level_db(made) == pytest.approx(level_dbov, abs=0.8)


@given(st.lists(st.integers(0, 500), max_size=10))
def test_pieces_make_the_same_noise(pieces: list[int]) -> None:
    whole, cut = (ComfortGenerator(8_000, 3) for _ in range(2))
    for generator in (whole, cut):
        generator.aim(Noise(10_000, SHAPE))
        generator.make(10)
        generator.aim(Noise(100, (0.9,)))
    assert whole.make(sum(pieces)) == b"".join(cut.make(n) for n in pieces)


def test_a_new_description_is_glided_to() -> None:
    generator = ComfortGenerator(8_000)
    generator.aim(Noise(comfort.power_of(-60), SHAPE))
    generator.make(800)
    generator.aim(Noise(comfort.power_of(-40), ()))
    levels = [level_db(np.frombuffer(generator.make(80), np.int16)) for _ in range(40)]
    assert levels[0] < -52
    assert np.mean(levels[20:]) == pytest.approx(-40, abs=1)


def test_nothing_aimed_at_is_silence() -> None:
    assert ComfortGenerator(16_000).make(320) == bytes(640)


@pytest.mark.parametrize("rate_hz", [0, -8_000, 11_025, 96_000])
def test_rates_that_nobody_has_are_refused(rate_hz: int) -> None:
    for refused in (ComfortGenerator, ComfortListener, lambda hz: ComfortSender(hz, 8_000)):
        with pytest.raises(ValueError, match="range"):
            refused(rate_hz)


# ---- other rates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (-0.7,), SHAPE])
def test_narrow_noise_stays_narrow_at_a_wide_rate(shape: tuple[float, ...]) -> None:
    wide = comfort_at_rate(Noise(1_000.0, shape), 8_000, 16_000)
    assert wide.power == pytest.approx(1_000, rel=0.01)
    low = comfort.band_power(wide.power, wide.reflections, 16_000, 4_000)
    assert low > 0.9 * wide.power
    below_1_khz = comfort.band_power(1_000, shape, 8_000, 1_000)
    assert comfort.band_power(wide.power, wide.reflections, 16_000, 1_000) == pytest.approx(
        below_1_khz, rel=0.25
    )


@pytest.mark.parametrize("shape", [(), (-0.7,), SHAPE])
def test_of_wide_noise_the_lower_band_is_left(shape: tuple[float, ...]) -> None:
    narrow = comfort_at_rate(Noise(1_000.0, shape), 16_000, 8_000)
    assert narrow.power == pytest.approx(comfort.band_power(1_000, shape, 16_000, 4_000), rel=0.05)


@given(reflections=coefficients, rates=st.permutations([8_000, 16_000, 24_000, 48_000]))
def test_no_description_becomes_unstable_on_its_way(reflections: list[float], rates: list[int]) -> None:
    moved = comfort_at_rate(Noise(100.0, tuple(reflections)), rates[0], rates[1])
    assert max(map(abs, moved.reflections)) < 1
    assert 0 <= moved.power <= 101


# ---- listener ----------------------------------------------------------------------------------------------------


def test_the_quiet_between_words_is_learnt_with_its_colour() -> None:
    listener = ComfortListener(8_000)
    background = np.frombuffer(shaped(-58, 8_000 * 8, seed=11), np.int16)
    speech = np.concatenate([sounds.talk(1, seed=k) * (k % 2) for k in range(8)])
    listener.listen(sounds.to_pcm(background + speech[: len(background)]).tobytes())
    learnt = listener.learnt()
    assert 10 * np.log10(learnt.power) == pytest.approx(10 * np.log10(comfort.power_of(-58)), abs=2)
    assert learnt.reflections[:3] == pytest.approx(SHAPE, abs=0.15)
    assert learnt.reflections == pytest.approx(comfort.reflections_of(background.astype(float)), abs=0.15)


def test_a_voice_that_does_not_pause_is_not_taken_for_quiet() -> None:
    listener = ComfortListener(8_000)
    at = np.arange(40_000) / 8_000
    listener.listen(sounds.to_pcm(8_000 * np.sin(2 * np.pi * 200 * at)).tobytes())
    assert listener.learnt().power <= comfort.power_of(-50)


def test_silence_to_the_bit_is_not_what_the_line_sounds_like() -> None:
    listener = ComfortListener(8_000)
    listener.listen(shaped(-60, 32_000, seed=12))
    before = listener.learnt()
    listener.listen(bytes(2 * 40_000))
    assert listener.learnt() == before


def test_a_line_that_grew_louder_is_believed_after_three_seconds() -> None:
    listener = ComfortListener(8_000)
    listener.listen(shaped(-70, 32_000, seed=13))
    listener.listen(shaped(-55, 8_000 * 3 + 800, seed=14))
    assert 10 * np.log10(listener.learnt().power / comfort.power_of(-55)) == pytest.approx(0, abs=3)


def test_what_was_told_holds_until_it_is_heard_to_be_otherwise() -> None:
    listener = ComfortListener(8_000)
    listener.told(Noise(comfort.power_of(-38), SHAPE))
    told = listener.learnt()
    assert told.power == pytest.approx(comfort.power_of(-38), rel=0.01)
    assert told.reflections[:3] == pytest.approx(SHAPE, abs=0.02)
    listener.listen(shaped(-60, 8_000, seed=15))
    assert listener.learnt().power < comfort.power_of(-58)


@given(st.lists(st.integers(0, 700), max_size=12), st.integers(0, 100))
def test_pieces_are_learnt_from_alike(pieces: list[int], seed: int) -> None:
    pcm = np.random.default_rng(seed).integers(-300, 300, sum(pieces), np.int16)
    whole, cut = ComfortListener(8_000), ComfortListener(8_000)
    for listener in (whole, cut):
        listener.told(Noise(1e9, ()))
    whole.listen(pcm.tobytes())
    for piece in np.split(pcm, np.cumsum(pieces)):
        cut.listen(piece.tobytes())
    assert whole.learnt() == cut.learnt()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_a_gap_in_a_concealed_line_ends_in_the_lines_own_colour(rate_hz: int) -> None:
    concealer = Concealer(rate_hz)
    concealer.good(shaped(-55, 4 * rate_hz, seed=16))
    gap = np.frombuffer(concealer.lost(2 * rate_hz), np.int16)[rate_hz // 5 :]
    assert level_db(gap) == pytest.approx(-55, abs=2)
    assert comfort.reflections_of(gap.astype(float))[:3] == pytest.approx(SHAPE, abs=0.15)


def test_a_gap_after_a_description_sounds_as_described() -> None:
    concealer = Concealer(8_000)
    concealer.good(sounds.to_pcm(sounds.talk(1, seed=1)).tobytes())
    concealer.told(comfort_parse(comfort.payload(-45, SHAPE)))
    assert level_db(np.frombuffer(concealer.lost(16_000), np.int16)[2_000:]) == pytest.approx(-45, abs=1)


# ---- sender ------------------------------------------------------------------------------------------------------


def described(sender: ComfortSender, pcm: bytes) -> list[tuple[int, bytes]]:
    """The payloads, each with the number of its frame."""
    frames = [pcm[at : at + 2 * FRAME] for at in range(0, len(pcm), 2 * FRAME)]
    told = [(k, sender.describe(frame)) for k, frame in enumerate(frames)]
    return [(k, payload) for k, payload in told if payload is not None]


def test_steady_silence_is_told_of_at_once_and_every_second() -> None:
    told = described(ComfortSender(8_000, 8_000), bytes(2 * FRAME * 120))
    assert told == [(0, b"\x7f"), (50, b"\x7f"), (100, b"\x7f")]


def test_a_new_silence_is_told_of_at_once() -> None:
    sender = ComfortSender(8_000, 8_000)
    described(sender, bytes(2 * FRAME * 3))
    sender.interrupt()
    assert described(sender, bytes(2 * FRAME * 3)) == [(0, b"\x7f")]


def test_a_change_is_told_of_after_two_tenths_of_a_second() -> None:
    sender = ComfortSender(8_000, 8_000)
    told = described(sender, shaped(-70, FRAME * 5, seed=17) + shaped(-50, FRAME * 40, seed=18))
    assert [k for k, _ in told][:2] == [0, 10]
    assert all(later - earlier >= 10 for (earlier, _), (later, _) in pairwise(told))
    assert -told[-1][1][0] == pytest.approx(-50, abs=2)


def test_what_is_told_is_what_the_other_side_makes_again() -> None:
    (_, payload), *_ = described(ComfortSender(8_000, 8_000), shaped(-48, FRAME * 40, seed=19))
    made = make(comfort_parse(payload), 16_000)
    assert level_db(made) == pytest.approx(-48, abs=3)


@pytest.mark.parametrize("samples", [0, 79, 481])
def test_packets_of_no_known_length_are_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="range"):
        ComfortSender(8_000, 8_000).describe(bytes(2 * samples))
