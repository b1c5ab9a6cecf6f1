"""Users and their file: what is kept of a password, who may read it, and what becomes of a damaged one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import trio

from mediasrv.errors import ConfigError
from mediasrv.ids import SeededTokens
from mediasrv.server.access.user_file import FILE, UserFile
from mediasrv.server.access.users import PASSWORD_LENGTH, User, Users, WrongUser
from mediasrv.sip import Algorithm

REALM = "testrealm@host.com"
# HA1 of Mufasa and "Circle Of Life" in this realm, as RFC 2617 section 3.5 has it.
MUFASA = "939e7578ed9e3c518a452acee763bce9"


def made(name: str = "Mufasa", password: str = "Circle Of Life") -> User:
    return User.made(name, REALM, password)


def test_what_is_kept_of_a_password_is_what_the_rfc_computes_from_it() -> None:
    users = Users(REALM, [made()])
    assert users.ha1("Mufasa", REALM, Algorithm.MD5) == MUFASA
    assert len(users.ha1("Mufasa", REALM, Algorithm.SHA_256) or "") == 64


def test_in_another_realm_nobody_is_known() -> None:
    assert Users(REALM, [made()]).ha1("Mufasa", "elsewhere", Algorithm.MD5) is None


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a:b", "<a>", "a@b", "ä", "-", "x" * 65])
def test_nobody_is_called_what_a_header_could_not_carry(name: str) -> None:
    with pytest.raises(WrongUser):
        made(name)


def test_an_empty_password_is_none() -> None:
    with pytest.raises(WrongUser):
        made(password="")


def test_the_first_start_makes_users_and_tells_their_passwords_once(tmp_path: Path) -> None:
    file = UserFile(tmp_path, REALM)
    new = file.begin(["1000", "1001"], SeededTokens(1))
    assert [each.name for each in new] == ["1000", "1001"]
    assert len({each.password for each in new}) == 2
    assert all(len(each.password) == PASSWORD_LENGTH for each in new)
    assert file.read() == [User.made(each.name, REALM, each.password) for each in new]
    assert file.begin(["1000", "1001"], SeededTokens(2)) == []
    assert new[0].password not in repr(new)


def test_the_file_is_its_owner_s_alone_and_has_no_password_in_it(tmp_path: Path) -> None:
    file = UserFile(tmp_path, REALM)
    file.add(made())
    kept = tmp_path / FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "Circle" not in kept.read_text()
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_users_are_added_changed_and_removed(tmp_path: Path) -> None:
    file = UserFile(tmp_path, REALM)
    file.add(made())
    file.add(User.made("1000", REALM, "one", "office"))
    with pytest.raises(WrongUser, match="already"):
        file.add(made())
    file.change_password("1000", "two")
    assert file.read() == [made(), User.made("1000", REALM, "two", "office")]
    file.remove("Mufasa")
    assert [each.name for each in file.read()] == ["1000"]
    for deed in (lambda: file.remove("Mufasa"), lambda: file.change_password("Mufasa", "x")):
        with pytest.raises(WrongUser, match="no user Mufasa"):
            deed()


def test_a_file_for_another_realm_is_refused_and_says_why(tmp_path: Path) -> None:
    UserFile(tmp_path, "another").add(User.made("1000", "another", "x"))
    with pytest.raises(ConfigError, match=r"sip\.realm.*'another'"):
        UserFile(tmp_path, REALM).read()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"realm": 1}', '{"realm": "x", "users": [{"name": "y"}]}']
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    (tmp_path / FILE).write_text(damage)
    with pytest.raises(ConfigError, match=FILE):
        UserFile(tmp_path, REALM).read()


def test_a_directory_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no directory")
    with pytest.raises(ConfigError, match=FILE):
        UserFile(tmp_path / "data", REALM).add(made())


async def test_a_running_server_follows_the_file_and_survives_its_damage(
    autojump_clock, tmp_path: Path
) -> None:
    file, users = UserFile(tmp_path, REALM), Users(REALM)
    async with trio.open_nursery() as nursery:
        await nursery.start(file.follow, users)
        file.add(made())
        await trio.sleep(2)
        assert "Mufasa" in users
        (tmp_path / FILE).write_text("{")
        await trio.sleep(2)
        assert "Mufasa" in users
        (tmp_path / FILE).write_text(json.dumps({"realm": REALM, "users": []}))
        await trio.sleep(2)
        assert len(users) == 0
        nursery.cancel_scope.cancel()
