"""A voice that dies, stalls or sends what cannot be played: the words go on in another voice, and nobody is told."""

from __future__ import annotations

from random import Random

import trio

from mediasrv.call.speech.mask import hold_tone
from mediasrv.providers.protocols import SpeechChunk, TextToSpeech, WordTime
from mediasrv.providers.resilience import Member, SteadyVoice
from tests.sim import expectations as expect
from tests.sim.agents import GREETING, LONG_REPLY, agent_script
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.models import AGAIN, QUESTION, ask_twice
from tests.sim.faults.stage import Parts, agent_of, told, with_agent
from tests.sim.faults.talk import Talk
from tests.sim.faults.unruly import Misdeed, Trouble, UnrulyVoice, dies, gives, gives_for_ever, raises, stalls
from tests.sim.scenario import Staging

GREETS, REPLIES, GOES_ON = 1, 2, 3  # requests of a voice: the greeting, a reply's first and second sentence

MOMENTS = {
    "at_the_greeting": (GREETS, 0),
    "at_its_opening": (REPLIES, 0),
    "in_mid_word": (REPLIES, 2),
    "between_two_sentences": (GOES_ON, 0),
}


def troubled(trouble: Trouble, *, spare: bool = True) -> Staging:
    parts = Parts(voice=lambda inner: UnrulyVoice(inner, trouble), spare=spare)
    return with_agent(lambda: agent_of(agent_script(QUESTION, AGAIN), parts), told(ask_twice))


always = (
    expect.ending("local"),
    expected.answered_after_all,
    expected.never_apologised,
    expect.no_interruption,
)
for how, misdeed in {"dies": dies, "stalls": stalls, "raises": raises}.items():
    for moment, (request, after) in MOMENTS.items():
        enter(f"voice_{how}_{moment}", troubled(Trouble(misdeed, (request,), after)), *always)


def one_of_two(trouble: Trouble) -> Staging:
    """Another stands behind it in the list, and no spare one."""

    def both(inner: TextToSpeech) -> TextToSpeech:
        return SteadyVoice(
            "voices", [Member("first", UnrulyVoice(inner, trouble)), Member("second", inner)], Random(1)
        )

    return with_agent(
        lambda: agent_of(agent_script(QUESTION, AGAIN), Parts(voice=both, spare=False)), told(ask_twice)
    )


for moment, (request, after) in MOMENTS.items():
    enter(
        f"voice_stalls_{moment}_with_another_in_the_list",
        one_of_two(Trouble(stalls, (request,), after)),
        *always,
    )


def sound(ms: int, rate_hz: int = 16_000, *words: WordTime) -> SpeechChunk:
    return SpeechChunk(bytes(2 * rate_hz * ms // 1_000), rate_hz, words)


RUBBISH: dict[str, Misdeed] = {
    "gives_no_sound": gives(),
    "gives_sound_without_samples": gives_for_ever(SpeechChunk(b"", 16_000)),
    "gives_half_a_sample": gives(SpeechChunk(b"\0" * 321, 16_000)),
    "gives_a_rate_that_is_none": gives(SpeechChunk(bytes(320), 0)),
    "gives_words_outside_of_time": gives(sound(200, 16_000, WordTime("I", float("nan"), float("inf")))),
    "gives_words_that_nobody_wrote": gives(sound(600, 16_000, WordTime("Nonsense", 0, 300))),
    "gives_what_is_no_sound": gives(42),
    "gives_text_for_sound": gives(SpeechChunk("hello", 16_000)),  # type: ignore[arg-type]
}
for what, misdeed in RUBBISH.items():
    enter(
        f"voice_{what}", troubled(Trouble(misdeed, (REPLIES,))),
        expect.ending("local"), expected.answered_after_all, expected.never_apologised,
    )  # fmt: skip


def hum(ms: int) -> SpeechChunk:
    return SpeechChunk(hold_tone().pcm[:4_000] * (ms // 250), 8_000)


async def interrupt_the_endless(talk: Talk) -> None:
    await talk.my_turn()
    talk.say(QUESTION)
    await talk.voice()
    await trio.sleep(8)
    talk.say(AGAIN)
    await talk.my_turn()
    talk.hang_up()


enter(
    "voice_gives_sound_without_end",
    with_agent(
        lambda: agent_of(
            agent_script(QUESTION, AGAIN),
            Parts(voice=lambda inner: UnrulyVoice(inner, Trouble(gives_for_ever(hum(1_000)), (REPLIES,)))),
        ),
        told(interrupt_the_endless),
    ),
    expect.ending("local"), expected.answered_after_all, expect.interrupted,
)  # fmt: skip


async def nobody_speaks(talk: Talk) -> None:
    await talk.over()


enter(
    "every_voice_is_dead_from_the_first_word",
    with_agent(
        lambda: agent_of(
            agent_script(QUESTION), Parts(voice=lambda inner: UnrulyVoice(inner, Trouble(dies, ())), spare=False)
        ),
        told(nobody_speaks),
    ),
    expect.ending("bye"), expect.call_ended_by("fault"),
)  # fmt: skip
enter(
    "a_voice_that_is_dead_for_good_is_stood_in_for_to_the_end",
    troubled(Trouble(dies, ())),
    *always, expected.said_in_all(GREETING), expected.said_in_all(LONG_REPLY),
)  # fmt: skip
