import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mediasrv.cli import commands
from mediasrv.sip.auth.digest import Algorithm, ha1


def run(directory: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(commands, ["users", *arguments, "--data-dir", str(directory)], input=typed)


def names(directory: Path) -> list[str]:
    return [user["name"] for user in json.loads(run(directory, "list", "--json").stdout)]


def kept(directory: Path, name: str) -> str:
    table = json.loads((directory / "users.json").read_text())
    found: str = next(user["sha256"] for user in table["users"] if user["name"] == name)
    return found


def test_a_user_is_added_listed_and_removed(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "add", "2000", "--json").stdout)
    assert made["name"] == "2000"
    assert kept(tmp_path, "2000") == ha1(Algorithm.SHA_256, "2000", "mediasrv", made["password"])
    assert stat.S_IMODE((tmp_path / "users.json").stat().st_mode) == 0o600
    assert names(tmp_path) == ["2000"]
    assert run(tmp_path, "remove", "2000").exit_code == 0
    assert names(tmp_path) == []


def test_another_password_is_another_and_is_said_once(tmp_path: Path) -> None:
    first = run(tmp_path, "add", "2000").stdout.split()[1]
    second = run(tmp_path, "password", "2000").stdout.split()[1]
    assert first != second
    assert kept(tmp_path, "2000") == ha1(Algorithm.SHA_256, "2000", "mediasrv", second)


def test_a_password_that_is_typed_in_is_not_repeated(tmp_path: Path) -> None:
    said = run(tmp_path, "add", "2000", "--password-stdin", typed="open sesame\n")
    assert (said.exit_code, said.stdout) == (0, "")
    assert kept(tmp_path, "2000") == ha1(Algorithm.SHA_256, "2000", "mediasrv", "open sesame")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["add", "1000"], 1, "already"),
        (["add", "a b"], 1, "no name"),
        (["add", "2000", "--trunk", "nowhere"], 2, "--trunk = 'nowhere'"),
        (["remove", "2000"], 1, "there is no user 2000"),
        (["password", "2000"], 1, "there is no user 2000"),
        (["add", "2000", "--password-stdin"], 1, "empty password"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], status: int, expected: str
) -> None:
    run(tmp_path, "add", "1000")
    result = run(tmp_path, *arguments, typed="\n")
    assert result.exit_code == status
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert names(tmp_path) == ["1000"]
