from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv.conversation.agents import Library, read_declaration
from mediasrv.conversation.agents.declaration import LONGEST_KNOWLEDGE_CHARACTERS
from mediasrv.conversation.cleaning import Cleaning
from mediasrv.conversation.pipeline import LEVELS
from mediasrv.errors import ConfigError

TOOL = '[[tool]]\nname = "book"\nurl = "https://desk.example/tables"\n'


def written(directory: Path, text: str, name: str = "desk") -> Path:
    file = directory / f"{name}.toml"
    file.write_text(text)
    return file


def test_a_prompt_is_all_that_an_agent_needs(tmp_path: Path) -> None:
    agent = read_declaration(written(tmp_path, 'prompt = "Be kind."'))
    assert (agent.name, agent.system, agent.optimisation) == ("desk", "Be kind.", LEVELS["balanced"])
    assert agent.tidiness is Cleaning.FULL
    assert agent.providers.model == ("model",)


def test_what_an_agent_knows_stands_in_its_prompt(tmp_path: Path) -> None:
    (tmp_path / "prices.md").write_text("A room costs 80 euros.\n")
    agent = read_declaration(written(tmp_path, 'prompt = "Be kind."\nknowledge = ["prices.md"]'))
    assert agent.system == "Be kind.\n\nWhat you know:\n\nA room costs 80 euros."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "prompt"),
        ('prompt = ""', "prompt"),
        ('prompt = "x"\nmood = "good"', "mood"),
        ('prompt = "x"\nlevel = "fastest"', "must be one of quality"),
        ('prompt = "x"\ncleaning = "some"', "cleaning"),
        ('prompt = "x"\nname = "me"', "must not be set"),
        ('prompt = "x"\nknowledge = ["../secret"]', "beside this one"),
        ('prompt = "x"\nknowledge = ["missing.md"]', "No such file"),
        ('prompt = "x"\n' + TOOL.replace("https", "file"), "url"),
        ('prompt = "x"\n' + TOOL + 'parameters = { type = "table" }', "JSON schema"),
        ('prompt = "x"\n' + TOOL + TOOL, "same name"),
        ('prompt = "x"\n' + TOOL + "deadline_s = 0", "deadline_s"),
        ('prompt = "x', "desk.toml"),
    ],
)
def test_a_wrong_file_is_refused_and_says_why(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_declaration(written(tmp_path, text))


def test_more_knowledge_than_a_prompt_holds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all.md").write_text("x" * (LONGEST_KNOWLEDGE_CHARACTERS + 1))
    with pytest.raises(ConfigError, match="a prompt has room for"):
        read_declaration(written(tmp_path, 'prompt = "x"\nknowledge = ["all.md"]'))


def test_the_operators_file_comes_before_the_shipped_one(tmp_path: Path) -> None:
    shipped = Library().find("assistant")
    written(tmp_path, 'prompt = "Mine."', "assistant")
    mine = Library(str(tmp_path)).find("assistant")
    assert shipped is not None
    assert mine is not None
    assert (shipped.prompt != "Mine.", mine.prompt) == (True, "Mine.")
    assert Library(str(tmp_path)).names().count("assistant") == 1


@pytest.mark.parametrize("name", ["nobody", "../desk", "", "."])
def test_a_name_without_a_file_is_nobody(tmp_path: Path, name: str) -> None:
    written(tmp_path, 'prompt = "x"')
    inner = tmp_path / "inner"
    inner.mkdir()
    assert Library(str(inner)).find(name) is None


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agents\.directory"):
        Library(str(tmp_path / "missing"))


def test_every_shipped_agent_can_be_read() -> None:
    assert [agent.name for agent in Library()] == Library().names()
