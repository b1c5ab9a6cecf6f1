"""`mediasrv bench quality`, with tables that are ready at once: what is asked for, shown, and refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from mediasrv.bench.quality import command
from mediasrv.bench.quality.command import TABLES, bench_quality
from mediasrv.bench.quality.table import Case, Plan, Table


class FakeTable(ModuleType):
    """A module as `mediasrv.bench.quality.plc` is one."""

    def __init__(self, name: str) -> None:
        super().__init__(TABLES[name])
        self.table = name
        self.plans: list[Plan] = []

    def run(self, plan: Plan) -> Table:
        self.plans.append(plan)
        alone = Case("alone", {"ours": {"erle_db": 31.25}})
        beside = Case("beside", {"ours": {"erle_db": 30.0, "seconds": 2.0}, "speexdsp": {"erle_db": 24.0}})
        return Table(self.table, (alone, beside), {"cases_reached": 2, "reached": True})


Fakes = dict[str, FakeTable]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    monkeypatch.setattr(command, "PACKAGES", ())
    made = {name: FakeTable(name) for name in TABLES}
    for fake in made.values():
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    return made


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(bench_quality, arguments)


def test_json_is_one_line_with_every_table(fakes: Fakes) -> None:
    answer = ask("--json", "--seed", "7")
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("\n") == 1
    report = json.loads(answer.output)
    assert list(report) == ["bench", "seed", "brief", "aec", "plc", "jitter", "vad", "keys"]
    assert (report["bench"], report["seed"], report["brief"]) == ("quality", 7, False)
    assert report["plc"]["cases"]["beside"]["speexdsp"] == {"erle_db": 24.0}
    assert report["plc"]["summary"] == {"cases_reached": 2, "reached": True}


def test_only_what_is_asked_for_runs_and_in_the_usual_order(fakes: Fakes) -> None:
    report = json.loads(ask("--json", "--only", "vad", "--only", "aec").output)
    assert list(report)[3:] == ["aec", "vad"]
    assert [name for name, fake in fakes.items() if fake.plans] == ["aec", "vad"]


def test_the_plan_reaches_the_table_and_the_folder_for_pictures_is_made(fakes: Fakes, tmp_path: Path) -> None:
    pictures = tmp_path / "deep" / "pictures"
    answer = ask("--only", "jitter", "--brief", "--seed", "3", "--pictures", str(pictures))
    assert answer.exit_code == 0, answer.output
    assert fakes["jitter"].plans == [Plan(seed=3, brief=True, pictures=pictures)]
    assert pictures.is_dir()


def test_tables_show_every_contender_and_what_was_to_be_reached(fakes: Fakes) -> None:
    answer = ask("--only", "aec")
    words = answer.output.split()
    assert answer.output.count("bench quality: aec") == 2  # alone, and with somebody beside
    assert {"ours", "speexdsp", "erle_db", "31.25", "24", "-", "reached", "yes"} <= set(words)


def test_an_unknown_table_is_a_usage_error(fakes: Fakes) -> None:
    assert ask("--only", "taste").exit_code == 2


def test_a_missing_package_is_one_line_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PACKAGES", ("json", "no_such_package"))
    answer = ask("--json")
    assert answer.exit_code == 1
    assert answer.output.count("\n") == 1
    assert "needs no_such_package" in answer.output
    assert "mediasrv[quality]" in answer.output
