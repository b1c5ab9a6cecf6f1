"""The jitter buffer: what goes in comes out, once, in time and unhurt, whatever the network does to it."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv.bench.netem import PROFILES, Jitter, Loss, Profile, Spikes
from mediasrv_native import jitter
from mediasrv_native.jitter import JitterBuffer
from tests.native.jitter_line import FRAME, FRAME_NS, MS, RATE_HZ, Heard, Packet, packets_of, play, through
from tests.reference import sounds
from tests.reference.sounds import Pcm

SECOND = 50  # frames


def marked(frames: int, seed: int = 1) -> Pcm:
    """Sound in which every stretch is another, so that its place can be told."""
    return np.random.default_rng(seed).integers(-8_000, 8_000, frames * FRAME).astype(np.int16)


def hum(frames: int, pitch_hz: float = 125.0) -> Pcm:
    at = np.arange(frames * FRAME) / RATE_HZ
    return sounds.to_pcm(sum(np.sin(2 * np.pi * pitch_hz * k * at + k) / k for k in range(1, 9)) * 4_000)


@cache
def speech(frames: int, seed: int = 3) -> Pcm:
    """Voice in the quiet of a real line."""
    talk = sounds.talk(frames / SECOND, seed=seed)
    return sounds.to_pcm(talk + sounds.white(frames / SECOND, -70, seed=seed))


def check_account(buffer: JitterBuffer, heard: Heard | None = None) -> None:
    s = buffer.statistics
    assert s.out_samples == s.played + s.concealed_voice + s.concealed_silence + s.noise
    used = s.played - s.stretched + s.shrunk
    assert s.in_samples == s.refused_samples + s.held_samples + s.flushed + used
    if heard is not None:
        assert s.played == heard.total("played")
        assert all(m.played + m.concealed + m.noise == FRAME for m in heard.made)
        assert s.stretched == heard.total("stretched")
        assert s.shrunk == heard.total("shrunk")


# ---- when all is well ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_a_punctual_sender_is_heard_sample_for_sample(rate_hz: int) -> None:
    n, rng = rate_hz // 50, np.random.default_rng(rate_hz)
    pcm = rng.integers(-8_000, 8_000, 100 * n).astype(np.int16)
    buffer, heard, began = JitterBuffer(rate_hz), [], None
    for k in range(100):
        buffer.put(pcm[k * n : (k + 1) * n].tobytes(), k * n, k * FRAME_NS)
        out, made = buffer.take(k * FRAME_NS + MS)
        if made.played == n and began is None:
            began = made.rtp_begin
        if began is not None:
            heard.append(np.frombuffer(out, np.int16))
    assert began == 0
    assert np.array_equal(np.concatenate(heard), pcm[: n * len(heard)])
    assert buffer.statistics.concealed_voice == 0


@pytest.mark.parametrize("samples", [80, 160, 240, 320, 480])
def test_packets_of_any_length_give_the_same_sound(samples: int) -> None:
    pcm = marked(600)
    heard = play(JitterBuffer(RATE_HZ), packets_of(pcm, samples=samples), 500)
    steady = heard.made[100:]
    assert all(made.played == FRAME and made.stretched == made.shrunk == 0 for made in steady)
    first = steady[0].rtp_begin
    assert np.array_equal(heard.pcm[100 * FRAME :], pcm[first : first + 400 * FRAME])


def test_each_frame_says_where_it_led_and_the_next_begins_there() -> None:
    packets = through(PROFILES["wifi"], packets_of(speech(20 * SECOND)), seed=4)
    made = play(JitterBuffer(RATE_HZ), packets, 19 * SECOND).made
    begun = next(k for k, frame in enumerate(made) if frame.played)
    for before, after in pairwise(made[begun:]):
        assert before.rtp_begin <= before.rtp_end
        assert before.rtp_end == after.rtp_begin


def test_a_frame_that_was_not_touched_is_what_was_said_there() -> None:
    pcm = marked(60 * SECOND)
    packets = through(PROFILES["mobile"], packets_of(pcm), seed=2)
    heard = play(JitterBuffer(RATE_HZ), packets, 59 * SECOND)
    compared = 0
    for k in range(1, len(heard.made)):
        made, before = heard.made[k], heard.made[k - 1]
        led_on = made.rtp_begin == before.rtp_end and made.rtp_end == made.rtp_begin + FRAME
        if made.played == before.played == FRAME and made.stretched == made.shrunk == 0 and led_on:
            said = pcm[made.rtp_begin : made.rtp_end]
            assert np.array_equal(heard.pcm[k * FRAME : (k + 1) * FRAME], said)
            compared += 1
    assert compared > 40 * SECOND


def test_the_same_seed_gives_the_same_sound() -> None:
    runs = []
    for _ in range(2):
        packets = through(PROFILES["mobile"], packets_of(speech(500)), 9)
        runs.append(play(JitterBuffer(RATE_HZ), packets, 480))
    assert np.array_equal(runs[0].pcm, runs[1].pcm)
    assert runs[0].made == runs[1].made


# ---- the account -----------------------------------------------------------------------------------------------------

profiles = st.builds(
    Profile,
    delay_ms=st.sampled_from([1.0, 60.0]),
    jitter=st.builds(
        Jitter, st.sampled_from(["none", "uniform", "gamma"]), st.floats(0.1, 60), shape=st.floats(0.3, 2)
    ),
    loss=st.builds(
        Loss, good=st.floats(0, 0.1), bad=st.just(0.9), to_bad=st.floats(0, 0.05), to_good=st.just(0.3)
    ),
    reorder=st.sampled_from([0.0, 0.1]),
    duplicate=st.sampled_from([0.0, 0.1]),
    skew_ppm=st.sampled_from([-300.0, 0.0, 300.0]),
    spikes=st.builds(Spikes, every_s=st.sampled_from([0.0, 2.0]), height_ms=st.floats(0, 500)),
)
packet_samples = st.sampled_from([40, 80, 160, 240, 480])


@settings(deadline=None)
@given(profiles, packet_samples, st.integers(0, 1_000))
def test_every_sample_is_accounted_for_on_any_network(profile: Profile, samples: int, seed: int) -> None:
    buffer = JitterBuffer(RATE_HZ)
    packets = through(profile, packets_of(speech(6 * SECOND), samples=samples), seed)
    check_account(buffer, play(buffer, packets, 7 * SECOND))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**61), 2**61), st.integers(-(2**61), 2**61), st.integers(0, 500), st.integers(0, 3)
        ),
        max_size=60,
    )
)
def test_no_stamp_and_no_time_breaks_it(hostile: list[tuple[int, int, int, int]]) -> None:
    buffer, due_ns = JitterBuffer(RATE_HZ), 0
    for rtp, arrival_ns, samples, flags in hostile:
        try:
            buffer.put(bytes(2 * samples), rtp, arrival_ns, flags)
        except ValueError:
            assert samples in (0, *range(481, 501)) or max(abs(rtp), abs(arrival_ns)) > 2**60
        buffer.take(due_ns)
        due_ns += FRAME_NS
    check_account(buffer)


# ---- how it sounds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wifi", "mobile", "reordering", "bufferbloat", "satellite", "skewed"])
def test_nothing_jumps_more_than_the_sound_itself(name: str) -> None:
    pcm = hum(60 * SECOND)
    heard = play(JitterBuffer(RATE_HZ), through(PROFILES[name], packets_of(pcm), seed=7), 60 * SECOND)
    steepest = np.abs(np.diff(pcm.astype(int))).max()
    assert np.abs(np.diff(heard.pcm.astype(int))).max() < 1.5 * steepest


@pytest.mark.parametrize("pitch_hz", [90.0, 140.0, 220.0])
def test_stretching_keeps_the_pitch(pitch_hz: float) -> None:
    pcm = hum(40 * SECOND, pitch_hz)
    swinging = [
        Packet(p.rtp, p.arrival_ns + (k // SECOND % 2) * 80 * MS, p.pcm)
        for k, p in enumerate(packets_of(pcm))
    ]
    heard = play(JitterBuffer(RATE_HZ, min_ms=20), swinging, 39 * SECOND)
    assert heard.total("stretched") + heard.total("shrunk") > 20 * FRAME
    for k in range(5 * SECOND, 39 * SECOND - 3):
        if all(made.played == FRAME for made in heard.made[k - 1 : k + 3]):
            piece = heard.pcm[k * FRAME : (k + 3) * FRAME].astype(float)
            assert pitch_of(piece) == pytest.approx(pitch_hz, rel=0.05)


def pitch_of(piece: sounds.Samples) -> float:
    lags = range(RATE_HZ // 400, RATE_HZ // 70)
    alike = [
        piece[:-lag] @ piece[lag:] / np.sqrt((piece[:-lag] @ piece[:-lag]) * (piece[lag:] @ piece[lag:]))
        for lag in lags
    ]
    first = next(
        k for k, value in enumerate(alike) if value > 0.9 * max(alike) and value >= max(alike[k : k + 8])
    )
    return RATE_HZ / lags[first]


def test_a_lost_packet_is_concealed_and_what_follows_is_in_its_time() -> None:
    pcm = hum(4 * SECOND)
    packets = [p for k, p in enumerate(packets_of(pcm)) if k != 100]
    heard = play(JitterBuffer(RATE_HZ, min_ms=80), packets, 4 * SECOND)
    assert 0 < heard.total("concealed") <= FRAME
    gap = slice((100 + 1) * FRAME, (100 + 10) * FRAME)
    assert sounds.power_db(heard.pcm[gap]) == pytest.approx(sounds.power_db(pcm), abs=1.5)


def test_a_silent_line_fades_into_its_own_quiet() -> None:
    pcm = sounds.to_pcm(sounds.white(4, -55, seed=5))
    pcm[-SECOND * FRAME :] += sounds.to_pcm(sounds.voice("eau oui aia uoa eie iou")[0])[: SECOND * FRAME]
    heard = play(JitterBuffer(RATE_HZ), packets_of(pcm), 8 * SECOND)
    after = heard.pcm[6 * SECOND * FRAME :]
    assert heard.made[-1].concealed == FRAME
    assert sounds.power_db(after) == pytest.approx(sounds.power_db(sounds.white(1, -55, seed=1)), abs=4)


# ---- the delay -------------------------------------------------------------------------------------------------------


def test_a_quiet_path_gets_the_least_delay_and_a_restless_one_more() -> None:
    calm, restless = JitterBuffer(RATE_HZ), JitterBuffer(RATE_HZ)
    play(calm, packets_of(speech(20 * SECOND)), 20 * SECOND)
    rough = Profile(jitter=Jitter("uniform", 120.0))
    play(restless, through(rough, packets_of(speech(20 * SECOND)), seed=1), 20 * SECOND)
    assert calm.statistics.target_ms == 40
    assert 100 < restless.statistics.target_ms <= 200
    assert restless.statistics.jitter_ms > 10 * calm.statistics.jitter_ms


def test_it_grows_within_a_second_and_shrinks_again_when_the_path_is_calm() -> None:
    buffer, packets = JitterBuffer(RATE_HZ), packets_of(speech(90 * SECOND))
    rng, rough = np.random.default_rng(8), range(10 * SECOND, 20 * SECOND)
    disturbed = [
        Packet(p.rtp, p.arrival_ns + (int(rng.uniform(0, 170)) * MS if k in rough else 0), p.pcm)
        for k, p in enumerate(packets)
    ]
    disturbed.sort(key=lambda packet: packet.arrival_ns)
    target_ms = []
    for second in range(90):
        part = [p for p in disturbed if second <= p.arrival_ns / 1e9 < second + 1]
        play(buffer, part, SECOND, due_ns=second * 1_000 * MS + MS)
        target_ms.append(buffer.statistics.target_ms)
    assert target_ms[9] == 40
    assert target_ms[11] > 120
    assert target_ms[19] > 120
    assert target_ms[89] < 60


def test_the_target_stays_within_what_was_configured() -> None:
    buffer = JitterBuffer(RATE_HZ, min_ms=60, max_ms=100)
    play(buffer, packets_of(speech(5 * SECOND)), 5 * SECOND)
    assert buffer.statistics.target_ms == 60
    rough = Profile(jitter=Jitter("uniform", 300.0))
    later = [Packet(p.rtp + 5 * SECOND * FRAME, p.arrival_ns + 5_000 * MS, p.pcm)
             for p in through(rough, packets_of(speech(20 * SECOND)), seed=1)]  # fmt: skip
    play(buffer, later, 20 * SECOND, due_ns=5_003 * MS)
    assert buffer.statistics.target_ms == 100


@pytest.mark.parametrize("skew_ppm", [-300.0, 300.0])
def test_ten_minutes_of_drifting_clocks_without_a_hole(skew_ppm: float) -> None:
    frames = 600 * SECOND
    pcm = np.tile(speech(30 * SECOND), 20)
    late = [Packet(p.rtp, round(p.arrival_ns * (1 + skew_ppm / 1e6)), p.pcm) for p in packets_of(pcm)]
    buffer = JitterBuffer(RATE_HZ)
    heard = play(buffer, late, round(frames * 0.999))
    assert heard.total("concealed", after=SECOND) == 0
    drift = 600 * skew_ppm / 1e6 * RATE_HZ
    moved = heard.total("stretched") - heard.total("shrunk")
    assert moved == pytest.approx(drift, abs=2 * FRAME)
    assert buffer.statistics.current_ms < 65


# ---- what it survives ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_rtp", [2**16 - 50 * FRAME, 2**32 - 50 * FRAME, -50 * FRAME, 2**48])
def test_a_wrap_of_the_senders_counters_is_not_heard(first_rtp: int) -> None:
    pcm = marked(200)
    buffer = JitterBuffer(RATE_HZ)
    heard = play(buffer, packets_of(pcm, first_rtp=first_rtp), 190)
    assert heard.total("concealed") == 0
    assert buffer.statistics.restarts == 0
    assert np.array_equal(
        heard.pcm[-100 * FRAME :], pcm[heard.made[-100].rtp_begin - first_rtp :][: 100 * FRAME]
    )


def test_after_a_gap_of_five_seconds_it_goes_on_as_before() -> None:
    pcm, gap = marked(200), 250
    before = packets_of(pcm[: 100 * FRAME])
    after = packets_of(pcm[100 * FRAME :], first_rtp=(100 + gap) * FRAME, began_ns=(100 + gap) * FRAME_NS)
    buffer = JitterBuffer(RATE_HZ)
    heard = play(buffer, before + after, 100 + gap + 95)
    check_account(buffer, heard)
    assert heard.total("concealed") == pytest.approx(gap * FRAME, abs=3 * FRAME)
    assert heard.total("played") > 190 * FRAME
    assert buffer.statistics.current_ms < 100


@pytest.mark.parametrize("jump", [-(10**6), -FRAME * 30, 10**6, 2**40, -(2**40)])
def test_a_sender_that_begins_anew_is_heard_at_once(jump: int) -> None:
    pcm = marked(400)
    before = packets_of(pcm[: 200 * FRAME])
    after = packets_of(pcm[200 * FRAME :], first_rtp=200 * FRAME + jump, began_ns=200 * FRAME_NS)
    buffer = JitterBuffer(RATE_HZ)
    heard = play(buffer, before + after, 395)
    check_account(buffer, heard)
    assert heard.total("concealed") < 12 * FRAME
    assert heard.made[-1].rtp_begin > 200 * FRAME + jump
    assert buffer.statistics.current_ms < 100


def test_a_burst_of_a_hundred_packets_is_caught_up_with() -> None:
    packets, out_from, out_to = packets_of(speech(40 * SECOND)), 25 * SECOND, 25 * SECOND + 100
    held = [
        Packet(p.rtp, out_to * FRAME_NS, p.pcm) if out_from <= k < out_to else p
        for k, p in enumerate(packets)
    ]
    buffer = JitterBuffer(RATE_HZ)
    heard = play(buffer, held, 40 * SECOND)
    check_account(buffer, heard)
    assert buffer.statistics.flushed > 70 * FRAME
    behind = [k * FRAME - made.rtp_end for k, made in enumerate(heard.made)]
    assert max(behind[out_to + 1 :]) < 400 * 8
    assert max(behind[out_to + 3 * SECOND :]) < 80 * 8


def test_what_comes_twice_is_played_once() -> None:
    pcm = marked(200)
    twice = [packet for packet in packets_of(pcm) for _ in range(2)]
    buffer = JitterBuffer(RATE_HZ)
    heard = play(buffer, twice, 190)
    assert buffer.statistics.duplicate >= 190
    assert buffer.statistics.packets == buffer.statistics.duplicate + 190
    assert np.array_equal(heard.pcm[-100 * FRAME :], pcm[heard.made[-100].rtp_begin :][: 100 * FRAME])


def test_packets_out_of_order_are_played_in_order() -> None:
    pcm = marked(200)
    packets = packets_of(pcm)
    for k in range(10, 190, 4):
        packets[k], packets[k + 1] = packets[k + 1], packets[k]
    swapped = [Packet(p.rtp, k * FRAME_NS, p.pcm) for k, p in enumerate(packets)]
    buffer = JitterBuffer(RATE_HZ, min_ms=80)
    heard = play(buffer, swapped, 190)
    assert buffer.statistics.out_of_order == 45
    assert heard.total("concealed", after=20) == 0
    assert np.array_equal(heard.pcm[-100 * FRAME :], pcm[heard.made[-100].rtp_begin :][: 100 * FRAME])


def test_of_a_late_packet_what_can_still_be_played_is_played() -> None:
    buffer, n, pcm, verdict = JitterBuffer(RATE_HZ, min_ms=140), 3 * FRAME, marked(60), None
    for tick in range(57):
        k, rest = divmod(tick, 3)
        if rest == 0 and k != 10:
            buffer.put(pcm[k * n : (k + 1) * n].tobytes(), k * n, tick * FRAME_NS)
        _, made = buffer.take(tick * FRAME_NS)
        if verdict is None and made.rtp_end > 10 * n:
            verdict = buffer.put(pcm[10 * n : 11 * n].tobytes(), 10 * n, tick * FRAME_NS)
            kept = 11 * n - made.rtp_end
    assert verdict == jitter.PARTLY_LATE
    assert 0 < kept < n
    assert buffer.statistics.refused_samples == n - kept
    check_account(buffer)


def test_what_was_made_up_before_us_gives_way_to_what_comes_after_all() -> None:
    buffer, pcm = JitterBuffer(RATE_HZ), marked(10)
    buffer.put(pcm[:FRAME].tobytes(), 0, 0)
    buffer.put(bytes(2 * FRAME), FRAME, 0, jitter.CONCEALED)
    assert buffer.put(pcm[FRAME : 2 * FRAME].tobytes(), FRAME, 0) == jitter.TAKEN
    assert buffer.put(bytes(2 * FRAME), FRAME, 0, jitter.CONCEALED) == jitter.DUPLICATE
    check_account(buffer)


def test_nothing_in_is_silence_out() -> None:
    buffer = JitterBuffer(RATE_HZ)
    for k in range(10):
        out, made = buffer.take(k * FRAME_NS)
        assert out == bytes(2 * FRAME)
        assert made.noise == FRAME
    assert buffer.statistics.concealed_voice == 0


def test_a_reset_forgets_the_sound_but_not_the_network() -> None:
    buffer = JitterBuffer(RATE_HZ)
    rough = through(Profile(jitter=Jitter("uniform", 150.0)), packets_of(speech(20 * SECOND)), seed=3)
    play(buffer, rough, 20 * SECOND)
    target_ms = buffer.statistics.target_ms
    buffer.reset()
    assert buffer.statistics.held_samples == 0
    assert buffer.statistics.target_ms == target_ms > 100
    check_account(buffer)


@pytest.mark.parametrize(
    "wrong",
    [{"rate_hz": 44_100}, {"rate_hz": 8_000, "min_ms": 10}, {"rate_hz": 8_000, "min_ms": 300},
     {"rate_hz": 8_000, "max_ms": 1_001}, {"rate_hz": 8_000, "quantile": 1.0}],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="range"):
        JitterBuffer(**wrong)


def test_memory_is_small_and_known_beforehand() -> None:
    assert JitterBuffer(8_000).size_bytes < 20 * 1024
    assert JitterBuffer(48_000).size_bytes < 90 * 1024
