"""Replies that are begun before the caller has finished, and the pause that a model judges: whole calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
import trio

from mediasrv.call import CallSettings
from mediasrv.call.dialogue import ConversationAgent, Dialogue, Persona
from mediasrv.call.settings import Speculation
from mediasrv.call.turn import Turn
from mediasrv.conversation.tools import Prepared, Tool, ToolResult, ToolSpec
from mediasrv.providers.protocols import Message, ToolCall
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.script import parse_script
from tests.call.conversing import LONG, Outcome, converse

GUESSING = CallSettings(speculation=Speculation(words=3))
SCRIPT = f"""
[ears]
first_word_ms = 200
word_ms = 100
[[hears]]
text = "SAID"
[[hears]]
text = "and on Tuesday too"
[[reply]]
text = "{LONG}"
"""


def of(call: Outcome, ending: str) -> list[dict[str, object]]:
    return [turn for turn in call.turns if turn["ending"] == ending]


async def test_a_right_guess_is_promoted_and_saves_the_models_time(autojump_clock: object) -> None:
    script = SCRIPT.replace("SAID", "Is dinner on Monday") + "[model]\nfirst_token_ms = 400\n"
    first_audio_ms = {}
    for name, settings in (("guessing", GUESSING), ("waiting", CallSettings())):
        call = await converse(script, [(1.0, 2.2)], hang_up_at=8, settings=settings)
        (turn,) = [turn for turn in call.turns if turn["heard"]]
        assert (turn["asked"], turn["ahead"]) == ("Is dinner on Monday", name == "guessing")
        assert not any(entry["in_vain"] for entry in turn["usage"])
        first_audio_ms[name] = turn["began_ms"] + turn["first_audio_ms"]
    assert first_audio_ms["guessing"] < first_audio_ms["waiting"] - 200


async def test_nothing_of_a_guess_is_heard_before_the_caller_has_finished(autojump_clock: object) -> None:
    call = await converse(
        SCRIPT.replace("SAID", "Is dinner on Monday"), [(1.0, 2.2)], hang_up_at=8, settings=GUESSING
    )
    (promoted,) = call.noted("promoted")
    sounds = [entry["ms"] for entry in call.noted("first_audio")]
    assert min(sounds) >= promoted["ms"]
    assert promoted["after_ms"] > 0


async def test_a_wrong_guess_is_accounted_as_one_and_leaves_no_trace_in_the_history(
    autojump_clock: object,
) -> None:
    # the recogniser is slow: the caller's pause comes before the words that were said in it
    script = SCRIPT.replace("SAID", "Is dinner on Monday or is it on").replace(
        "word_ms = 100", "word_ms = 300"
    )
    call = await converse(script, [(1.0, 2.2), (2.5, 3.6)], hang_up_at=12, settings=GUESSING)
    guesses = of(call, "speculated")
    assert guesses
    for guess in guesses:
        assert (guess["said"], guess["heard"], guess["tools"]) == ("", "", [])
        assert all(entry["speculative"] for entry in guess["usage"])  # type: ignore[attr-defined]
    assert call.record.turns == len(call.turns) - len(guesses)


LOOK_UP = ToolSpec("look_up")
A_TICK_MS = 20


@dataclass
class Recorder:
    """A tool that remembers when it ran."""

    ran_at: list[float]
    spec: ToolSpec = LOOK_UP

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call)

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        self.ran_at.append(trio.current_time())
        return ToolResult(prepared.call.id, "found")


@dataclass
class Opinion:
    """A model of the caller's pauses that always says the same."""

    finished_is: float
    takes_s: float = 0.05
    name: str = "opinion"

    async def finished(self, said: str, before: Sequence[Message]) -> float:
        await trio.sleep(self.takes_s)
        if self.finished_is < 0:
            raise RuntimeError("no opinion")
        return self.finished_is


def an_agent(
    script: str, tools: Sequence[Tool] = (), change: Callable[[Providers], Providers] = lambda p: p
) -> ConversationAgent:
    read = parse_script(script)
    persona = Persona("test", voice=read.voice.name, speculates=False)
    return ConversationAgent(persona, lambda: change(scripted(read)), lambda end: tools)


async def test_a_tool_of_a_guess_waits_until_the_guess_was_right(autojump_clock: object) -> None:
    script = """
    [ears]
    first_word_ms = 200
    word_ms = 100
    [[hears]]
    text = "Is dinner on Monday"
    [[reply]]
    tools = [{ name = "look_up" }]
    then = "It is {result}."
    [[tool]]
    name = "look_up"
    """
    tool = Recorder([])
    began = trio.current_time()
    call = await converse("", [(1.0, 2.2)], hang_up_at=8, settings=GUESSING, agent=an_agent(script, [tool]))
    (promoted,) = call.noted("promoted")
    (ran_at,) = tool.ran_at
    assert (ran_at - began) * 1000 >= promoted["ms"]


async def pause_ms(opinion: Opinion | None) -> float:
    """From the end of the caller's words to the turn, after words that do not tell whether they are all."""
    script = '[[hears]]\ntext = "at eight"\n[[reply]]\ntext = "Very well."\n'
    agent = an_agent(script, change=lambda providers: replace(providers, end_of_turn=opinion))
    call = await converse("", [(1.0, 2.0)], hang_up_at=8, agent=agent)
    began: float = call.noted("turn_started")[0]["ms"]
    return began - 2_000


async def test_a_model_that_is_sure_shortens_and_one_that_doubts_lengthens_the_pause(
    autojump_clock: object,
) -> None:
    by_rule = await pause_ms(None)
    assert await pause_ms(Opinion(1.0)) < by_rule - 100
    assert await pause_ms(Opinion(0.0)) > by_rule + 500


async def test_a_model_that_is_slow_or_broken_has_no_say(autojump_clock: object) -> None:
    by_rule = await pause_ms(None)
    assert abs(await pause_ms(Opinion(0.0, takes_s=5.0)) - by_rule) <= A_TICK_MS
    assert abs(await pause_ms(Opinion(-1.0)) - by_rule) <= A_TICK_MS


async def test_a_guess_that_has_failed_is_not_promoted_and_the_caller_is_answered(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Dialogue._turn_over

    async def tell_late(dialogue: Dialogue, turn: Turn) -> None:
        if turn.ahead:
            await trio.sleep(3)  # the row of events is full
        await told(dialogue, turn)

    monkeypatch.setattr(Dialogue, "_turn_over", tell_late)
    fault = '[[fault]]\nof = "llm"\nkind = "error"\nrequest = 1\n'
    script = SCRIPT.replace("SAID", "Is dinner on Monday") + fault
    call = await converse(script, [(1.0, 2.2)], hang_up_at=12, settings=GUESSING)
    assert (call.record.ending, call.record.error) == ("caller_hung_up", "")
    assert of(call, "error")[0]["ahead"]
    assert call.turns[-1]["asked"] == "Is dinner on Monday"
    assert call.turns[-1]["heard"]
