"""`mediasrv trunks`, with what a server has told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mediasrv.cli.shown.trunks import trunks
from mediasrv.config import load
from mediasrv.server.control.standings import standings

STATISTICS = {
    "registrations": {"a": "registered"},
    "hosts": [
        {"trunk": "a", "host": "192.0.2.1:5060", "alive": True, "since_s": 61.2},
        {"trunk": "a", "host": "192.0.2.2:5060", "alive": False, "since_s": 4.0},
    ],
}
TRUNKS = {
    "a": {"profile": "vonage", "hosts": ["192.0.2.1", "192.0.2.2"]},
    "b": {"hosts": ["carrier.example"]},
}


@pytest.fixture(autouse=True)
def a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(environment={"MEDIASRV_TRUNKS": json.dumps(TRUNKS)})

    def ask(data_dir: Path, request: dict[str, object]) -> Iterator[dict[str, Any]]:
        assert request == {"do": "trunks"}
        yield {"trunks": standings(settings, STATISTICS), "done": True}

    monkeypatch.setattr("mediasrv.cli.shown.trunks.ask", ask)


def test_each_host_has_its_line_and_a_trunk_that_is_not_asked_has_one() -> None:
    lines = [line.split() for line in CliRunner().invoke(trunks, []).output.splitlines()[1:]]
    assert ["a", "vonage", "registered", "192.0.2.1:5060", "up", "61", "s"] in lines
    assert ["a", "vonage", "registered", "192.0.2.2:5060", "down", "4", "s"] in lines
    assert ["b", "generic", "-", "carrier.example", "not", "asked", "-"] in lines


def test_programs_are_told_the_same_as_json() -> None:
    told = json.loads(CliRunner().invoke(trunks, ["--json"]).output)
    named = {each["trunk"]: each for each in told}
    assert [host["alive"] for host in named["a"]["hosts"]] == [True, False]
    assert named["a"]["published"].startswith("https://")
    assert named["b"]["hosts"] == []
