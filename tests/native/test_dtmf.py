"""RFC 4733 keys under loss, repetition and disorder."""

import random

import pytest

from mediasrv_native.kernels import DtmfReceiver

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
