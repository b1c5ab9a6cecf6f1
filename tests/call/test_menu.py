"""The agent `menu` over fakes, in virtual time: what is said, what keys do, and what happens when nothing works."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from mediasrv.call import CallRecord, CallServices, CallSettings, run_call
from mediasrv.call.menu import DEMO, menu_agent, parse_menus
from mediasrv.ids import SeededTokens
from mediasrv.legs import CallInfo
from mediasrv.media import Dtmf, MediaEvent, RecordingOver
from mediasrv.providers.protocols import SpeechChunk, TextToSpeech
from mediasrv.providers.voices import FormantVoice
from mediasrv.telemetry import MemorySink
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream

MENUS = """
[voice]
kind = "tone"

[menus.main]
say = "choose"
first_key_ms = 3000
next_key_ms = 1000
invalid = "wrong"
no_key = "silent"
[menus.main.keys]
1 = [{ do = "say", text = "one" }]
12 = [{ do = "say", text = "twelve" }]
2 = [{ do = "go_to", menu = "second" }]
3 = [{ do = "transfer", to = "+14155550100" }, { do = "say", text = "sorry" }]
4 = [{ do = "record", longest_s = 10, stop_keys = "#" }, { do = "say", text = "recorded" }]
5 = [{ do = "wait", for_s = 20 }, { do = "say", text = "back" }]
6 = [{ do = "send_dtmf", keys = "A5#" }, { do = "say", text = "sent" }]
9 = [{ do = "say", text = "bye", barge_in = false }, { do = "hang_up" }]

