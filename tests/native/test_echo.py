"""The echo canceller on synthetic rooms and lines, with clocks that differ and packets that come late."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from mediasrv_native.echo import EchoCanceller
from tests.reference import echo_path, sounds
from tests.reference.echo_path import FRAME, RATE_HZ, Caller
from tests.reference.sounds import Pcm

NS_PER_MS = 1_000_000
BEGUN_MS = 1_000_000.0  # our clock when the far end began: not zero
FIRST_RTP = 5_000


@dataclass
class Heard:
    mic: Pcm
    out: Pcm
    residual_dbfs: list[float] = field(default_factory=list)
    skew_ppm: float = 0
    erle_db: float = 0
    delay_ms: int = -1
    seen: bool = False

    def measured_erle_db(self, from_s: float, to_s: float) -> float:
        part = slice(round(from_s * RATE_HZ), round(to_s * RATE_HZ))
        return sounds.power_db(self.mic[part]) - sounds.power_db(self.out[part])


def listen(caller: Caller, tail_ms: int = 128) -> Heard:
    """Ticks and packets as an engine would give them, in order of our clock."""
    echo, mic, sent = EchoCanceller(RATE_HZ, tail_ms), caller.microphone(), sounds.to_pcm(caller.far)
    heard, cleaned, tick = Heard(mic, mic), [], 0
    for k, arrival_ms in enumerate(caller.arrivals_ms()):
        while tick * 20 <= arrival_ms:
            due_ns = round((BEGUN_MS + tick * 20) * NS_PER_MS)
            echo.reference(sent[tick * FRAME : (tick + 1) * FRAME].tobytes(), due_ns)
            tick += 1
        echo.arrival(FIRST_RTP + k * FRAME, round((BEGUN_MS + arrival_ms) * NS_PER_MS))
        cleaned.append(echo.process(mic[k * FRAME : (k + 1) * FRAME].tobytes(), FIRST_RTP + k * FRAME))
        heard.residual_dbfs.append(echo.residual_dbfs)
    heard.out = np.frombuffer(b"".join(cleaned), np.int16)
    heard.skew_ppm, heard.erle_db = echo.skew_ppm, echo.erle_db
    heard.delay_ms, heard.seen = echo.delay_ms, echo.seen
    return heard


NOISE = sounds.pink(8, -21, seed=5)


@pytest.mark.parametrize("path", [echo_path.room(), echo_path.line()], ids=["room", "line"])
@pytest.mark.parametrize("phase_ms", [0.0, 7.0, 19.5])
def test_an_aligned_echo_is_gone_after_two_seconds(path: sounds.Samples, phase_ms: float) -> None:
    heard = listen(Caller(NOISE, path, phase_ms=phase_ms))
    assert heard.measured_erle_db(2, 7.5) > 24
    assert heard.erle_db > 20


def test_the_echo_of_a_voice_is_gone_after_three_seconds() -> None:
    heard = listen(Caller(sounds.talk(8, seed=2)))
    assert heard.measured_erle_db(3.5, 7.5) > 24


@pytest.mark.parametrize("skew_ppm", [50.0, -50.0])
def test_a_clock_that_is_fifty_ppm_off_is_found_and_followed(skew_ppm: float) -> None:
    heard = listen(Caller(sounds.pink(24, -21, seed=6), skew_ppm=skew_ppm))
    assert heard.measured_erle_db(10, 23) > 20
    assert heard.skew_ppm == pytest.approx(-skew_ppm, abs=8)


def test_jitter_on_the_way_does_not_reach_the_filter() -> None:
    heard = listen(Caller(sounds.pink(12, -21, seed=7), jitter_ms=8))
    assert heard.measured_erle_db(6, 11.5) > 20


def test_jitter_and_skew_together_are_told_apart() -> None:
    heard = listen(Caller(sounds.pink(40, -21, seed=8), jitter_ms=5, skew_ppm=50))
    assert heard.measured_erle_db(24, 39) > 20
    assert heard.skew_ppm == pytest.approx(-50, abs=15)


@pytest.mark.parametrize("delay_ms", [80, 250, 480])
def test_a_late_echo_is_found_and_reached(delay_ms: int) -> None:
    heard = listen(Caller(sounds.talk(8, seed=2), echo_path.line(delay_ms=delay_ms)))
    assert heard.delay_ms == pytest.approx(
        delay_ms, abs=45
    )  # the network and the frame's phase on top of the path
    assert heard.measured_erle_db(3.5, 7.5) > 20


def test_the_near_speaker_comes_through_double_talk() -> None:
    far = sounds.pink(12, -21, seed=9)
    near = np.concatenate([sounds.silence(6), sounds.talk(5, seed=10)])
    heard = listen(Caller(far, near=near))
    both = slice(6 * RATE_HZ, 11 * RATE_HZ)
    assert sounds.power_db(heard.out[both]) - sounds.power_db(near[both]) == pytest.approx(0, abs=1)


def test_the_residual_falls_as_the_filter_learns_and_bounds_the_voice_of_the_echo() -> None:
    heard = listen(Caller(sounds.talk(8, seed=3)))
    assert heard.residual_dbfs[20] > -45
    assert np.mean(heard.residual_dbfs[250:]) < -50


def test_silence_sent_costs_nothing_and_changes_nothing() -> None:
    near = sounds.talk(2, seed=4)
    caller = Caller(sounds.silence(3), near=near)
    heard = listen(caller)
    assert np.array_equal(heard.out, heard.mic)
    assert heard.erle_db == 0
    assert set(heard.residual_dbfs) == {-120}


def test_without_any_reference_the_near_end_passes() -> None:
    echo, pcm = EchoCanceller(8_000, 128), sounds.to_pcm(sounds.white(0.02, -20, seed=1)).tobytes()
    assert echo.process(pcm, 0) == pcm
    echo.arrival(0, 0)
    assert echo.process(pcm, 0) == pcm


def test_a_frame_of_another_length_passes_untouched() -> None:
    echo = EchoCanceller(8_000, 128)
    echo.reference(sounds.to_pcm(NOISE[:FRAME]).tobytes(), 0)
    echo.arrival(0, 0)
    assert echo.process(b"\x01\x02" * 7, 0) == b"\x01\x02" * 7


def test_after_a_resync_a_clock_that_jumped_is_followed_anew() -> None:
    echo, sent = EchoCanceller(8_000, 128), sounds.to_pcm(NOISE)
    delay, last = 40 * 8, 0.0
    for k in range(300):
        rtp = k * FRAME + (10**9 if k >= 100 else 0)
        if k == 100:
            echo.resync()
        now_ns = round((BEGUN_MS + k * 20) * NS_PER_MS)
        echo.reference(sent[k * FRAME : (k + 1) * FRAME].tobytes(), now_ns)
        mic = np.concatenate([np.zeros(delay, np.int16), sent])[k * FRAME : (k + 1) * FRAME] // 4
        echo.arrival(rtp, now_ns + NS_PER_MS)
        out = np.frombuffer(echo.process(mic.astype(np.int16).tobytes(), rtp), np.int16)
        last = sounds.power_db(mic) - sounds.power_db(out) if k > 280 else last
    assert last > 20


def test_hostile_clocks_and_full_scale_noise_leave_it_finite() -> None:
    rng, noise = random.Random(4), np.random.default_rng(4)
    echo = EchoCanceller(8_000, 64)
    for _ in range(2_000):
        frame = noise.choice(np.array([-32_768, 32_767], np.int16), FRAME).tobytes()
        rtp = rng.choice([rng.randint(-(2**62), 2**62), rng.randint(0, 10**6)])
        at_ns = rng.choice([rng.randint(-(2**62), 2**62), rng.randint(0, 10**10)])
        echo.reference(frame, at_ns)
        echo.arrival(rtp, at_ns)
        assert len(echo.process(frame, rtp)) == 2 * FRAME
        assert np.isfinite([echo.erle_db, echo.skew_ppm, echo.residual_dbfs]).all()


@pytest.mark.parametrize(("rate_hz", "tail_ms"), [(7_999, 128), (96_000, 128), (8_000, 0), (8_000, 9_999)])
def test_sizes_outside_the_range_are_refused(rate_hz: int, tail_ms: int) -> None:
    with pytest.raises(ValueError, match="range"):
        EchoCanceller(rate_hz, tail_ms)


@pytest.mark.parametrize("clock_hz", [8_000, 48_000])
def test_a_codec_whose_clock_is_not_its_rate_is_cancelled_like_any_other(clock_hz: int) -> None:
    """G.722 counts 16 kHz by a clock of 8, Opus by one of 48."""
    sent = sounds.to_pcm(sounds.pink(1, -21, seed=11, rate_hz=16_000))
    mic = np.concatenate([np.zeros(800, np.int16), sent // 4])
    outs = []
    for hz in (16_000, clock_hz):
        echo, out = EchoCanceller(16_000, 128, hz), b""
        for k in range(len(sent) // 320):
            part, rtp = slice(k * 320, (k + 1) * 320), k * hz // 50
            echo.reference(sent[part].tobytes(), k * 20 * NS_PER_MS)
            echo.arrival(rtp, (k * 20 + 1) * NS_PER_MS)
            out += echo.process(mic[part].astype(np.int16).tobytes(), rtp)
        outs.append(out)
    assert outs[0] == outs[1]


@pytest.mark.parametrize(("before_ms", "after_ms"), [(60, 80), (80, 60), (60, 73), (40, 20), (90, 110)])
def test_a_path_that_jumps_is_found_again_within_a_second(before_ms: int, after_ms: int) -> None:
    far, half = sounds.talk(12, seed=12), 6 * RATE_HZ
    paths = [np.convolve(far, echo_path.line(delay_ms=ms))[: len(far)] for ms in (before_ms, after_ms)]
    back = np.concatenate([paths[0][:half], paths[1][half:]])
    heard = listen(Caller(far, np.zeros(1), near=back[56:], phase_ms=7))
    assert heard.measured_erle_db(4, 6) > 15
    assert heard.measured_erle_db(7, 11) > 15


def test_a_path_that_turns_over_is_learnt_anew() -> None:
    """The filter then adds what it should take off: no search can help, only to begin again."""
    far, half = sounds.pink(12, -21, seed=13), 6 * RATE_HZ
    back = np.convolve(far, echo_path.room())[: len(far)]
    back[half:] *= -1
    heard = listen(Caller(far, np.zeros(1), near=back[56:], phase_ms=7))
    assert heard.measured_erle_db(4, 6) > 18
    frames = heard.out[: len(heard.out) // FRAME * FRAME].reshape(-1, FRAME)
    came = heard.mic[: len(heard.out) // FRAME * FRAME].reshape(-1, FRAME)
    louder = [sounds.power_db(o) - sounds.power_db(m) for o, m in zip(frames, came, strict=True)]
    assert max(louder[305:]) < 0.5
    assert heard.measured_erle_db(9, 11) > 18


def test_a_line_that_echoes_is_told_from_one_that_does_not() -> None:
    assert listen(Caller(sounds.talk(4, seed=14))).seen
    assert not listen(Caller(sounds.talk(4, seed=14), np.zeros(8))).seen


def test_the_filter_makes_room_for_the_tail_behind_a_late_echo() -> None:
    """The network's delay stands before the echo: without moving the window there would be too little tail."""
    far = sounds.pink(12, -21, seed=15)
    heard = listen(Caller(far, echo_path.room(delay_ms=60, decay_ms=25), network_ms=40))
    assert heard.measured_erle_db(6, 11) > 20


@pytest.mark.parametrize("tail_ms", [64, 80, 128, 256])
def test_an_echo_later_than_the_tail_is_found_and_left_alone_then(tail_ms: int) -> None:
    """The window is set so that the echo lies in it, which in a short one is near its end."""
    far = sounds.pink(10, -21, seed=16)
    heard = listen(Caller(far, echo_path.room(delay_ms=200, decay_ms=8)), tail_ms)
    assert heard.measured_erle_db(4, 9) > 18
