from __future__ import annotations

from mediasrv.bench.instruments.wire_log import (
    Cadence,
    Heard,
    Sent,
    away_ns,
    first_audible,
    first_stop,
    sent_ns,
)

MS = 1_000_000


def packets(levels: list[float], start_ms: int = 0, sequence: int = 0) -> list[Heard]:
    return [
        Heard((start_ms + 20 * k) * MS, 0, 160 * k, 1, 0, (sequence + k) & 0xFFFF, 160, level, 0, False)
        for k, level in enumerate(levels)
    ]


def test_overlapping_stalls_of_two_processors_count_once() -> None:
    assert away_ns([(10, 30), (20, 40), (90, 200)], 0, 100) == 40
    assert away_ns([], 0, 100) == 0
    assert away_ns([(10, 40), (15, 20)], 0, 100) == 30


def cadence(*streams: list[Heard]) -> Cadence:
    seen = Cadence()
    for packet in (packet for stream in streams for packet in stream):
        seen.add(packet)
    return seen


def test_a_gap_is_ours_only_for_the_time_the_machine_was_there() -> None:
    seen = cadence([*packets([-20.0] * 3), *packets([-20.0] * 3, start_ms=120)])
    assert seen.gaps([]) == (80.0, 80.0, 1, 1)
    assert seen.gaps([(50 * MS, 100 * MS)]) == (30.0, 80.0, 0, 0)


def test_gaps_are_within_a_stream_never_between_two() -> None:
    other = [packet._replace(stream=1) for packet in packets([-20.0] * 3, start_ms=500)]
    assert cadence(packets([-20.0] * 3), other).gaps([]) == (20.0, 20.0, 0, 0)


def test_lost_packets_are_counted_across_the_wrap_and_reordering_is_no_loss() -> None:
    stream = packets([-20.0] * 6, sequence=65_533)
    assert cadence(stream).lost == 0
    assert cadence([stream[0], stream[1], *stream[4:]]).lost == 2
    assert cadence([stream[1], stream[0]]).lost == 0


def test_a_voice_stops_at_its_last_audible_packet_before_a_long_silence() -> None:
    voice = packets([-20.0] * 10 + [-90.0] * 5 + [-20.0] * 5 + [-90.0] * 20)
    stop = first_stop(voice, from_ns=100 * MS, quiet_ms=300)
    assert stop is not None
    assert stop.last_audible_ns == 19 * 20 * MS


def test_a_voice_that_was_quiet_long_before_has_stopped_before() -> None:
    voice = packets([-20.0] * 3 + [-90.0] * 40)
    stop = first_stop(voice, from_ns=500 * MS, quiet_ms=300)
    assert stop is not None
    assert stop.last_audible_ns == 40 * MS


def test_a_voice_that_goes_on_has_not_stopped() -> None:
    assert first_stop(packets([-20.0] * 50), from_ns=0, quiet_ms=300) is None
    assert first_stop(packets([-20.0] * 5 + [-90.0] * 5), from_ns=0, quiet_ms=300) is None


def test_the_first_audible_packet_is_found_from_an_instant_on() -> None:
    voice = packets([-20.0, -90.0, -90.0, -30.0])
    found = first_audible(voice, 10 * MS)
    assert found is not None
    assert found.at_ns == 60 * MS


def test_an_onset_is_the_send_time_of_the_packet_that_holds_it() -> None:
    sent = [Sent(1_000 * MS + k * 20 * MS, 0, 0, 0, 3, 160 * k, k) for k in range(4)]
    assert sent_ns(sent, 3, 200) == 1_020 * MS
    assert sent_ns(sent, 3, 5_000) is None
    assert sent_ns(sent, 4, 0) is None
