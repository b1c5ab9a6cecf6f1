"""RFC 4733 keys under loss, repetition and disorder."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediasrv_native.kernels import DtmfReceiver
from mediasrv_native.tones import DtmfSender
from tests.reference import dtmf as oracle

KEY_5, STAR, FLASH = 5, 10, 16
END = 0x80


def packet(code: int, duration: int, *, end: bool = False, volume: int = 10) -> bytes:
    return bytes([code, (END if end else 0) | volume]) + duration.to_bytes(2, "big")


def key_packets(code: int, rtp: int, duration: int = 800) -> list[tuple[bytes, int]]:
    running = [(packet(code, d), rtp) for d in range(160, duration, 160)]
    return running + [(packet(code, duration, end=True), rtp)] * 3


def keys(packets: list[tuple[bytes, int]]) -> list[int]:
    receiver = DtmfReceiver()
    return [key for payload, rtp in packets if (key := receiver.receive(payload, rtp)) is not None]


def test_one_key_is_told_once() -> None:
    assert keys(key_packets(KEY_5, 1_000)) == [KEY_5]


def test_a_key_is_told_whichever_of_its_packets_survive() -> None:
    packets = key_packets(KEY_5, 1_000)
    for survivor in packets:
        assert keys([survivor]) == [KEY_5]


def test_the_same_key_twice_is_two_keys() -> None:
    assert keys(key_packets(KEY_5, 1_000) + key_packets(KEY_5, 3_000)) == [KEY_5, KEY_5]


def test_loss_repetition_and_disorder_within_a_key_change_nothing() -> None:
    rng = random.Random(8)
    for _ in range(200):
        heard: list[tuple[bytes, int]] = []
        for number, code in enumerate((1, STAR, 1)):
            packets = key_packets(code, 1_000 + 2_000 * number) * 2
            rng.shuffle(packets)
            heard += packets[: rng.randint(1, len(packets))]
        assert keys(heard) == [1, STAR, 1]


def test_a_late_repetition_of_an_earlier_key_is_ignored() -> None:
    first, second = key_packets(1, 1_000), key_packets(2, 3_000)
    assert keys(first + second[:1] + first[-1:] + second[1:]) == [1, 2]


def test_a_key_longer_than_its_duration_field_is_one_key() -> None:
    packets = [(packet(KEY_5, 0xFFFF), 1_000), (packet(KEY_5, 160), 1_000 + 0xFFFF)]
    assert keys(packets) == [KEY_5]


def test_events_that_are_no_keys_are_passed_over() -> None:
    assert keys([(packet(FLASH, 160), 1_000), (packet(255, 160), 2_000)]) == []


def test_a_clock_that_fell_far_back_does_not_silence_the_keys() -> None:
    assert keys(key_packets(1, 10_000_000) + key_packets(2, 100)) == [1, 2]


@pytest.mark.parametrize("payload", [b"", b"\x05", b"\x05\x0a\x00"])
def test_a_truncated_payload_is_malformed(payload: bytes) -> None:
    with pytest.raises(ValueError, match="range"):
        DtmfReceiver().receive(payload, 1_000)


def test_random_payloads_never_tell_what_is_no_key() -> None:
    rng, receiver = random.Random(3), DtmfReceiver()
    for _ in range(5_000):
        key = receiver.receive(rng.randbytes(rng.randint(4, 12)), rng.randint(0, 2**48))
        assert key is None or 0 <= key < 16


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 1, 2, STAR, FLASH]),
            st.sampled_from([0, 160, 0xFFFE, 0xFFFF]),
            st.sampled_from([1_000, 1_160, 1_000 + 0xFFFF, 1_000 + 2 * 0xFFFF, 2**40]),
        ),
        max_size=30,
    )
)
@settings(deadline=None)
def test_keys_are_those_that_the_whole_history_tells_of(heard: list[tuple[int, int, int]]) -> None:
    receiver, exact = DtmfReceiver(), oracle.Receiver()
    for code, duration, rtp in heard:
        payload = packet(code, duration)
        assert receiver.receive(payload, rtp) == exact.receive(payload, rtp)


def sent(sender: DtmfSender, clock_hz: int = 8_000, start: int = 0) -> list[tuple[int, bool, bytes, bool]]:
    packets, timestamp = [], start
    while sender.busy:
        told = sender.tick(timestamp)
        timestamp = (timestamp + clock_hz // 50) % 2**32
        packets += [told] if told else []
    return packets


def test_a_sent_key_is_marked_once_grows_and_ends_three_times() -> None:
    sender = DtmfSender()
    sender.push(5, 90)
    packets = sent(sender, start=1_000)
    assert [timestamp for timestamp, *_ in packets] == [1_000] * 7
    assert [marker for _, marker, *_ in packets] == [True] + [False] * 6
    assert [int.from_bytes(p[2:]) for _, _, p, _ in packets] == [160, 320, 480, 640, 720, 720, 720]
    assert [bool(p[1] & END) for _, _, p, _ in packets] == [False] * 4 + [True] * 3
    assert [done for *_, done in packets] == [False] * 6 + [True]


@pytest.mark.parametrize("duration_ms", [40, 100, 1_365, 1_366, 1_380, 2_731, 5_000, 10_000])
@pytest.mark.parametrize("start", [0, 2**32 - 1_000])
def test_long_keys_at_48_khz_are_one_key_to_the_receiver(duration_ms: int, start: int) -> None:
    sender, receiver = DtmfSender(48_000), DtmfReceiver(48_000)
    sender.push(7, duration_ms)
    packets = sent(sender, 48_000, start)
    unwrapped = [start + (timestamp - start) % 2**32 for timestamp, *_ in packets]
    told = [receiver.receive(p[2], at) for p, at in zip(packets, unwrapped, strict=True)]
    assert [key for key in told if key is not None] == [7]
    assert unwrapped[-1] + int.from_bytes(packets[-1][2][2:]) - start == 48 * duration_ms


def test_a_queue_holds_thirty_two_keys_and_sends_them_in_order() -> None:
    sender, receiver = DtmfSender(), DtmfReceiver()
    for k in range(32):
        sender.push(k % 16, 40, 40)
    with pytest.raises(BufferError):
        sender.push(1)
    told = [receiver.receive(payload, timestamp) for timestamp, _, payload, _ in sent(sender)]
    assert [key for key in told if key is not None] == [k % 16 for k in range(32)]


some_keys = st.lists(
    st.builds(oracle.Key, st.integers(0, 15), st.integers(40, 10_000), st.integers(0, 500)), max_size=5
)


@given(some_keys, st.sampled_from([8_000, 16_000, 24_000, 32_000, 48_000]), st.integers(0, 2**32 - 1))
@settings(deadline=None)
@example([oracle.Key(5, 8_192, 60)], 8_000, 0)
def test_every_packet_of_every_key_is_the_rfcs(keys: list[oracle.Key], clock_hz: int, start: int) -> None:
    sender, got, tick = DtmfSender(clock_hz), [], 0
    for key in keys:
        sender.push(key.code, key.duration_ms, key.gap_ms)
    while sender.busy:
        told = sender.tick((start + tick * clock_hz // 50) % 2**32)
        got += [oracle.Packet(tick, *told)] if told else []
        tick += 1
    assert got == list(oracle.sent(keys, start, clock_hz))


@pytest.mark.parametrize(("clock_hz", "duration_ms"), [(8_000, 8_192), (16_000, 4_096), (32_000, 2_048)])
def test_no_packet_says_that_a_key_lasted_for_nothing(clock_hz: int, duration_ms: int) -> None:
    """One tick is left for the second segment, which must not end with its first packet."""
    sender = DtmfSender(clock_hz)
    sender.push(1, duration_ms)
    told = [int.from_bytes(payload[2:]) for _, _, payload, _ in sent(sender, clock_hz)]
    assert told[-5:] == [0xFFFF, 1, 2, 2, 2]


@pytest.mark.parametrize(("code", "duration_ms"), [(16, 100), (1, 39), (1, 10_001), (1, 0)])
def test_what_is_no_key_is_not_sent(code: int, duration_ms: int) -> None:
    with pytest.raises(ValueError, match="range"):
        DtmfSender().push(code, duration_ms)
