"""The moments that a captured stream tells of are all that it takes to do the same once more."""

from __future__ import annotations

import pytest

from mediasrv.media.native_settings import settings_of
from mediasrv.media.spec import StreamSpec
from mediasrv_native import engine as native
from mediasrv_native.engine import Captured, NativeEngine
from mediasrv_native.errors import WrongState

MS = 1_000_000
PEER = ("127.0.0.1", 4_000)
DRAWN = {"ssrc": 7, "first_sequence": 100, "first_timestamp": 1_000, "unix_offset_ns": 0}
SPEC = StreamSpec(remote=PEER, aec=False, ns=False, confirm=False)


def made(*, captured: bool) -> tuple[NativeEngine, int]:
    engine = NativeEngine(capacity=1, manual=True, seed=5, captured=4_096 if captured else 0)
    settings = {**settings_of(SPEC, None), **DRAWN}
    return engine, engine.add(rtp_fd=-1, group=0, captured=captured, **settings)  # type: ignore[typeddict-item]


def rtp(number: int) -> bytes:
    header = bytes((0x80, 0)) + number.to_bytes(2) + (160 * number).to_bytes(4) + (9).to_bytes(4)
    return header + bytes((number % 200,)) * 160


def play(engine: NativeEngine, stream: int) -> None:
    engine.play(stream, 1, bytes(range(200)) * 64, 1_500, 0, 0)


def lived() -> list[Captured]:
    """Half a second: speech is played, packets come and some do not, a hold comes and goes."""
    engine, stream = made(captured=True)
    for at_ms in range(0, 500, 20):
        if at_ms == 100:
            play(engine, stream)
        if at_ms == 200:
            engine.hold(stream, 1, 1_000, 0)
        if at_ms == 300:
            engine.release(stream, 1, -1)
        if at_ms % 140:
            engine.push(stream, rtp(at_ms // 20), PEER, at_ms * MS + MS)
        engine.step((at_ms + 19) * MS)
    return engine.captured(4_096)


def test_they_are_numbered_in_order_and_what_is_sent_bears_the_number_of_its_tick() -> None:
    moments = lived()
    deeds = [moment.number for moment in moments if moment.kind != native.MOMENT_SENT]
    ticks = {moment.number for moment in moments if moment.kind == native.MOMENT_TICKED}
    sent = [moment.number for moment in moments if moment.kind == native.MOMENT_SENT]
    assert deeds == list(range(1, len(deeds) + 1))
    assert sent
    assert set(sent) <= ticks


def test_the_same_moments_send_the_same_packets() -> None:
    engine, stream = made(captured=False)
    moments, orders = lived(), 0
    for moment in moments:
        if moment.kind == native.MOMENT_SENT:
            continue
        if moment.at_ns >= 100 * MS and orders == 0:
            play(engine, stream)
            orders = 1
        if moment.kind == native.MOMENT_OBEYED and orders:
            give = engine.hold if orders == 1 else engine.release
            give(stream, 1, *((1_000, 0) if orders == 1 else (-1,)))
            orders += 1
        engine.again(stream, moment)
    sent = [moment.data for moment in moments if moment.kind == native.MOMENT_SENT]
    assert [packet.data for packet in engine.packets()] == sent


def test_without_an_order_there_is_none_to_obey() -> None:
    engine, stream = made(captured=False)
    obeyed = Captured(stream, native.MOMENT_OBEYED, 1, 0, 0, None, b"")
    engine.again(stream, obeyed)  # that it was added
    with pytest.raises(WrongState):
        engine.again(stream, obeyed)


def test_a_stream_that_nobody_captures_has_no_moments() -> None:
    engine, _ = made(captured=False)
    engine.step(100 * MS)
    assert engine.moments() == 0
