import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import mediasrv
from mediasrv.cli import commands
from mediasrv.cli.checks import Finding, network, rtp_ports, speech
from mediasrv.cli.shown.live import table
from mediasrv.config import load
from mediasrv.ids import CallId
from mediasrv.media import StreamStatistics
from mediasrv.telemetry import Counters, FileSink


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(commands, arguments, env=environment)


def test_every_command_explains_itself_and_takes_json() -> None:
    for arguments in (["serve"], ["doctor"], ["version"], ["calls", "show"]):
        shown = run(*arguments, "--help")
        assert shown.exit_code == 0
        assert "--json" in shown.stdout


def test_a_list_of_commands_says_whole_sentences() -> None:
    for group in ([], ["agents"], ["bench"], ["calls"], ["users"]):
        listed = run(*group, "--help").stdout.partition("Commands:")[2]
        assert listed
        assert "..." not in listed, group


def test_version_says_it_for_people_and_for_programs() -> None:
    assert mediasrv.__version__ in run("version").stdout
    assert json.loads(run("version", "--json").stdout)["mediasrv"] == mediasrv.__version__


def test_an_unknown_command_is_a_usage_error_on_stderr() -> None:
    result = run("server")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "server" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sip", "nowhere"], "--sip: sip.listen = 'nowhere': write"),
        (["--rtp-ports", "1-2"], "--rtp-ports: media.rtp_ports = '1-2': the ports must rise"),
        (["--agent", "nobody"], "agents.default = 'nobody'"),
        (["--config", "none.toml"], "--config = 'none.toml': cannot be read"),
    ],
)
def test_serve_refuses_what_is_wrong_in_one_line_with_status_2(arguments: list[str], expected: str) -> None:
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {expected}")
    assert len(result.stderr.splitlines()) == 1


def test_serve_names_the_variable_that_is_wrong() -> None:
    result = run("serve", MEDIASRV_CALLS__UNBROKEN_MS="soon")
    assert result.exit_code == 2
    assert "environment MEDIASRV_CALLS__UNBROKEN_MS: calls.unbroken_ms = 'soon'" in result.stderr


