"""`mediasrv serve` as others see it: a process on loopback, its one line, its signals, its status."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop

ASKED_AT_MOST = 900
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@contextmanager
def serving(data_dir: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [sys.executable, "-m", "mediasrv", "serve", "--sip", "127.0.0.1:0", "--agent", "tone"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        there, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        assert there, "no ready line"
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


class Telephone:
    """Just enough of a caller: one socket for SIP, one for sound."""

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self.server = (host, int(port))
        self.sip, self.rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.sip, self.rtp):
            one.bind(("127.0.0.1", 0))
            one.settimeout(PATIENCE_S)

    def request(self, method: str, cseq: int, to_tag: str = "", body: str = "") -> None:
        port = self.sip.getsockname()[1]
        to = "<sip:100@127.0.0.1>" + (f";tag={to_tag}" if to_tag else "")
        lines = [
            f"{method} sip:100@127.0.0.1:{self.server[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{cseq};rport",
            f"From: <sip:anna@127.0.0.1>;tag=a{port}",
            f"To: {to}",
            f"Call-ID: c{port}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:anna@127.0.0.1:{port}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.server)

    def wait_for(self, start: str) -> str:
        while True:
            message = self.sip.recv(65_535).decode()
            if message.startswith(start):
                return message

    def call(self) -> str:
        """Until the call is up; returns our peer's tag."""
        self.request("INVITE", 1, body=SDP.format(port=self.rtp.getsockname()[1]))
        ok = self.wait_for("SIP/2.0 200")
        tag = next(line for line in ok.split("\r\n") if line.startswith("To:")).partition("tag=")[2]
        self.request("ACK", 1, tag)
        return tag

    def close(self) -> None:
        self.sip.close()
        self.rtp.close()


@contextmanager
def telephone(ready: dict[str, str]) -> Iterator[Telephone]:
    one = Telephone(ready["sip"])
    try:
        yield one
    finally:
        one.close()


def stopped(process: subprocess.Popen[str], within_s: float = PATIENCE_S) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=within_s)
    return process.returncode, out, err


def descriptors(process: subprocess.Popen[str]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def test_a_process_without_descriptors_refuses_new_calls_and_serves_again_when_there_are_some(
    tmp_path: Path,
) -> None:
    """The call that goes on keeps its sound; who comes by TCP waits, and is served when there is room again."""
    with (
        serving(tmp_path) as (process, ready),
        telephone(ready) as talking,
        telephone(ready) as refused,
        telephone(ready) as later,
    ):
        talking.call()
        usual = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (descriptors(process), usual[1]))
        refused.request("INVITE", 1, body=SDP.format(port=refused.rtp.getsockname()[1]))
        assert "Retry-After" in refused.wait_for("SIP/2.0 503")
        with socket.create_connection(talking.server) as peer:
            assert len([talking.rtp.recv(1_500) for _ in range(50)]) == 50
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, usual)
            peer.settimeout(PATIENCE_S)
            peer.sendall(b"\r\n\r\n")
            assert peer.recv(2) == b"\r\n"
        assert later.call()
        assert len([talking.rtp.recv(1_500) for _ in range(50)]) == 50


def test_one_json_line_and_a_quiet_end_on_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready):
        assert ready["event"] == "ready"
        assert ready["pid"] == process.pid
        assert int(ready["sip"].rpartition(":")[2]) > 0
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "new_users"
        process.send_signal(signal.SIGTERM)
        status, rest, logs = stopped(process)
    assert (status, rest) == (0, "")
    for line in logs.splitlines():
        assert json.loads(line)["level"] in ("debug", "info", "warning")


def test_sigint_ends_it_as_quietly(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        assert stopped(process)[0] == 0


def test_a_call_is_answered_heard_and_recorded(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready), telephone(ready) as caller:
        tag = caller.call()
        packet = caller.rtp.recv(2_000)
        assert len(packet) == 12 + 160
        caller.request("BYE", 2, tag)
        caller.wait_for("SIP/2.0 200")
        process.send_signal(signal.SIGTERM)
        assert stopped(process)[0] == 0
    (timeline,) = (tmp_path / "calls").glob("*.timeline.jsonl")
    events = [json.loads(line)["event"] for line in timeline.read_text().splitlines()]
    assert events[:3] == ["sip", "sip", "call_began"]
    assert events[-1] == "call_ended"


def test_running_calls_can_be_watched_until_the_server_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready), telephone(ready) as caller:
        caller.call()
        caller.rtp.recv(2_000)
        command = [sys.executable, "-m", "mediasrv", "calls", "--live", "--json", "--data-dir", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
            assert watcher.stdout is not None
            told = json.loads(watcher.stdout.readline())
            process.kill()
            _, complaint = watcher.communicate(timeout=PATIENCE_S)
    (call,) = told["calls"]
    assert (call["caller"], call["called"], call["streams"][0]["codec"]) == ("anna", "100", "PCMU")
    assert call["streams"][0]["packets_sent"] >= 1
    assert watcher.returncode == 1
    assert "gone" in complaint


def test_the_embedded_agent_speaks_first_and_nothing_need_be_set(tmp_path: Path) -> None:
    with serving(tmp_path, "--agent", "scripted") as (_, ready), telephone(ready) as caller:
        caller.call()
        payloads = [caller.rtp.recv(2_000)[12:] for _ in range(100)]
        assert any(len(set(payload)) > 20 for payload in payloads), "two seconds, and not a sound"


def drained(asker: Telephone) -> None:
    """Until the server says that it takes no new calls: a signal is on its way for a while."""
    for number in range(1, ASKED_AT_MOST):
        asker.request("OPTIONS", number)
        if asker.wait_for("SIP/2.0 ").startswith("SIP/2.0 503"):
            return
        time.sleep(0.02)
    raise AssertionError("it takes calls on")


def test_a_running_call_may_finish_after_sigterm_and_new_ones_are_sent_away(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready), telephone(ready) as caller, telephone(ready) as late:
        tag = caller.call()
        process.send_signal(signal.SIGTERM)
        drained(late)
        late.request("INVITE", 999, body=SDP.format(port=late.rtp.getsockname()[1]))
        late.wait_for("SIP/2.0 503")
        assert process.poll() is None
        caller.request("BYE", 2, tag)
        caller.wait_for("SIP/2.0 200")
        assert stopped(process)[0] == 0


def test_a_second_sigterm_ends_running_calls_with_a_reason(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready), telephone(ready) as caller, telephone(ready) as late:
        caller.call()
        process.send_signal(signal.SIGTERM)
        drained(late)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        bye = caller.wait_for("BYE")
        assert "shutting down" in bye
        assert stopped(process)[0] == 0


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "mediasrv", "serve", "--agent", "echo", "--sip", place]
        result = subprocess.run(
            [*command, "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert result.returncode == 2
    assert result.stdout == ""
    assert f"sip.listen = '{place}'" in result.stderr
    assert "in use" in result.stderr
    assert len(result.stderr.splitlines()) == 1
