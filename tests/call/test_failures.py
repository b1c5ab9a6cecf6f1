"""A provider that fails, a caller who goes, time that runs out: each is a path like any other."""

from __future__ import annotations

import pytest
import trio

from mediasrv.call import CallServices, CallSettings, Failures, Patience, run_call
from mediasrv.call.call import Call
from mediasrv.call.services import MediaNeeds
from mediasrv.ids import SeededTokens
from mediasrv.legs import Ending
from mediasrv.media import MediaTimeout
from mediasrv.telemetry import MemorySink
from tests.call.conversing import LONG, converse
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream

BASE = f"""
greeting = "Good day to you."
[[hears]]
text = "What do you do all day?"
[[reply]]
text = "{LONG}"
"""
SPEECH = [(4.0, 5.2)]


def fault(of: str, kind: str, request: int = 1, after: int = 0) -> str:
    return f'[[fault]]\nof = "{of}"\nkind = "{kind}"\nrequest = {request}\nafter = {after}\nslow_ms = 900\n'


@pytest.mark.parametrize("kind", ["error", "stall"])
@pytest.mark.parametrize("after", [0, 1, 5, 30])
async def test_a_model_that_fails_is_apologised_for_and_the_call_goes_on(
    autojump_clock: object, kind: str, after: int
) -> None:
    call = await converse(BASE + fault("llm", kind, after=after), [*SPEECH, (30.0, 31.0)], hang_up_at=50)
    reply = next(turn for turn in call.turns if turn["kind"] == "reply")
    assert reply["ending"] == "error"
    assert reply["heard"].endswith(Failures().apology)
    assert call.turns[-1]["ending"] in {"completed", "hangup"}
    assert call.record.ending == "caller_hung_up"


@pytest.mark.parametrize("kind", ["error", "stall"])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_voice_that_fails_is_stood_in_for(autojump_clock: object, kind: str, after: int) -> None:
    call = await converse(BASE + fault("tts", kind, request=2, after=after), SPEECH, hang_up_at=30)
    reply = next(turn for turn in call.turns if turn["kind"] == "reply")
    assert reply["error"]
    assert reply["heard"]
    assert call.record.ending == "caller_hung_up"


async def test_a_slow_provider_is_only_slow(autojump_clock: object) -> None:
    call = await converse(
        BASE + fault("llm", "slow") + fault("tts", "slow", request=2), SPEECH, hang_up_at=40
    )
    reply = call.turns[1]
    assert reply["ending"] == "completed"
    assert reply["first_token_ms"] >= 900


@pytest.mark.parametrize("kind", ["error", "stall"])
async def test_a_recogniser_that_dies_is_opened_again(autojump_clock: object, kind: str) -> None:
    call = await converse(BASE + fault("stt", kind), [*SPEECH, (14.0, 15.0)], hang_up_at=30)
    assert call.noted("stt_failed")
    assert any(turn["kind"] == "reply" for turn in call.turns)


async def test_a_recogniser_that_stays_dead_ends_the_call_with_good_bye(autojump_clock: object) -> None:
    faults = "".join(fault("stt", "error", request=k) for k in range(1, 5))
    call = await converse(BASE + faults, SPEECH)
    assert call.record.ending == "fault"
    assert call.turns[-1]["heard"] == Failures().farewell


async def test_two_failed_turns_in_a_row_end_the_call_with_good_bye(autojump_clock: object) -> None:
    faults = fault("llm", "error", 1) + fault("llm", "error", 2)
    call = await converse(BASE + faults, [*SPEECH, (14.0, 15.0)])
    assert call.record.ending == "fault"
    assert call.turns[-1]["heard"] == Failures().farewell


@pytest.mark.parametrize("at_ms", range(5, 8_000, 170))
async def test_the_caller_may_hang_up_at_any_time(autojump_clock: object, at_ms: int) -> None:
    call = await converse(BASE, SPEECH, hang_up_at=at_ms / 1000)
    assert call.record.ending == "caller_hung_up"


async def test_silence_is_asked_after_and_then_the_call_ends(autojump_clock: object) -> None:
    call = await converse('greeting = "Good day."\n', [])
    assert [turn["kind"] for turn in call.turns] == ["greeting", "prompt", "prompt", "goodbye"]
    assert call.record.ending == "silence"


async def test_the_longest_call_ends_with_good_bye(autojump_clock: object) -> None:
    call = await converse(BASE, SPEECH, settings=CallSettings(max_length_s=8.0))
    assert call.record.ending == "max_length"
    assert call.turns[-2]["ending"] == "timeout"
    assert call.turns[-1]["heard"] == CallSettings().goodbye


async def test_a_caller_who_is_no_longer_there_ends_the_call(autojump_clock: object) -> None:
    call = await converse(BASE, SPEECH, events=[(7.0, MediaTimeout(0))])
    assert call.record.ending == "media_timeout"


async def test_patience_is_a_setting(autojump_clock: object) -> None:
    settings = CallSettings(patience=Patience(prompt_ms=2_000, prompts=0))
    call = await converse('greeting = "Good day."\n', [], settings=settings)
    assert [turn["kind"] for turn in call.turns] == ["greeting", "goodbye"]


class Broken:
    name = "broken"
    needs = MediaNeeds()

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._break)
        await trio.sleep_forever()
        raise AssertionError

    async def _break(self) -> None:
        await trio.sleep(1)
        raise KeyError("the agent's own mistake")


async def run_broken(leg: FakeLeg) -> tuple[dict[str, object], MemorySink]:
    sink = MemorySink()
    record = await run_call(leg, Broken(), CallServices(TrioClock(), SeededTokens(1), sink))
    return record.as_json(), sink


async def test_a_fault_inside_a_call_ends_that_call_and_is_recorded(autojump_clock: object) -> None:
    leg = FakeLeg(FakeStream())
    record, sink = await run_broken(leg)
    assert record["ending"] == "fault"
    assert "the agent's own mistake" in str(record["error"])
    assert leg.hung_up == [Ending.FAULT]
    assert len(sink.of(leg.info.id, "call")) == 1


async def test_a_caller_who_cancels_before_the_answer_is_not_led(autojump_clock: object) -> None:
    leg = FakeLeg(FakeStream(), gone_before_answer=True)
    record, _ = await run_broken(leg)
    assert (record["ending"], record["answered"]) == ("caller_cancelled", False)


async def test_cancelled_from_outside_the_call_still_says_good_bye(autojump_clock: object) -> None:
    leg, sink = FakeLeg(FakeStream()), MemorySink()
    with trio.move_on_after(0.5) as scope:
        await run_call(leg, Broken(), CallServices(TrioClock(), SeededTokens(1), sink))
    assert scope.cancelled_caught
    assert leg.hung_up == [Ending.DRAIN]
    assert sink.of(leg.info.id, "call")[0]["ending"] == "drain"
