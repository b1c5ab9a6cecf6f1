"""`mediasrv agents`: what is listed, what is shown, and a chat with an interruption, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import trio
from click.testing import CliRunner, Result

from mediasrv.call.declared import Chat
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.cli import commands
from mediasrv.cli.chat import hold_chat
from mediasrv.ids import DEFAULT_TENANT, CallId
from mediasrv.providers.script import parse_script
from mediasrv.telemetry import MemorySink, Timeline
from tests.fakes.leg import TrioClock

SCRIPT = """
greeting = "Good day."
[voice]
kind = "tone"
[[reply]]
hears = ["long"]
text = "This is one sentence. This is another sentence. This is a third sentence."
first_token_ms = 100
token_ms = 100
[[reply]]
hears = ["bye"]
tools = [{ name = "leave" }]
then = "Good-bye."
[[reply]]
text = "Well."
[[tool]]
name = "leave"
on_cancel = "commit_if_heard"
ends_call = true
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["agents", *arguments])


def settings(directory: Path) -> Path:
    file = directory / "mediasrv.toml"
    file.write_text(f'[agents]\ndirectory = "{directory / "agents"}"\nnumbers = {{ "7" = "desk" }}\n')
    (directory / "agents").mkdir()
    (directory / "agents" / "desk.toml").write_text(
        'prompt = "Be kind."\nlevel = "speed"\ndescription = "Ours."'
    )
    return file


def test_agents_of_files_are_listed_beside_those_built_in(tmp_path: Path) -> None:
    listed = json.loads(run("list", "--json", "--config", str(settings(tmp_path))).stdout)
    rows = {row["name"]: row for row in listed}
    assert rows["desk"] == {"name": "desk", "kind": "file", "level": "speed", "about": "Ours.", "number": "7"}
    assert rows["echo"]["kind"] == "built in"


def test_an_agent_is_shown_as_its_model_is_told(tmp_path: Path) -> None:
    shown = json.loads(run("show", "desk", "--json", "--config", str(settings(tmp_path))).stdout)
    assert (shown["prompt"], shown["level"], shown["providers"]["model"]) == ("Be kind.", "speed", ["model"])


def test_an_agent_is_shown_without_the_secrets_of_its_tools(tmp_path: Path) -> None:
    file = settings(tmp_path)
    (tmp_path / "agents" / "desk.toml").write_text(
        'prompt = "Be kind."\n[[tool]]\nname = "book"\nurl = "https://desk.example/"\n'
        'headers = { Authorization = "Bearer sesame", Tenant = "$TENANT", Empty = "" }\n'
    )
    for form in ([], ["--json"]):
        answer = run("show", "desk", *form, "--config", str(file))
        assert answer.exit_code == 0
        assert "sesame" not in answer.output
    (tool,) = json.loads(answer.stdout)["tool"]
    assert tool["headers"] == {"Authorization": "(set)", "Tenant": "$TENANT", "Empty": ""}


def test_who_does_not_exist_or_does_not_converse_is_no_one_to_chat_with(tmp_path: Path) -> None:
    for name, problem in (("nobody", "must be one of"), ("echo", "not one to talk with")):
        answer = run("chat", name)
        assert answer.exit_code == 2
        assert problem in answer.stderr


def test_a_chat_with_a_provider_that_nobody_declared_says_what_to_declare() -> None:
    answer = run("chat", "assistant")
    assert answer.exit_code == 2
    assert "[providers.model]" in answer.stderr


class Terminal:
    """Somebody who types lines, and presses Ctrl-C at certain times."""

    def __init__(self, *lines: str, interrupts_at_s: tuple[float, ...] = ()) -> None:
        self._lines: Iterator[str] = iter(lines)
        self._interrupts_at_s = interrupts_at_s
        self.screen, self.pause_s = "", 0.01

    async def read_line(self) -> str:
        await trio.sleep(self.pause_s)
        return next(self._lines, "")

    async def never(self) -> str:
        await trio.sleep_forever()
        raise AssertionError

    def write(self, text: str) -> None:
        self.screen += text

    async def interrupts(self):  # type: ignore[no-untyped-def]
        for at_s in self._interrupts_at_s:
            await trio.sleep_until(at_s)
            yield 2
        await trio.sleep_forever()

    async def chat(self, *, silent: bool = False) -> list[dict[str, object]]:
        agent, sink, clock = scripted_agent(parse_script(SCRIPT)), MemorySink(), TrioClock()
        timeline = Timeline(sink, clock, CallId("chat"), DEFAULT_TENANT)
        async with trio.open_nursery() as nursery:
            chat = Chat(
                CallId("chat"), agent.persona, agent.providers().llm, agent.tools,
                clock=clock, timeline=timeline, nursery=nursery,
            )  # fmt: skip
            await hold_chat(chat, self.never if silent else self.read_line, self.write, self.interrupts())
        return [dict(turn) for turn in sink.of(CallId("chat"), "turn")]


async def test_a_reply_is_shown_sentence_by_sentence(autojump_clock: object) -> None:
    terminal = Terminal("hello\n", "\n", "go on\n")
    assert [turn["ending"] for turn in await terminal.chat()] == ["completed", "completed"]
    assert terminal.screen == "Good day.\n> Well.\n> > Well.\n> "


async def test_ctrl_c_interrupts_the_reply_and_the_chat_goes_on(autojump_clock: object) -> None:
    began_s = trio.current_time()
    terminal = Terminal("something long\n", "and now?\n", interrupts_at_s=(began_s + 0.7,))
    first, second = await terminal.chat()
    assert (first["ending"], first["heard"]) == ("user_barge_in", "This is one sentence.")
    assert second["ending"] == "completed"
    assert "This is one sentence. ...\n" in terminal.screen


async def test_ctrl_c_with_nothing_to_interrupt_ends_the_chat(autojump_clock: object) -> None:
    terminal = Terminal(interrupts_at_s=(trio.current_time() + 1,))
    with trio.fail_after(2):
        assert await terminal.chat(silent=True) == []


async def test_the_chat_ends_when_the_agent_has_taken_leave(autojump_clock: object) -> None:
    terminal = Terminal("bye\n", "anybody?\n")
    terminal.pause_s = 1.0
    (turn,) = await terminal.chat()
    assert turn["said"] == "Good-bye."
