import io
import json
import logging
import queue
import subprocess
import sys

from mediasrv.telemetry import concerning, logging_to
from mediasrv.telemetry.logs import BoundedQueueHandler


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_and_says_whose_it_is() -> None:
    stream = io.StringIO()
    with logging_to(stream), concerning(call="c1", tenant="t1"):
        with concerning(turn="u1"):
            logging.getLogger("mediasrv.call").info("cut off", extra={"heard_ms": 320})
        logging.getLogger("mediasrv.call").info("again")
    first, second = lines_of(stream)
    assert {
        "level": "info",
        "room": "call",
        "event": "cut off",
        "call": "c1",
        "tenant": "t1",
    }.items() <= first.items()
    assert (first["turn"], first["heard_ms"]) == ("u1", 320)
    assert "turn" not in second


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    with logging_to(stream, "warning"):
        logging.getLogger("mediasrv").info("quiet")
        logging.getLogger("mediasrv").warning("loud")
    assert [line["event"] for line in lines_of(stream)] == ["loud"]


def test_an_exception_comes_with_its_traceback_on_the_same_line() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        try:
            raise ValueError("wrong")
        except ValueError:
            logging.getLogger("mediasrv").exception("failed")
    (line,) = lines_of(stream)
    assert "ValueError: wrong" in str(line["error"])


def test_a_field_that_json_does_not_know_is_written_as_text() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        logging.getLogger("mediasrv").info("odd", extra={"thing": object})
    assert lines_of(stream)[0]["thing"] == "<class 'object'>"


def test_a_reader_that_sleeps_costs_lines_and_never_waits() -> None:
    handler = BoundedQueueHandler(queue.Queue(2))
    for _ in range(5):
        handler.handle(logging.makeLogRecord({"msg": "x"}))
    assert handler.dropped == 3


def test_lines_that_were_dropped_are_told_at_the_end() -> None:
    stream = io.StringIO()
    with logging_to(stream) as handler:
        handler.dropped = 7
    (line,) = lines_of(stream)
    assert (line["event"], line["lines"]) == ("lines dropped", 7)


FLOOD = """
import logging
from mediasrv.telemetry import logging_to
with logging_to():
    for _ in range(20_000):
        logging.getLogger("mediasrv").info("x" * 100)
print("ended", flush=True)
"""


def test_a_stderr_that_nobody_reads_does_not_keep_the_process_from_ending() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.wait(timeout=10) == 0
            assert process.stdout is not None
            assert process.stdout.read() == b"ended\n"
        finally:
            process.kill()


def test_a_stderr_that_was_closed_costs_the_lines_and_nothing_else() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        process.stderr.close()
        process.stderr = None
        try:
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()


def test_on_a_terminal_a_line_is_read_without_a_parser() -> None:
    stream = io.StringIO()
    with logging_to(stream, plain=True), concerning(call="c1"):
        logging.getLogger("mediasrv.call").info("cut off", extra={"heard_ms": 320})
        logging.getLogger("mediasrv.call").warning("nobody there")
    info, warning = (line.partition("  ")[2] for line in stream.getvalue().splitlines())
    assert info == "cut off  call=c1  heard_ms=320"
    assert warning == "warning: nobody there  call=c1"
