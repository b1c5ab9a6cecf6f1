"""The scenarios a seed may draw: ordinary calls, interruptions, noises, tools, and everything that goes wrong.

Each is a function from a random source to a scenario, so that its moments, words and faults vary with the seed while
what must come of it stays the same. `draw(seed)` picks one and puts a path of some quality under it; what a scenario
expects is only asked of paths on which a person would hear the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.sim import expectations as expect
from tests.sim.agents import LONG_REPLY, TOOL_POLICIES, Fault, agent_script
from tests.sim.faults import Lose
from tests.sim.scenario import Scenario
from tests.sim.script import (
    Cough,
    Cue,
    HangUp,
    Mute,
    Press,
    Rubbish,
    Say,
    Vanish,
    answered,
    dialled,
    passage,
    quiet,
)

QUESTION, INTERRUPTION, BACKCHANNEL = "tell me everything.", "stop, something else please.", "mm-hm"
GIVE_UP = Cue(answered(90_000), HangUp())  # whatever happens, the caller does not wait for ever
GREETING, REPLY = 1, 2  # passages, as the caller counts them

Draw = Callable[[random.Random], Scenario]


def ordinary(source: random.Random) -> Scenario:
    """Question, answer, thanks, good-bye: the agent hangs up once its last word was heard."""
    pause_ms = source.uniform(100, 1_500)
    script = (
        Cue(quiet(GREETING, pause_ms), Say(QUESTION)),
        Cue(quiet(REPLY, pause_ms), Say("thank you, good-bye.")),
        GIVE_UP,
    )
    return Scenario(
        "ordinary",
        script,
        agent_script=agent_script(QUESTION, "thank you, good-bye."),
        expects=(expect.ending("bye"), expect.no_interruption, expect.call_ended_by("agent_hung_up")),
    )


def interruption(source: random.Random) -> Scenario:
    """The caller speaks over the reply, at any moment of it: it stops, and what was said instead is answered."""
    at_ms = source.uniform(0, 6_000)
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(passage(REPLY, at_ms), Say(INTERRUPTION)),
        Cue(passage(REPLY + 1, 1_500), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "interruption",
        script,
        agent_script=agent_script(QUESTION, INTERRUPTION),
        expects=(expect.ending("local"), expect.interrupted, expect.voice_stopped_within(400)),
    )


def twice_interrupted(source: random.Random) -> Scenario:
    script = (
        Cue(passage(GREETING, source.uniform(200, 1_500)), Say(INTERRUPTION)),
        Cue(passage(REPLY, source.uniform(0, 3_000)), Say(INTERRUPTION)),
        Cue(passage(REPLY + 1, source.uniform(200, 3_000)), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "twice_interrupted", script, agent_script=agent_script(INTERRUPTION, INTERRUPTION, QUESTION)
    )


def backchannel(source: random.Random) -> Scenario:
    """A listener's noise: the voice may pause, and goes on to its end."""
    at_ms = source.uniform(800, 5_000)
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(passage(REPLY, at_ms), Say(BACKCHANNEL)),
        Cue(quiet(REPLY, 500), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "backchannel",
        script,
        agent_script=agent_script(QUESTION, BACKCHANNEL),
        expects=(expect.ending("local"), expect.no_interruption),
    )


def cough(source: random.Random) -> Scenario:
    at_ms = source.uniform(500, 5_000)
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(passage(REPLY, at_ms), Cough(duration_ms=source.choice((40, 90, 140)))),
        Cue(quiet(REPLY, 500), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "cough",
        script,
        agent_script=agent_script(QUESTION),
        expects=(expect.ending("local"), expect.no_interruption),
    )


def two_coughs(source: random.Random) -> Scenario:
    """One after the other, so that the gate takes them for one speech."""
    at_ms = source.uniform(500, 5_000)
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(passage(REPLY, at_ms), Cough(duration_ms=140)),
        Cue(passage(REPLY, at_ms + source.uniform(260, 330)), Cough(duration_ms=120)),
        Cue(quiet(REPLY, 500), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "two_coughs",
        script,
        agent_script=agent_script(QUESTION),
        expects=(expect.ending("local"), expect.no_interruption),
    )