[menus.second]
say = "second"
barge_in = false
attempts = 1
keys = { "#" = [{ do = "hang_up" }] }
otherwise = [{ do = "say", text = "enough" }]
"""


@dataclass
class Outcome:
    record: CallRecord
    stream: FakeStream
    leg: FakeLeg
    timeline: list[Mapping[str, Any]]

    def noted(self, event: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self.timeline if entry["event"] == event]

    @property
    def said(self) -> list[str]:
        return [entry["what"] for entry in self.noted("said")]


def keys(*presses: tuple[float, str]) -> list[tuple[float, MediaEvent]]:
    return [
        (at_s + k * 0.1, Dtmf(key, 100, round((at_s + k * 0.1) * 1e9)))
        for at_s, row in presses
        for k, key in enumerate(row)
    ]


def anything_goes(info: CallInfo, target: str) -> str:
    return ""


async def call_menu(
    *presses: tuple[float, str],
    menus: str = MENUS,
    reachable: tuple[str, ...] = (),
    services: Mapping[str, Any] | None = None,
    events: list[tuple[float, MediaEvent]] | None = None,
    hang_up_at: float | None = 200.0,
    voices: tuple[TextToSpeech, TextToSpeech] | None = None,
    hears_early: bool = False,
) -> Outcome:
    stream = FakeStream(events=[*keys(*presses), *(events or [])])
    leg = FakeLeg(
        stream, hangs_up_at=hang_up_at, reachable=reachable, transfer_s=2.0, hears_early=hears_early
    )
    sink = MemorySink()
    given = CallServices(TrioClock(), SeededTokens(1), sink, **(services or {}))
    agent = menu_agent(parse_menus(menus))
    if voices is not None:
        agent.speaking = lambda: voices
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        await trio.lowlevel.checkpoint()
        before = trio.lowlevel.current_statistics().tasks_living
        record = await run_call(leg, agent, given)
        assert trio.lowlevel.current_statistics().tasks_living == before, "tasks were left behind"
        await stream.aclose()
    assert len(sink.of(leg.info.id, "call")) == 1
    return Outcome(record, stream, leg, list(sink.of(leg.info.id, "timeline")))


async def test_nobody_presses_anything_and_the_call_ends_after_three_attempts(autojump_clock: object) -> None:
    outcome = await call_menu()
    assert outcome.said == ["choose", "silent"] * 3
    assert outcome.record.ending == "silence"


async def test_a_choice_is_made_and_the_menu_comes_again(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "1"), (4.0, "9"))
    assert outcome.said == ["choose", "one", "choose", "bye"]
    assert outcome.record.ending == "agent_hung_up"


async def test_a_key_cuts_the_prompt_off_at_once(autojump_clock: object) -> None:
    outcome = await call_menu((0.1, "9"))
    (key,) = outcome.noted("key")
    cut = outcome.noted("said")[0]
    assert (cut["what"], cut["whole"]) == ("choose", False)
    assert cut["ms"] - key["ms"] <= 10
    assert 1 in outcome.stream.flushed


async def test_what_a_key_may_not_cut_off_is_heard_whole(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "9"), (1.1, "1"))
    assert [entry["whole"] for entry in outcome.noted("said") if entry["what"] == "bye"] == [True]


async def test_the_longer_choice_wins_when_it_comes_in_time(autojump_clock: object) -> None:
    assert "twelve" in (await call_menu((1.0, "12"))).said
    slowly = await call_menu((1.0, "1"), (3.5, "2"))
    assert [entry["keys"] for entry in slowly.noted("choice")] == ["1", "2"]


async def test_a_key_that_is_no_choice_is_told_and_may_be_corrected(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "7"), (4.0, "9"))
    assert outcome.said[:3] == ["choose", "wrong", "choose"]
    assert outcome.noted("no_choice")[0]["keys"] == "7"
    assert outcome.record.ending == "agent_hung_up"


async def test_who_knows_the_menus_types_ahead(autojump_clock: object) -> None:
    outcome = await call_menu((0.02, "2#"))
    assert [entry["name"] for entry in outcome.noted("menu")] == ["main", "second"]
    assert outcome.record.ending == "agent_hung_up"


async def test_a_menu_without_an_answer_does_what_it_is_told_and_ends(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "2"))
    assert outcome.said[-2:] == ["I did not hear a key.", "enough"]
    assert outcome.record.ending == "silence"


async def test_a_transfer_hands_the_caller_over_to_music(autojump_clock: object) -> None:
    rules = {"why_not_dial": anything_goes}
    outcome = await call_menu((1.0, "3"), reachable=("+14155550100",), services=rules)
    assert outcome.leg.transfers == ["+14155550100"]
    assert outcome.record.ending == "transferred"


async def test_a_transfer_that_finds_nobody_is_apologised_for(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "3"), (8.0, "9"), services={"why_not_dial": anything_goes})
    assert outcome.noted("not_transferred")[0]["problem"] == "nobody there"
    assert "sorry" in outcome.said
    assert outcome.stream.behind is None, "the music went on"


async def test_no_transfer_is_tried_that_the_rules_forbid(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "3"), reachable=("+14155550100",))
    assert outcome.leg.transfers == []
    assert outcome.noted("not_transferred")[0]["problem"] == "no rules say whom this call may dial"
    assert "sorry" in outcome.said


async def test_a_message_is_recorded_until_the_key_that_ends_it(
    autojump_clock: object, tmp_path: Path
) -> None:
    outcome = await call_menu((1.0, "4"), (4.0, "1"), (5.0, "#"), services={"recordings": tmp_path})
    (recording,) = outcome.stream.recordings
    assert recording.path == tmp_path / "call-1-1.wav"
    assert recording.result is not None
    assert 5_000 <= outcome.noted("recorded")[0]["ms"] <= 5_100
    assert "recorded" in outcome.said


async def test_a_recording_ends_when_its_time_is_up_or_its_disk_is_full(
    autojump_clock: object, tmp_path: Path
) -> None:
    services = {"recordings": tmp_path}
    long = await call_menu((1.0, "4"), services=services)
    assert long.noted("recorded")[0]["ms"] >= 11_000
    full = [(3.0, RecordingOver(tmp_path / "call-1-1.wav", 1_900, 28, 0))]
    short = await call_menu((1.0, "4"), services=services, events=full)
    assert short.noted("recorded")[0]["ms"] == pytest.approx(3_000, abs=60)
    assert short.noted("recording_over")[0]["errno"] == 28


async def test_a_server_that_keeps_no_recordings_says_so_and_goes_on(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "4"))
    assert outcome.stream.recordings == []
    assert outcome.noted("not_recorded")
    assert "recorded" in outcome.said


async def test_music_waits_with_the_caller_until_a_key(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "5"), (7.0, "9"))
    assert outcome.said[:2] == ["choose", "back"]
    assert outcome.stream.behind is None
    back = outcome.noted("said")[1]
    assert 7_000 <= back["ms"] <= 7_100


async def test_keys_are_sent_and_waited_for(autojump_clock: object) -> None:
    outcome = await call_menu((1.0, "6"))
    assert outcome.stream.pressed == "A5#"
    assert [entry["digit"] for entry in outcome.noted("key_sent")] == ["A", "5", "#"]
    said = next(entry for entry in outcome.noted("said") if entry["what"] == "sent")
    assert said["ms"] >= outcome.noted("key_sent")[-1]["ms"]


async def test_a_transfer_that_is_refused_may_become_a_connection(autojump_clock: object) -> None:
    menus = MENUS.replace('to = "+14155550100" }', 'to = "+14155550100", otherwise = "connect" }')
    outcome = await call_menu((1.0, "3"), menus=menus, services={"why_not_dial": anything_goes})
    assert outcome.leg.transfers == ["+14155550100"]
    assert [entry["to"] for entry in outcome.noted("bridge_dialling")] == ["+14155550100"]
    assert "sorry" in outcome.said, "nobody is dialled here, and the menu goes on"


async def test_no_call_is_longer_than_calls_may_be(autojump_clock: object) -> None:
    outcome = await call_menu(services={"settings": CallSettings(max_length_s=4.0)})
    assert outcome.record.ending == "max_length"
    assert outcome.record.duration_ms == pytest.approx(4_200, abs=50), (
        "with what the last word is given to arrive"
    )


@pytest.mark.parametrize("at_s", [0.05, 0.5, 1.02, 1.5, 2.9, 4.0])
async def test_a_caller_who_hangs_up_leaves_nothing_behind(
    autojump_clock: object, at_s: float, tmp_path: Path
) -> None:
    for key in "13456":
        services = {"recordings": tmp_path, "why_not_dial": anything_goes}
        outcome = await call_menu((1.0, key), hang_up_at=at_s, services=services)
        assert outcome.record.ending == "caller_hung_up"
        assert outcome.record.error == ""


async def test_keys_by_the_hundred_are_bounded_and_kept_in_order(autojump_clock: object) -> None:
    menus = MENUS.replace('say = "choose"', f'say = "{"choose " * 30}"\nbarge_in = false')
    outcome = await call_menu(*((0.02 * k, "9" if k == 0 else "7") for k in range(300)), menus=menus)
    assert len(outcome.noted("key")) == 300
    assert [entry["keys"] for entry in outcome.noted("choice")] == ["9"]
    assert outcome.record.error == ""


async def test_the_demonstration_answers_and_says_good_bye(autojump_clock: object) -> None:
    text = DEMO.read_text().replace('kind = "espeak"', 'kind = "tone"')
    outcome = await call_menu((1.0, "9"), menus=text)
    assert outcome.said[-1] == "Good-bye."
    assert outcome.record.ending == "agent_hung_up"


@dataclass
class BrokenVoice:
    """Says what it is given, and then fails or stalls."""

    sound: SpeechChunk | None = None
    error: Exception | None = None
    name: str = "broken"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        await trio.lowlevel.checkpoint()
        if self.sound is not None:
            yield self.sound
        if self.error is not None:
            raise self.error
        await trio.sleep_forever()


BROKEN = {
    "stalls": BrokenVoice(),
    "stalls halfway": BrokenVoice(SpeechChunk(bytes(1_600), 8_000)),
    "an error of its own": BrokenVoice(error=KeyError("audio")),
    "no rate": BrokenVoice(SpeechChunk(bytes(320), 0)),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_a_voice_that_fails_leaves_the_caller_the_menu(autojump_clock: object, how: str) -> None:
    call = await call_menu((7.0, "9"), voices=(BROKEN[how], FormantVoice()))
    assert (call.record.ending, call.record.error) == ("agent_hung_up", "")
    assert call.noted("voice_failed")
    assert "choose" in call.said


async def test_without_any_voice_the_keys_still_work(autojump_clock: object) -> None:
    call = await call_menu((10.0, "9"), voices=(BROKEN["stalls"], BROKEN["an error of its own"]))
    assert (call.record.ending, call.record.error) == ("agent_hung_up", "")


BEFORE = """[before_answer]
say = "recorded"
"""


def order(outcome: Outcome) -> list[str]:
    told = ("answered", "said", "heard_before_answer")
    return [entry["event"] for entry in outcome.timeline if entry["event"] in told][:3]


async def test_what_is_said_before_the_answer_is_heard_before_it(autojump_clock: object) -> None:
    outcome = await call_menu(menus=BEFORE + MENUS, hears_early=True)
    assert order(outcome) == ["heard_before_answer", "said", "answered"]
    assert outcome.said[:2] == ["recorded", "choose"]


async def test_who_cannot_hear_before_the_answer_is_answered_first(autojump_clock: object) -> None:
    outcome = await call_menu(menus=BEFORE + MENUS)
    assert order(outcome) == ["answered", "said", "said"]
    assert outcome.said[:2] == ["recorded", "choose"]


async def test_a_menu_that_says_nothing_before_the_answer_tells_nobody_early(autojump_clock: object) -> None:
    outcome = await call_menu(hears_early=True)
    assert order(outcome)[0] == "answered"
    assert not outcome.noted("heard_before_answer")
