"""The suppressor: noise goes down, speech stays, and the echo it is told of goes further down."""

import numpy as np
import pytest

from mediasrv_native.echo import EchoCanceller, NoiseSuppressor
from tests.reference import echo_path, sounds
from tests.reference.echo_path import FRAME
from tests.reference.sounds import Pcm, Samples

LAG = FRAME  # the preprocessor gives each frame a window later


def suppressed(samples: Samples, rate_hz: int = 8_000) -> Pcm:
    suppressor, pcm, frame = NoiseSuppressor(rate_hz), sounds.to_pcm(samples), rate_hz // 50
    frames = (pcm[at : at + frame] for at in range(0, len(pcm) - frame + 1, frame))
    return np.frombuffer(b"".join(suppressor.process(f.tobytes()) for f in frames), np.int16)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_steady_noise_goes_down_by_ten_decibels(rate_hz: int) -> None:
    noise = sounds.white(4, -40, seed=1, rate_hz=rate_hz)
    out = suppressed(noise, rate_hz)
    assert sounds.power_db(noise[2 * rate_hz :]) - sounds.power_db(out[2 * rate_hz :]) > 10


def test_speech_over_noise_keeps_its_level() -> None:
    said = sounds.talk(4, seed=2)
    out = suppressed(np.concatenate([sounds.silence(1), said]) + sounds.white(5, -50, seed=2))
    assert sounds.power_db(out[8_000:]) == pytest.approx(sounds.power_db(said), abs=2)


def test_what_echo_the_canceller_left_is_suppressed_too() -> None:
    far, echo = sounds.pink(6, -21, seed=3), EchoCanceller(8_000, 128)
    suppressor, mic = (
        NoiseSuppressor(8_000, echo),
        sounds.to_pcm(np.convolve(far, echo_path.room(40))[: len(far)]),
    )
    plain, both = [], []
    for k in range(len(far) // FRAME):
        part, at_ns = slice(k * FRAME, (k + 1) * FRAME), k * 20_000_000
        echo.reference(sounds.to_pcm(far[part]).tobytes(), at_ns)
        echo.arrival(k * FRAME, at_ns + 1_000_000)
        plain.append(echo.process(mic[part].tobytes(), k * FRAME))
        both.append(suppressor.process(plain[-1]))
    left, gone = (np.frombuffer(b"".join(x), np.int16)[3 * 8_000 :] for x in (plain, both))
    assert sounds.power_db(left) - sounds.power_db(gone) > 6


def test_a_caller_alone_is_not_suppressed_after_the_echo_has_gone() -> None:
    """An old echo estimate must not be cut out of speech that comes when nothing is sent any more."""
    echo = EchoCanceller(8_000, 128)
    with_echo, alone = NoiseSuppressor(8_000, echo), NoiseSuppressor(8_000)
    far, said = sounds.to_pcm(sounds.pink(2, -21, seed=4)), sounds.to_pcm(sounds.talk(3, seed=5))
    near = np.concatenate([far // 2, np.zeros(4_000, np.int16), said])
    sent = np.concatenate([far, np.zeros(len(near) - len(far), np.int16)])
    outs: list[list[bytes]] = [[], []]
    for k in range(len(near) // FRAME):
        part, at_ns = slice(k * FRAME, (k + 1) * FRAME), k * 20_000_000
        echo.reference(sent[part].tobytes(), at_ns)
        echo.arrival(k * FRAME, at_ns + 1_000_000)
        cleaned = echo.process(near[part].tobytes(), k * FRAME)
        outs[0].append(with_echo.process(cleaned))
        outs[1].append(alone.process(cleaned))
    levels = [sounds.power_db(np.frombuffer(b"".join(out), np.int16)[-2 * 8_000 :]) for out in outs]
    assert levels[0] == pytest.approx(levels[1], abs=1)


def test_silence_stays_silence_and_full_scale_stays_in_range() -> None:
    assert np.abs(suppressed(sounds.silence(1))).max() <= 1
    square = np.where(np.arange(8_000) % 2, 32_767.0, -32_768.0)
    assert len(suppressed(square)) == 8_000


def test_a_frame_of_another_length_passes_untouched() -> None:
    assert NoiseSuppressor(8_000).process(b"\x01\x02" * 7) == b"\x01\x02" * 7


def test_a_rate_outside_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        NoiseSuppressor(4_000)