def slow_model(source: random.Random) -> Scenario:
    """The model takes its time: the caller is told so, and then hears that somebody is there."""
    fault = Fault("llm", 1, "slow", 0, round(source.uniform(2_600, 4_700)))
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(answered(20_000), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "slow_model",
        script,
        agent_script=agent_script(QUESTION, faults=(fault,)),
        expects=(
            expect.ending("local"),
            expect.masked,
            expect.no_interruption,
            expect.never_left_in_silence(1_500),
        ),
    )


def guessed(source: random.Random) -> Scenario:
    """Replies are begun before the caller has finished: the right one is heard, and no other."""
    question = "please tell me everything about the house"
    script = (
        Cue(quiet(GREETING, source.uniform(100, 800)), Say(question)),
        Cue(quiet(REPLY, 500), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "guessed",
        script,
        agent_script=agent_script(question) + "\n[model]\nspeculates = true\n",
        expects=(expect.ending("local"), expect.promoted, expect.no_interruption),
    )


def tool(source: random.Random) -> Scenario:
    """A tool of each policy, and the caller speaks before, while or after it runs."""
    policy = source.choice(TOOL_POLICIES)
    at_ms = source.uniform(0, 4_000)
    script = (
        Cue(quiet(GREETING, 300), Say("use the tool.")),
        Cue(passage(REPLY, at_ms), Say(INTERRUPTION)),
        Cue(quiet(REPLY + 1, 500), HangUp()),
        GIVE_UP,
    )
    takes_ms = source.choice((0, 100, 800, 3_000))
    agent = agent_script("use the tool.", INTERRUPTION, tool_policy=policy, tool_ms=takes_ms)
    return Scenario(f"tool_{policy}", script, agent_script=agent)


def provider_fault(source: random.Random) -> Scenario:
    """A provider fails, stalls or is slow, at some request and some way into it; the call lives, or says why not."""
    fault = Fault(
        of=source.choice(("stt", "llm", "tts")),
        request=source.choice((1, 1, 2, 3)),
        kind=source.choice(("error", "stall", "slow")),
        after=source.choice((0, 0, 1, 3, 10)),
        slow_ms=source.choice((500, 2_000, 6_000)),
    )
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(quiet(REPLY, 300), Say(INTERRUPTION)),
        Cue(answered(40_000), HangUp()),
    )
    agent = agent_script(QUESTION, INTERRUPTION, faults=(fault,))
    return Scenario(f"{fault.of}_{fault.kind}", script, agent_script=agent)


def hang_up_anywhere(source: random.Random) -> Scenario:
    """BYE, or CANCEL, at any moment of a call with a question, a reply and an interruption in it."""
    moment = source.choice(
        (
            dialled(source.uniform(0, 200)),
            answered(source.uniform(0, 9_000)),
            passage(REPLY, source.uniform(0, 4_000)),
        )
    )
    script = (
        Cue(quiet(GREETING, 200), Say(QUESTION)),
        Cue(passage(REPLY, 1_000), Say(INTERRUPTION)),
        Cue(moment, HangUp()),
        GIVE_UP,
    )
    return Scenario("hang_up_anywhere", script, agent_script=agent_script(QUESTION, INTERRUPTION))


def lost_signalling(source: random.Random) -> Scenario:
    """What SIP sends again when it gets lost: the call goes on as if nothing had been."""
    lost = Lose(source.choice((b"INVITE", b"SIP/2.0 200", b"ACK", b"BYE")), times=source.randint(1, 3))
    script = (Cue(quiet(GREETING, 300), Say(QUESTION)), Cue(passage(REPLY, 2_000), HangUp()), GIVE_UP)
    return Scenario(
        "lost_signalling",
        script,
        agent_script=agent_script(QUESTION),
        losses=(lost,),
        expects=(expect.ending("local"),),
    )


def never_acknowledged(source: random.Random) -> Scenario:
    """No ACK ever comes: the server gives the call up by itself after 32 s."""
    return Scenario(
        "never_acknowledged",
        (Cue(answered(80_000), HangUp()),),
        agent_script=agent_script(),
        losses=(Lose(b"ACK", times=1_000),),
        expects=(expect.call_ended_by("no_ack"),),
    )


