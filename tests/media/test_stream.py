"""What a stream promises to the rooms above, in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
import trio.testing

from mediasrv.bench.speech import labelled
from mediasrv.errors import LocalError, StreamClosed
from mediasrv.media import (
    Arming,
    DtmfSent,
    Finished,
    Generation,
    Held,
    MarkReached,
    Offset,
    Onset,
    Released,
    ReleaseReason,
    StreamSpec,
)
from tests.media.conftest import CALLER, MS, Bench
from tests.media.sound import PCMU_SILENCE, is_silent, rtp, silent_packet, tone

ARMING = Arming()


async def test_what_is_played_is_sent_once_20_ms_a_packet(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    assert await stream.play(tone(100), 8_000, generation, ARMING) == 800
    await bench.run(200)
    sent = bench.engine.packets()
    assert [packet.to for packet in sent] == [CALLER] * len(sent)
    assert sum(not is_silent(packet.data) for packet in sent) == 5
    assert {b.at_ns - a.at_ns for a, b in pairwise(sent)} == {20 * MS}


async def test_any_rate_is_played_at_the_streams_own_to_its_last_sample(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    for _ in range(10):
        await stream.play(tone(20, 24_000), 24_000, generation, ARMING)
    await stream.finish(generation)
    await bench.run(400)
    while not isinstance(event := await stream.next_event(), Finished):
        pass
    assert event.at.source == pytest.approx(1_600, abs=24)
    assert event.at.source >= 1_600


async def test_play_waits_for_room_and_goes_on_when_there_is_some(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    played = 0

    async def speak() -> None:
        nonlocal played
        played = await stream.play(tone(3_000), 8_000, generation, ARMING)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        await bench.run(400)
        assert played == 0
        await bench.run(1_200)
    assert played == 24_000


async def test_flush_returns_only_after_the_engine_has_acknowledged(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(1_000), 8_000, generation, ARMING)
    await bench.run(100)
    flushed = False

    async def flush() -> None:
        nonlocal flushed
        at = await stream.flush(generation)
        assert 0 < at.source < 8_000
        flushed = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flush)
        await trio.testing.wait_all_tasks_blocked()
        assert not flushed
        await bench.run(40)
        assert flushed
    bench.engine.packets()
    await bench.run(200)
    assert all(is_silent(packet.data) for packet in bench.engine.packets())


async def test_a_flush_that_is_cancelled_is_a_flush_all_the_same(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(1_000), 8_000, generation, ARMING)
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.flush(generation)
    await bench.run(40)
    bench.engine.packets()
    await bench.run(200)
    assert all(is_silent(packet.data) for packet in bench.engine.packets())
    assert (await flushed_by_running(bench, stream, stream.begin())).source == 0


async def flushed_by_running(bench: Bench, stream, generation: Generation):  # type: ignore[no-untyped-def]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.run, 60)
        return await stream.flush(generation)


async def test_audio_of_a_flushed_generation_is_thrown_away_in_silence(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await flushed_by_running(bench, stream, generation)
    assert await stream.play(tone(100), 8_000, generation, ARMING) == 0
    await stream.finish(generation)
    await bench.run(200)
    assert all(is_silent(packet.data) for packet in bench.engine.packets())


async def test_a_play_that_waits_ends_when_its_generation_is_flushed(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.play, tone(5_000), 8_000, generation, ARMING)
        await bench.run(20)
        nursery.start_soon(stream.flush, generation)
        await bench.run(60)
    assert bench.now_ns < 200 * MS


async def test_a_cancelled_play_has_played_what_was_taken_and_the_next_goes_on_behind_it(
    bench: Bench,
) -> None:
    stream = await bench.add()
    generation = stream.begin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.play, tone(3_000), 8_000, generation, ARMING)
        await bench.run(20)
        nursery.cancel_scope.cancel()
    taken = await stream.play(b"", 8_000, generation, ARMING)
    assert 16_000 <= taken < 24_000
    await bench.run(2_200)
    assert await stream.play(tone(20), 8_000, generation, ARMING) == taken + 160
    await stream.finish(generation)
    await bench.run(60)
    assert stream.position().source == taken + 160


async def test_a_later_generation_overtakes_an_earlier_one(bench: Bench) -> None:
    stream = await bench.add()
    first, second = stream.begin(), stream.begin()
    await stream.play(tone(20), 8_000, second, ARMING)
    assert await stream.play(tone(20), 8_000, first, ARMING) == 0


async def test_a_finished_generation_takes_no_more(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(20), 8_000, generation, ARMING)
    await stream.finish(generation)
    await stream.finish(generation)
    with pytest.raises(LocalError):
        await stream.play(tone(20), 8_000, generation, ARMING)


async def test_a_hold_silences_until_it_is_released_and_then_the_voice_goes_on(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(1_000), 8_000, generation, ARMING)
    await bench.run(100)
    hold = stream.hold(500)
    await bench.run(40)
    bench.engine.packets()
    where = stream.position()
    assert where.hold == hold
    await bench.run(200)
    assert all(is_silent(packet.data) for packet in bench.engine.packets())
    stream.release(hold)
    await bench.run(100)
    assert stream.position().source > where.source
    assert stream.position().hold is None
    held, released = await stream.next_event(), await stream.next_event()
    while not isinstance(held, Held):
        held, released = released, await stream.next_event()
    assert isinstance(released, Released)
    assert released.reason is ReleaseReason.COMMAND


async def test_a_lease_runs_out_by_itself(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(1_000), 8_000, generation, ARMING)
    await bench.run(100)
    stream.hold(100)
    await bench.run(60)
    assert stream.position().hold is not None
    await bench.run(80)
    assert stream.position().hold is None


async def test_marks_come_with_their_names_in_their_order(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(200), 8_000, generation, ARMING)
    stream.mark(generation, 320, "one")
    stream.mark(generation, 960, "two")
    await stream.finish(generation)
    await bench.run(300)
    names = []
    while not isinstance(event := await stream.next_event(), Finished):
        if isinstance(event, MarkReached):
            names.append(event.name)
    assert names == ["one", "two"]


async def test_a_reply_may_be_marked_at_every_word(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    await stream.play(tone(2_000), 8_000, generation, ARMING)
    for word in reversed(range(100)):
        stream.mark(generation, 160 * word, str(word))
    await stream.finish(generation)
    told = []

    async def note_words() -> None:
        while not isinstance(event := await stream.next_event(), Finished):
            if isinstance(event, MarkReached):
                told.append(int(event.name))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(note_words)
        await bench.run(2_100)
    assert sorted(told) == list(range(100))
    assert bench.engine.statistics().commands_refused == 0


async def test_marks_of_a_flushed_generation_are_never_told(bench: Bench) -> None:
    stream = await bench.add()
    first = stream.begin()
    await stream.play(tone(2_000), 8_000, first, ARMING)
    for word in range(60):
        stream.mark(first, 8_000 + word, "never")
    await flushed_by_running(bench, stream, first)
    stream.mark(first, 1, "too late")
    second = stream.begin()
    await stream.play(tone(40), 8_000, second, ARMING)
    stream.mark(second, 320, "second")
    await stream.finish(second)
    await bench.run(200)
    names = []
    while not isinstance(event := await stream.next_event(), Finished):
        if isinstance(event, MarkReached):
            names.append(event.name)
    assert names == ["second"]


async def test_heard_audio_comes_when_enough_of_it_is_there(bench: Bench) -> None:
    stream = await bench.add()
    for k in range(5):
        bench.engine.push(stream, silent_packet(k), CALLER, k * 20 * MS)
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.run, 120)
            chunk = await stream.read(60)
            assert 40 * MS <= bench.now_ns <= 60 * MS  # three packets: at 0, 20 and 40
    assert len(chunk.pcm) == 2 * sum(span.samples for span in chunk.spans)
    assert len(chunk.pcm) >= 2 * 960


async def test_who_waits_for_much_gets_at_once_what_is_there_when_speech_begins_and_ends(
    bench: Bench,
) -> None:
    stream = await bench.add(StreamSpec(remote=CALLER, aec=False, ns=False))
    quiet = bytes([PCMU_SILENCE]) * 4_000
    spoken = quiet[:2_400] + labelled("all right then").payload + quiet
    for k in range(len(spoken) // 160):
        packet = rtp(k, 160 * k, spoken[160 * k : 160 * (k + 1)])
        bench.engine.push(stream, packet, CALLER, k * 20 * MS)
    read_at_ms, turned_at_ms = [], []

    async def read() -> None:
        while True:
            await stream.read(1_000)
            read_at_ms.append(bench.now_ns // MS)

    async def hear() -> None:
        while True:
            if isinstance(await stream.next_event(), Onset | Offset):
                turned_at_ms.append(bench.now_ns // MS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        nursery.start_soon(hear)
        await bench.run(len(spoken) // 8)
        nursery.cancel_scope.cancel()
    assert len(turned_at_ms) == 2
    for turned_ms, first_read_ms in zip(turned_at_ms, read_at_ms, strict=True):
        assert abs(first_read_ms - turned_ms) <= 2  # one slot: which of the two runs first is not settled


async def test_a_cancelled_read_loses_nothing(bench: Bench) -> None:
    stream = await bench.add()
    bench.engine.push(stream, silent_packet(0), CALLER, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.read, 100)
        await bench.run(40)
        nursery.cancel_scope.cancel()
    chunk = await stream.read(20)
    assert len(chunk.pcm) == 640


async def test_two_readers_at_once_are_one_too_many(bench: Bench) -> None:
    stream = await bench.add()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.read, 20)
        nursery.start_soon(stream.next_event)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.read(20)
        await bench.run(20)
        nursery.cancel_scope.cancel()


async def test_packets_from_a_stranger_are_counted_and_change_nothing(bench: Bench) -> None:
    stream = await bench.add()
    bench.engine.push(stream, silent_packet(0), CALLER, 0)
    bench.engine.push(stream, silent_packet(1), ("203.0.113.9", 9), 0)
    bench.engine.push(stream, b"\x80", CALLER, 0)
    bench.engine.push(stream, b"", CALLER, 0)
    await bench.run(60)
    counted = stream.statistics()
    assert (counted.foreign, counted.malformed) == (1, 2)
    assert counted.packets_received >= 1


async def test_a_new_remote_gets_the_packets_from_then_on(bench: Bench) -> None:
    stream = await bench.add()
    await stream.play(tone(200), 8_000, stream.begin(), ARMING)
    await bench.run(40)
    bench.engine.packets()
    stream.set_remote(("198.51.100.1", 77))
    await bench.run(60)
    assert {packet.to for packet in bench.engine.packets()} == {("198.51.100.1", 77)}


async def test_a_stream_that_may_not_send_is_quiet_on_the_wire(bench: Bench) -> None:
    stream = await bench.add()
    await stream.play(tone(400), 8_000, stream.begin(), ARMING)
    stream.set_direction(sending=False, hearing=True)
    await bench.run(100)
    assert bench.engine.packets() == []


async def test_silence_is_described_from_then_on(bench: Bench) -> None:
    stream = await bench.add()
    await bench.run(100)
    bench.engine.packets()
    stream.set_comfort_noise(13)
    await bench.run(100)
    assert [packet.data[1] for packet in bench.engine.packets()] == [13]


@pytest.mark.parametrize("remote", [("not an address", 5), ("192.0.2.1", 70_000), ("192.0.2.1", -1)])
async def test_a_remote_that_is_none_is_refused(bench: Bench, remote: tuple[str, int]) -> None:
    stream = await bench.add()
    with pytest.raises(ValueError):
        stream.set_remote(remote)


async def test_arguments_out_of_range_are_refused_by_name(bench: Bench) -> None:
    stream = await bench.add()
    generation = stream.begin()
    with pytest.raises(ValueError, match="even number of bytes"):
        await stream.play(b"odd", 8_000, generation, ARMING)
    with pytest.raises(ValueError, match="never begun"):
        await stream.play(b"", 8_000, Generation(9), ARMING)
    with pytest.raises(ValueError, match="never begun"):
        await stream.flush(Generation(9))
    with pytest.raises(ValueError, match="lease"):
        stream.hold(0)
    with pytest.raises(ValueError, match="lease"):
        await stream.play(b"", 8_000, generation, Arming(lease_ms=100_000))
    with pytest.raises(ValueError, match="beginning"):
        stream.mark(generation, -1, "before")
    with pytest.raises(ValueError, match="beginning"):
        stream.release(stream.hold(10), -5)
    with pytest.raises(ValueError, match="asked for"):
        await stream.read(5_000)
    with pytest.raises(ValueError):
        await stream.play(bytes(200), 11_111, generation, ARMING)


async def test_after_aclose_every_method_says_so_and_whoever_waited_is_told(bench: Bench) -> None:
    stream = await bench.add()
    older, generation = stream.begin(), stream.begin()
    told = []

    async def expect_closed(what, *args) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(StreamClosed):
            await what(*args)
        told.append(what.__name__)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_closed, stream.read, 20)
        nursery.start_soon(expect_closed, stream.next_event)
        nursery.start_soon(expect_closed, stream.play, tone(5_000), 8_000, generation, ARMING)
        nursery.start_soon(expect_closed, stream.flush, older)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(stream.aclose)
        await trio.testing.wait_all_tasks_blocked()
        await bench.run(40)
    assert sorted(told) == ["flush", "next_event", "play", "read"]
    await stream.aclose()
    for call in (stream.begin, stream.position, stream.statistics):
        with pytest.raises(StreamClosed):
            call()
    assert bench.engine.streams() == ()


async def test_rtp_of_an_unknown_type_is_counted(bench: Bench) -> None:
    stream = await bench.add(StreamSpec(aec=False, ns=False, vad=False))
    bench.engine.push(stream, rtp(1, 160, bytes(160), payload_type=96), CALLER, 0)
    await bench.run(20)
    assert stream.statistics().unknown_type == 1


async def test_keys_are_pressed_one_after_the_other_and_told_of(bench: Bench) -> None:
    stream = await bench.add()
    stream.send_dtmf("1#")
    await bench.run(600)
    pressed: list[str] = []
    while len(pressed) < 2:
        event = await stream.next_event()
        if isinstance(event, DtmfSent):
            pressed.append(event.digit)
    assert pressed == ["1", "#"]
    for wrong in ("", "x", "1" * 33):
        with pytest.raises(ValueError, match="up to 32"):
            stream.send_dtmf(wrong)
    with pytest.raises(ValueError, match="40-10000"):
        stream.send_dtmf("1", duration_ms=20)
