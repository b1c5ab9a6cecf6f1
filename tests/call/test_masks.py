"""A reply that is long in coming: what the caller hears meanwhile, and when nothing may be heard."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest
import trio

from mediasrv.call import CallSettings
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.call.settings import Masking
from mediasrv.call.speech.mask import hold_tone
from mediasrv.call.speech.ready import ReadySpeech
from mediasrv.call.turn import Turn
from mediasrv.media import VoiceLevels
from mediasrv.providers.protocols import LlmDelta, LlmRequest, ProviderError, SpeechChunk, TextDelta
from mediasrv.providers.registry import Providers
from mediasrv.providers.script import parse_script
from mediasrv.providers.voices import FormantVoice
from tests.call.conversing import LONG, Outcome, converse
from tests.call.test_ahead import an_agent

SLOW = f"""
[model]
first_token_ms = TAKES
[[hears]]
text = "What is new?"
[[hears]]
text = "Stop it now."
[[reply]]
text = "{LONG}"
"""
ASKED = (1.0, 2.2)


def silences_ms(call: Outcome) -> list[float]:
    """Between the begin of thinking and the reply's first word, what passed without a sound of ours."""
    began = call.noted("turn_started")[0]["ms"] / 1000
    sounds = [sent.at for sent in call.stream.sent if sent.at >= began]
    gaps, before = [], began
    for at in sounds:
        gaps.append((at - before) * 1000)
        before = at
    return gaps


async def test_a_slow_reply_is_announced_and_no_part_of_what_was_said(autojump_clock: object) -> None:
    call = await converse(SLOW.replace("TAKES", "2800"), [ASKED], hang_up_at=25)
    (turn,) = call.turns
    assert len(turn["asides"]) == 1
    assert turn["said"] == turn["heard"] == " ".join(LONG.split())
    assert max(silences_ms(call)) <= 1_500


async def test_a_very_slow_reply_has_a_tone_behind_it_that_ends_when_it_begins(
    autojump_clock: object,
) -> None:
    call = await converse(SLOW.replace("TAKES", "4800"), [ASKED], hang_up_at=25)
    assert [entry["text"] for entry in call.noted("masked")][-1] == ""
    assert call.stream.behind is None
    assert call.stream.backgrounds[0] is hold_tone()


async def test_a_tone_ends_when_the_caller_speaks(autojump_clock: object) -> None:
    call = await converse(SLOW.replace("TAKES", "4900"), [ASKED, (6.3, 6.5)], hang_up_at=6.4)
    assert call.stream.backgrounds == [hold_tone(), None]


async def test_nothing_is_masked_while_the_caller_speaks(autojump_clock: object) -> None:
    call = await converse(SLOW.replace("TAKES", "4800"), [ASKED, (3.0, 6.0)], hang_up_at=6)
    spoken = [entry["ms"] for entry in call.noted("masked")]
    assert not [at for at in spoken if 3_040 <= at <= 6_000]


async def test_a_quick_reply_is_not_announced(autojump_clock: object) -> None:
    call = await converse(SLOW.replace("TAKES", "120"), [ASKED], hang_up_at=25)
    assert call.turns[0]["asides"] == []


async def test_an_early_acknowledgement_comes_first_where_it_is_wanted(autojump_clock: object) -> None:
    settings = CallSettings(masking=Masking(acknowledge_ms=300))
    call = await converse(SLOW.replace("TAKES", "4800"), [ASKED], hang_up_at=25, settings=settings)
    assert call.turns[0]["asides"][0] == "Okay."
    assert len(call.turns[0]["asides"]) == 2


async def test_a_slow_tool_has_the_same_around_it(autojump_clock: object) -> None:
    script = """
    [[reply]]
    text = "I am looking into it."
    tools = [{ name = "work" }]
    then = "It is done."
    [[tool]]
    name = "work"
    takes_ms = 8000
    """
    call = await converse(script, [ASKED], hang_up_at=18)
    (turn,) = call.turns
    assert turn["heard"] == "I am looking into it. It is done."
    assert len(turn["asides"]) == 1
    assert call.stream.backgrounds == [hold_tone(), None]


async def test_a_greeting_that_was_rehearsed_is_said_without_the_voice(autojump_clock: object) -> None:
    script = """
    greeting = "Good day."
    [voice]
    rehearses = true
    first_sound_ms = 700
    """
    agent = scripted_agent(parse_script(script))
    first = await converse("", [], hang_up_at=3, agent=agent)
    await agent.prepare(CallSettings())
    second = await converse("", [], hang_up_at=3, agent=agent)
    assert first.turns[0]["first_audio_ms"] >= 700
    assert second.turns[0]["first_audio_ms"] <= 40
    assert second.turns[0]["heard"] == "Good day."


async def test_a_line_is_made_once_for_all_calls(autojump_clock: object) -> None:
    opened = 0

    def new_voice() -> FormantVoice:
        nonlocal opened
        opened += 1
        return FormantVoice()

    ready = ReadySpeech(new_voice, "mid", VoiceLevels())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ready.make, ["Good day."])
        nursery.start_soon(ready.make, ["Good day.", ""])
    assert opened == 1
    assert ready.get("Good day.")
    assert ready.get("Good night.") is None


async def test_a_voice_that_cannot_be_opened_leaves_its_lines_unready() -> None:
    def broken() -> FormantVoice:
        raise OSError("no such library")

    ready = ReadySpeech(broken, "mid", VoiceLevels())
    await ready.make(["Good day."])
    assert ready.get("Good day.") is None


@dataclass
class _Silent:
    """A voice that fails."""

    name: str = "silent"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        await trio.sleep(0.1)
        raise ProviderError(self.name, "has no voice", retryable=False)
        yield


@dataclass
class _Lingering:
    """A model that takes its time to leave."""

    name: str = "lingering"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        try:
            yield TextDelta("That is so. And more. ")
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.2)


class _Masking(trio.abc.Instrument):
    """Asks for a mask in the moment in which a turn's last task has ended and the turn does not know it yet."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.problems: list[Exception] = []

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        if task.name.endswith("Turn._write"):
            try:
                self.turns[-1].mask(0)
            except Exception as problem:
                self.problems.append(problem)


async def test_a_turn_that_is_failing_is_masked_no_more(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    masking, run = _Masking(), Turn.run

    async def run_masked(turn: Turn) -> None:
        masking.turns.append(turn)
        await run(turn)

    def mute(providers: Providers) -> Providers:
        return replace(providers, llm=_Lingering(), tts=_Silent(), spare_voice=None)

    monkeypatch.setattr(Turn, "run", run_masked)
    trio.lowlevel.add_instrument(masking)
    await converse("", [ASKED], hang_up_at=6, agent=an_agent("", change=mute))
    trio.lowlevel.remove_instrument(masking)
    assert masking.turns
    assert masking.problems == []