def media_timeout(source: random.Random) -> Scenario:
    """The caller's sound stops, or the caller altogether: the call ends by itself."""
    deed = source.choice((Mute(), Vanish()))
    script = (
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(answered(source.uniform(500, 8_000)), deed),
        GIVE_UP,
    )
    return Scenario(
        "media_timeout",
        script,
        agent_script=agent_script(QUESTION),
        media_timeout_ms=3_000,
        expects=(expect.call_ended_by("media_timeout"),),
    )


def silent_caller(source: random.Random) -> Scenario:
    """Nobody says a word: asked twice, then good-bye."""
    return Scenario(
        "silent_caller",
        (GIVE_UP,),
        agent_script=agent_script(),
        expects=(expect.ending("bye"), expect.call_ended_by("silence")),
    )


def rubbish_and_keys(source: random.Random) -> Scenario:
    """Datagrams that mean nothing, and keys in the middle of the voice."""
    script = (
        Cue(answered(source.uniform(100, 3_000)), Rubbish(40, seed=source.getrandbits(16))),
        Cue(quiet(GREETING, 300), Say(QUESTION)),
        Cue(passage(REPLY, source.uniform(0, 3_000)), Press(source.choice("0123456789*#"))),
        Cue(passage(REPLY, 8_000), HangUp()),
        GIVE_UP,
    )
    return Scenario(
        "rubbish_and_keys", script, agent_script=agent_script(QUESTION), expects=(expect.ending("local"),)
    )


def simple_agent(source: random.Random) -> Scenario:
    script = (Cue(answered(500), Say(LONG_REPLY)), Cue(answered(source.uniform(500, 8_000)), HangUp()))
    agent = source.choice(("echo", "tone"))
    return Scenario(agent, script, agent=agent, expects=(expect.ending("local"),))


SCENARIOS: Mapping[str, tuple[Draw, int]] = {  # and how often each is drawn, against the others
    "ordinary": (ordinary, 2),
    "interruption": (interruption, 4),
    "twice_interrupted": (twice_interrupted, 2),
    "backchannel": (backchannel, 2),
    "cough": (cough, 2),
    "two_coughs": (two_coughs, 1),
    "slow_model": (slow_model, 2),
    "guessed": (guessed, 2),
    "tool": (tool, 4),
    "provider_fault": (provider_fault, 4),
    "hang_up_anywhere": (hang_up_anywhere, 4),
    "lost_signalling": (lost_signalling, 2),
    "never_acknowledged": (never_acknowledged, 1),
    "media_timeout": (media_timeout, 1),
    "silent_caller": (silent_caller, 1),
    "rubbish_and_keys": (rubbish_and_keys, 2),
    "simple_agent": (simple_agent, 1),
}
FAIR_PATHS = ("clean", "lan", "fibre", "skewed")
ROUGH_PATHS = ("wifi", "mobile", "lossy", "bursty", "reordering", "bufferbloat", "satellite")
CANCELLED = 0.4  # of the seeds have a turn cancelled at some checkpoint
CHECKPOINTS = 400  # among which it is drawn; a turn has a few hundred


def draw(seed: int) -> Scenario:
    """The scenario of this seed, on the path and with the faults of this seed."""
    source = random.Random(f"{seed}/scenario")
    draws, weights = zip(*SCENARIOS.values(), strict=True)
    scenario: Scenario = source.choices(draws, weights)[0](source)
    rough, cancelled = source.random() < 0.4, source.random() < CANCELLED
    scenario = replace(
        scenario,
        uplink=source.choice(ROUGH_PATHS if rough else FAIR_PATHS),
        downlink=source.choice(ROUGH_PATHS if rough else FAIR_PATHS),
        skew_ppm=source.uniform(-100.0, 100.0),
        cancel_at=1 + int(CHECKPOINTS * source.random() ** 2) if cancelled else 0,
    )
    return replace(scenario, expects=()) if rough or cancelled else scenario