def test_doctor_finds_this_machine_fit_and_says_of_what_it_is_made() -> None:
    result = run("doctor", "--json", MEDIASRV_SIP__LISTEN="127.0.0.1:0")
    told = json.loads(result.stdout)
    checks = {finding["check"] for finding in told["findings"]}
    assert {"native modules", "scheduling", "clock", "rtp ports", "network", "espeakng_loader"} <= checks
    assert told["fit"] is (result.exit_code == 0)
    assert all(finding["advice"] for finding in told["findings"] if finding["status"] == "bad")
    assert "native modules" in run("doctor").stdout


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("raise ValueError('size changed')", "size changed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGBUS)", "SIGBUS"),
    ],
)
def test_doctor_says_what_to_do_when_the_native_modules_are_missing_or_broken(
    module: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "mediasrv_native").mkdir()
    (tmp_path / "mediasrv_native" / "__init__.py").write_text(module)
    path = os.pathsep.join([str(tmp_path), str(Path(mediasrv.__file__).parents[1])])
    result = subprocess.run(
        [sys.executable, "-m", "mediasrv", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    found = {finding["check"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert expected in found["native modules"]["found"]
    assert "make build" in found["native modules"]["advice"]
    assert found["scheduling"]["status"] == "bad"


def test_doctor_warns_of_an_address_that_peers_cannot_reach() -> None:
    def told(**environment: str) -> Finding:
        return network(
            load(environment={f"MEDIASRV_SIP__{key}": value for key, value in environment.items()})
        )

    assert told(LISTEN="127.0.0.1:5060").status == "ok"
    assert "0.0.0.0" not in told(LISTEN="0.0.0.0:5060").found.partition("tells")[2]
    assert told(LISTEN="0.0.0.0:5060", STUN_SERVER="stun.example").status == "ok"
    assert told(LISTEN="0.0.0.0:5060", ADVERTISED="10.0.0.5").status == "warning"
    assert told(LISTEN="0.0.0.0:5060", ADVERTISED="8.8.4.4").status == "ok"


def test_doctor_says_what_confirms_speech() -> None:
    def told(weights: str) -> Finding:
        return speech(load(environment={"MEDIASRV_MEDIA__VAD_WEIGHTS": weights}))

    assert told("").status == "ok"
    assert "Silero" in told("").found
    assert "gate alone" in told("off").found
    assert told("/nowhere").status == "bad"


def test_doctor_counts_ports_against_capacity() -> None:
    settings = load(
        environment={"MEDIASRV_MEDIA__RTP_PORTS": "31000-31009", "MEDIASRV_MEDIA__CAPACITY": "100"}
    )
    finding = rtp_ports(settings)
    assert "room for 5 streams" in finding.found
    assert finding.status != "ok"


def recorded(data_dir: Path) -> None:
    sink = FileSink(data_dir, Counters())
    sink.directory.mkdir(parents=True)
    call = CallId("abc")
    lines = {
        ("abc", "timeline"): [
            {"ms": 0, "event": "call_began", "call": call},
            {"ms": 12.5, "event": "hold", "rule": "x"},
        ],
        ("abc", "call"): [{"ending": "caller_hung_up"}],
    }
    for (_, kind), entries in lines.items():
        suffix = "timeline.jsonl" if kind == "timeline" else "call.jsonl"
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        (sink.directory / f"abc.{suffix}").write_text(text + '{"ms": 13, "eve')


def test_a_timeline_is_shown_as_a_table_or_as_json(tmp_path: Path) -> None:
    recorded(tmp_path)
    table = run("calls", "show", "abc", "--data-dir", str(tmp_path))
    assert table.exit_code == 0
    assert "hold" in table.stdout
    assert "rule=x" in table.stdout
    told = json.loads(run("calls", "show", "abc", "--data-dir", str(tmp_path), "--json").stdout)
    assert [entry["event"] for entry in told["timeline"]] == ["call_began", "hold"]
    assert told["record"] == {"ending": "caller_hung_up"}


def test_calls_are_listed_by_when_they_began_and_the_last_are_kept(tmp_path: Path) -> None:
    directory = tmp_path / "calls"
    directory.mkdir()
    for name, began in (("late", "2026-01-02T00:00:00"), ("early", "2026-01-01T00:00:00"), ("half", "")):
        record = json.dumps({"id": name, "began": began, "ending": "agent_hung_up"})
        (directory / f"{name}.call.jsonl").write_text(record if began else record[:9])
    listed = run("calls", "list", "--data-dir", str(tmp_path), "--json")
    assert [record["id"] for record in json.loads(listed.stdout)] == ["early", "late"]
    table = run("calls", "list", "--data-dir", str(tmp_path), "--last", "1").stdout
    assert "late" in table
    assert "early" not in table


def test_no_calls_are_an_empty_list(tmp_path: Path) -> None:
    assert json.loads(run("calls", "list", "--data-dir", str(tmp_path), "--json").stdout) == []


def test_a_call_that_is_not_there_is_named(tmp_path: Path) -> None:
    for call_id in ("none", "../none"):
        result = run("calls", "show", call_id, "--data-dir", str(tmp_path))
        assert result.exit_code == 2
        assert "there is no" in result.stderr


def test_watching_a_server_that_is_not_there_is_one_line_and_status_1(tmp_path: Path) -> None:
    result = run("calls", "--live", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"no server is running on {tmp_path}" in result.stderr


def test_calls_alone_explains_itself() -> None:
    assert "--live" in run("calls").stdout


def test_the_live_table_has_a_line_for_each_stream_and_a_dash_for_what_is_not_known() -> None:
    stream = {**StreamStatistics(jitter_us=12_300, starved=2, erle_db=31.0).as_dict(), "codec": "opus"}
    call = {"id": "c1", "caller": "anna", "called": "100", "seconds": 61.5}
    streams = [{**stream, "held": True, "loss": 0.021}, {**stream, "held": False, "loss": 0.0}]
    screen = Console(width=200, record=True, file=io.StringIO())
    screen.print(table({"calls": [{**call, "streams": streams}]}))
    _, held, free = screen.export_text().splitlines()
    assert held.split() == [
        "c1", "anna", "100", "62", "opus", "12.3", "2.1", "-", "-", "31", "0", "0", "2", "held",
    ]  # fmt: skip
    assert "held" not in free
