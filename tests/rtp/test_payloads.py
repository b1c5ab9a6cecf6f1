from __future__ import annotations

import pytest

from mediasrv.errors import LocalError
from mediasrv.rtp import KEYS, STATIC_PAYLOADS, duration_ms, event_of, is_dynamic, key_of
from mediasrv.rtp.payloads import RTCP_LOOKALIKES
from mediasrv.sdp.codecs import CODECS


def test_the_codecs_that_are_negotiated_have_the_numbers_of_the_table() -> None:
    for codec in CODECS.values():
        if is_dynamic(codec.payload_type):
            assert codec.name not in {
                payload.name for payload in STATIC_PAYLOADS.values() if payload.clock_hz < 44_100
            }
            continue
        payload = STATIC_PAYLOADS[codec.payload_type]
        assert (payload.name, (payload.clock_hz,), payload.channels) == (codec.name, codec.clocks_hz, 1)


def test_no_static_or_dynamic_type_can_be_taken_for_rtcp() -> None:
    assert not any(payload_type in RTCP_LOOKALIKES for payload_type in STATIC_PAYLOADS)
    assert [each for each in range(256) if is_dynamic(each)] == list(range(96, 128))


def test_keys_and_events_are_each_others_inverse() -> None:
    assert [key_of(event) for event in range(16)] == list(KEYS)
    assert [event_of(key) for key in KEYS] == list(range(16))
    assert event_of("a") == 12


@pytest.mark.parametrize("event", [-1, 16, 255])
def test_events_that_are_no_keys_have_none(event: int) -> None:
    assert key_of(event) is None


@pytest.mark.parametrize("key", ["", "E", "12", "é"])
def test_what_is_no_key_is_our_mistake(key: str) -> None:
    with pytest.raises(LocalError):
        event_of(key)


def test_durations_follow_the_clock() -> None:
    assert duration_ms(800, 8_000) == 100.0
