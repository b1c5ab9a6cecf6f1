from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import pytest

from mediasrv.providers import formant
from tests.sim import g711
from tests.sim.handset import Handset


def test_mu_law_there_and_back_is_within_its_quantisation() -> None:
    samples = np.arange(-32_600, 32_600, 37, dtype="<i2")
    back = np.array(g711.decode(g711.encode(samples.tobytes())), dtype=np.int32)
    assert np.all(np.abs(back - samples) <= np.maximum(4, np.abs(samples.astype(np.int32)) // 16))


@pytest.mark.parametrize(
    ("sample", "code"), [(0, 0xFF), (-1, 0x7F), (32_767, 0x80), (-32_768, 0x00), (1_000, 0xCE)]
)
def test_mu_law_has_the_codes_of_the_standard(sample: int, code: int) -> None:
    assert g711.encode(struct.pack("<h", sample)) == bytes([code])


def test_speech_is_audible_and_the_room_is_not() -> None:
    codes = g711.encode(formant.speak("hello there", 8_000).pcm)
    assert g711.audible(codes[480:640])
    assert not any(g711.audible(frame) for frame in g711.room_noise(0))
    assert not g711.audible(b"\xff" * 160)


def test_sequence_and_time_stamp_go_on_and_only_the_first_packet_is_marked() -> None:
    handset = Handset(3)
    packets = [handset.packet() for _ in range(5)]
    heads = [struct.unpack("!BBHII", packet[:12]) for packet in packets if packet is not None]
    assert [(late[2] - early[2]) & 0xFFFF for early, late in pairwise(heads)] == [1] * 4
    assert [head[1] for head in heads] == [0x80, 0, 0, 0, 0]
    assert (heads[4][3] - heads[0][3]) & 0xFFFFFFFF == 4 * 160


def test_a_key_is_one_event_with_three_ends_on_the_time_stamp_of_its_beginning() -> None:
    handset = Handset(3)
    handset.press("5", 100)
    packets = [handset.packet() for _ in range(9)]
    events = [packet for packet in packets if packet is not None and packet[1] & 0x7F == 101]
    assert len({packet[4:8] for packet in events}) == 1
    durations = [struct.unpack("!BBH", packet[12:]) for packet in events]
    assert [duration for _, _, duration in durations] == [160, 320, 480, 640, 800, 800, 800]
    assert [end >> 7 for _, end, _ in durations] == [0, 0, 0, 0, 1, 1, 1]
    assert {event for event, _, _ in durations} == {5}


def test_a_silent_handset_sends_nothing_and_its_clock_goes_on() -> None:
    handset = Handset(3)
    before = handset.timestamp
    handset.silent = True
    assert handset.packet() is None
    assert (handset.timestamp - before) & 0xFFFFFFFF == 160


def echo_of(*sequences: int) -> list[int]:
    """Which packet's echo is in each that a handset sends, 40 ms later; -1 for none. It hears one between two that it
    sends, or none where that was lost, and they differ by their loudness."""
    handset = Handset(3, noise=(b"\xff" * 160,))
    handset.echoes(0.0, 40)
    echoed = []
    for sequence in sequences:
        if sequence >= 0:
            handset.heard(sequence, bytes([0x80 + sequence % 16]) * 160)
        packet = handset.packet()
        assert packet is not None
        echoed.append(-1 if packet[12] == 0xFF else packet[12] - 0x80)
    return echoed


def test_the_echo_of_a_packet_comes_when_it_has_been_heard_so_long() -> None:
    assert echo_of(7, 8, 9, 10, 11) == [-1, -1, 7, 8, 9]


def test_a_lost_packet_leaves_a_hole_in_the_echo_and_moves_nothing_behind_it() -> None:
    assert echo_of(5, 6, -1, 8, 9, 10, 11) == [-1, -1, 5, 6, -1, 8, 9]


def test_a_packet_that_comes_after_its_echo_was_due_is_heard_no_more() -> None:
    assert echo_of(5, 6, -1, -1, -1, 7, 11, 12, 13) == [-1, -1, 5, 6, -1, -1, -1, -1, 11]


def test_an_echo_goes_on_where_the_sequence_begins_anew() -> None:
    assert echo_of(65_534, 65_535, 0, 1, 2) == [-1, -1, 65_534 % 16, 65_535 % 16, 0]
