import json
import stat
import threading
from pathlib import Path

import pytest
import trio
import trio.testing

from mediasrv.ids import CallId
from mediasrv.telemetry import Counters, FileSink, Timeline
from tests.fakes.clock import TrioClock

CALL = CallId("c1")


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def written(sink: FileSink) -> None:
    """Runs the sink and cancels it: what was queued must be on disk then."""
    sink.directory.mkdir()
    async with trio.open_nursery() as nursery:
        await nursery.start(sink.run)
        nursery.cancel_scope.cancel()


async def test_each_kind_of_record_has_its_file(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, Counters(), gather_s=0)
    timeline = Timeline(sink, TrioClock(), CALL, "default")
    timeline.note("answered")
    timeline.record("turn", {"turn": "t1"})
    timeline.record("call", {"ending": "caller_hung_up"})
    await written(sink)
    assert lines(tmp_path / "calls" / "c1.timeline.jsonl")[0]["event"] == "answered"
    assert lines(tmp_path / "calls" / "c1.turns.jsonl")[0]["turn"] == "t1"
    assert lines(tmp_path / "calls" / "c1.call.jsonl")[0]["ending"] == "caller_hung_up"


async def test_what_a_caller_said_is_for_the_owner_of_the_server_alone(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, Counters(), gather_s=0)
    timeline = Timeline(sink, TrioClock(), CALL, "default")
    timeline.note("words", text="my number is 1 2 3")
    timeline.record("turn", {"turn": "t1"})
    timeline.record("call", {"ending": "caller_hung_up"})
    await written(sink)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "calls").iterdir()}
    assert modes == dict.fromkeys(("c1.timeline.jsonl", "c1.turns.jsonl", "c1.call.jsonl"), 0o600)


async def test_order_is_kept_within_a_call(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, Counters(), gather_s=0)
    sink.directory.mkdir()
    async with trio.open_nursery() as nursery:
        await nursery.start(sink.run)
        for n in range(100):
            sink.write(CALL, "timeline", {"n": n})
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert [line["n"] for line in lines(tmp_path / "calls" / "c1.timeline.jsonl")] == list(range(100))


async def test_full_drops_counts_and_leaves_a_line_that_says_so(tmp_path: Path) -> None:
    counters = Counters()
    sink = FileSink(tmp_path, counters, queued_max=2, gather_s=0)
    for n in range(5):
        sink.write(CALL, "timeline", {"n": n})
    assert counters.of("records_dropped", "full") == 3
    sink.directory.mkdir()
    async with trio.open_nursery() as nursery:
        await nursery.start(sink.run)
        await trio.testing.wait_all_tasks_blocked()
        sink.write(CALL, "timeline", {"n": 5})
        nursery.cancel_scope.cancel()
    kept = lines(tmp_path / "calls" / "c1.timeline.jsonl")
    assert kept == [{"n": 0}, {"n": 1}, {"event": "records_dropped", "call": "c1", "records": 3}, {"n": 5}]


async def test_a_record_that_is_not_json_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    counters = Counters()
    sink = FileSink(tmp_path, counters, gather_s=0)
    sink.write(CALL, "timeline", {"thing": object()})
    sink.write(CALL, "timeline", {"n": 1})
    await written(sink)
    assert counters.of("records_dropped", "not_json") == 1
    assert lines(tmp_path / "calls" / "c1.timeline.jsonl") == [{"n": 1}]


async def test_a_disk_that_fails_is_counted_and_the_next_record_is_tried_again(tmp_path: Path) -> None:
    counters = Counters()
    sink = FileSink(tmp_path, counters, gather_s=0)
    sink.directory.mkdir()
    async with trio.open_nursery() as nursery:
        await nursery.start(sink.run)
        blocker = tmp_path / "calls" / "c1.timeline.jsonl"
        blocker.mkdir()
        sink.write(CALL, "timeline", {"n": 1})
        while not counters.of("records_dropped", "disk"):
            await trio.lowlevel.checkpoint()
        blocker.rmdir()
        sink.write(CALL, "timeline", {"n": 2})
        nursery.cancel_scope.cancel()
    assert lines(tmp_path / "calls" / "c1.timeline.jsonl") == [{"n": 2}]


async def test_one_file_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    counters = Counters()
    sink = FileSink(tmp_path, counters, gather_s=0)
    (tmp_path / "calls" / "bad.timeline.jsonl").mkdir(parents=True)
    for call in ("bad", "good"):
        sink.write(CallId(call), "timeline", {"n": 1})
    async with trio.open_nursery() as nursery:
        await nursery.start(sink.run)
        nursery.cancel_scope.cancel()
    assert lines(tmp_path / "calls" / "good.timeline.jsonl") == [{"n": 1}]
    assert counters.of("records_dropped", "disk") == 1


async def test_a_disk_that_hangs_does_not_keep_the_server_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters, awake = Counters(), threading.Event()
    monkeypatch.setattr("mediasrv.telemetry.files.FAREWELL_S", 0.05)
    sink = FileSink(tmp_path, counters, gather_s=0)
    monkeypatch.setattr(sink, "_append_now", lambda by_file: awake.wait() and {})
    try:
        with trio.fail_after(2):
            async with trio.open_nursery() as nursery:
                await nursery.start(sink.run)
                sink.write(CALL, "timeline", {"n": 1})
                await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
        assert counters.of("records_dropped", "disk") == 1
    finally:
        awake.set()


def test_holes_are_remembered_for_so_many_calls_only(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, Counters(), queued_max=2)
    for n in range(100):
        sink.write(CallId(f"c{n}"), "timeline", {"n": n})
    assert len(sink._missing) == 2


async def test_no_call_id_leaves_the_directory(tmp_path: Path) -> None:
    sink = FileSink(tmp_path, Counters(), gather_s=0)
    sink.write(CallId("../../etc/passwd"), "timeline", {"n": 1})
    await written(sink)
    assert [file.name for file in (tmp_path / "calls").iterdir()] == ["______etc_passwd.timeline.jsonl"]
