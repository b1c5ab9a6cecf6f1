"""The agents that ship: each by what the caller gets to hear."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

from mediasrv.call import AgentSettings, CallServices, build_agent, run_call
from mediasrv.errors import ConfigError
from mediasrv.ids import SeededTokens
from mediasrv.legs import Ending
from mediasrv.media import MediaTimeout
from mediasrv.providers.script import DEMO
from mediasrv.telemetry import MemorySink
from tests.call.conversing import converse
from tests.fakes.leg import FakeLeg, TrioClock
from tests.fakes.stream import FakeStream


async def run(name: str, stream: FakeStream, hang_up_at: float) -> str:
    leg = FakeLeg(stream, hangs_up_at=hang_up_at)
    services = CallServices(TrioClock(), SeededTokens(1), MemorySink())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.run)
        record = await run_call(leg, build_agent(name), services)
        await stream.aclose()
    return record.ending


async def test_echo_sends_as_much_as_it_hears(autojump_clock: object) -> None:
    stream = FakeStream([(0.0, 1.0)])
    assert await run("echo", stream, 3.0) == "caller_hung_up"
    assert len(stream.sent) == pytest.approx(150, abs=3)


async def test_tone_sounds_without_a_gap_until_the_caller_hangs_up(autojump_clock: object) -> None:
    stream = FakeStream()
    assert await run("tone", stream, 3.5) == "caller_hung_up"
    gaps = [b.at - a.at for a, b in pairwise(stream.sent)]
    assert max(gaps) == pytest.approx(0.02)


async def test_a_plain_agent_notices_that_the_caller_is_gone(autojump_clock: object) -> None:
    assert await run("echo", FakeStream(events=[(1.0, MediaTimeout(0))]), 60.0) == "media_timeout"


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("parrot", AgentSettings(), "must be one of echo, tone, menu, demo, scripted"),
        ("tone", AgentSettings(tone_hz=9_000), "tone_hz"),
        ("echo", AgentSettings(echo_delay_ms=10), "echo_delay_ms"),
        ("tone", AgentSettings(tone_dbfs=3), "tone_dbfs"),
        ("scripted", AgentSettings(script="/nowhere.toml"), "No such file"),
    ],
)
def test_a_wrong_agent_is_refused_and_says_why(name: str, settings: AgentSettings, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        build_agent(name, settings)


async def test_the_demonstration_runs_to_its_own_end(autojump_clock: object) -> None:
    speech = [(9.0, 10.5), (18.0, 20.0), (34.0, 35.5), (44.0, 45.5)]
    script = DEMO.read_text().replace(
        'kind = "espeak"', 'kind = "formant"'
    )  # no worker thread in virtual time
    call = await converse(script, speech, hang_up_at=90)
    assert call.record.ending == Ending.AGENT_HUNG_UP.value
    tools = [(tool["name"], tool["outcome"]) for turn in call.turns for tool in turn["tools"]]
    assert [name for name, _ in tools] == ["look_up", "book", "hang_up"]
