"""What a person at the terminal is told when the server takes calls."""

from __future__ import annotations

from mediasrv.cli.welcome import welcome
from mediasrv.config import load
from mediasrv.server import Ready
from mediasrv.server.access.users import NewUser


def ready(*users: NewUser) -> Ready:
    return Ready(("127.0.0.1", 5060), "127.0.0.1", "20000-29999", 1, users)


def test_every_number_is_named_with_who_answers_it() -> None:
    text = welcome(ready(), load(None, {}, {}))
    assert "takes calls at 127.0.0.1:5060" in text
    rows = [line.split()[:2] for line in text.splitlines() if line.startswith("  ")]
    assert rows[:4] == [["100", "echo"], ["200", "menu"], ["300", "scripted"], ["400", "demo"]]
    assert "password" not in text


def test_new_passwords_are_told() -> None:
    lines = welcome(ready(NewUser("1000", "abcdefgh")), load(None, {}, {})).splitlines()
    assert "  1000  abcdefgh" in lines


def test_where_one_agent_answers_everything_no_other_is_named() -> None:
    settings = load(None, {}, {"agents.numbers": ("--agent", "{}"), "agents.default": ("--agent", "tone")})
    text = welcome(ready(), settings)
    assert "any number  tone" in text
    assert "echo" not in text
