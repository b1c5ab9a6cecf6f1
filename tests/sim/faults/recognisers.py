"""A recogniser that dies, stalls or talks nonsense; and companies of them, which lose no word.

`Knowing` ears hear what was really pushed: they know when the caller said which word, and sound carries the time at
which it was heard. So what was lost is not told, and what was heard again is told again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk
from mediasrv.providers.protocols import SpeechToText, SttStream, Transcript, Usage
from mediasrv.providers.resilience import Member, SteadyEars
from tests.sim import expectations as expect
from tests.sim.agents import agent_script
from tests.sim.caller import Spoken
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.models import AGAIN, QUESTION, ask_twice
from tests.sim.faults.stage import Parts, agent_of, told
from tests.sim.faults.talk import MS, Talk
from tests.sim.faults.unruly import Misdeed, Trouble, UnrulyEars, dies, gives, raises, stalls
from tests.sim.scenario import Expectation, Staging
from tests.sim.script import Music
from tests.sim.world import World

QUIET_MS = 400  # of it closes an utterance
WORDLESS_MS = 1_000  # of speech in which there is no word: it says that there is none
HEARD_SHARE = 0.6  # of a word must have been pushed, or it was not understood


@dataclass
class Knowing:
    """A recogniser that knows what the caller says."""

    spoken: Callable[[], Sequence[Spoken]]
    name: str = "knowing"
    words_after_ms: float = 0.0

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        await trio.lowlevel.checkpoint()
        yield _KnowingStream(self.spoken)


@dataclass
class _KnowingStream:
    spoken: Callable[[], Sequence[Spoken]]
    heard_ms: float = 0.0  # of sound, since it was opened
    words: dict[tuple[int, int], float] = field(default_factory=dict)  # ms of each that came
    told: str = ""
    began_ms: float = 0.0
    quiet_ms: float = 0.0
    wordless_ms: float = 0.0  # what the gate took for speech, since the last word

    def __post_init__(self) -> None:
        self._give, self._take = trio.open_memory_channel[Transcript](64)

    def used(self) -> Sequence[Usage]:
        return ()

    async def push(self, chunk: EarsChunk) -> None:
        for span in chunk.spans:
            length_ms = span.samples * 1_000 / EARS_RATE_HZ
            word = self._word_at(span.at_ns)
            self.wordless_ms = self.wordless_ms + length_ms if span.speech and word is None else 0.0
            if word is not None:
                self.began_ms = self.heard_ms if not self.words else self.began_ms
                self.words[word] = self.words.get(word, 0.0) + length_ms
            self.heard_ms += length_ms
            self.quiet_ms = 0.0 if word is not None else self.quiet_ms + length_ms
        await self._tell()

    async def next(self) -> Transcript:
        return await self._take.receive()

    async def _tell(self) -> None:
        await trio.lowlevel.checkpoint()
        text = " ".join(self._text(word) for word in sorted(self.words) if self._understood(word))
        final = bool(text) and self.quiet_ms >= QUIET_MS
        if final or text != self.told:
            self.told = text
            await self._give.send(Transcript(text, final, 0.95, self.began_ms, self.heard_ms))
        if final:
            self.words, self.told = {}, ""
        if self.wordless_ms >= WORDLESS_MS:
            self.wordless_ms = 0.0
            await self._give.send(Transcript("", False, 0.95, self.began_ms, self.heard_ms))

    def _word_at(self, at_ns: int) -> tuple[int, int] | None:
        """Which word of which utterance sounded then: each has its share of the time."""
        for number, said in enumerate(self.spoken()):
            if said.text and said.voiced_ns <= at_ns < said.ends_ns:
                share = (at_ns - said.voiced_ns) / (said.ends_ns - said.voiced_ns)
                return number, int(share * len(said.text.split()))
        return None

    def _text(self, word: tuple[int, int]) -> str:
        return self.spoken()[word[0]].text.split()[word[1]]

    def _understood(self, word: tuple[int, int]) -> bool:
        said = self.spoken()[word[0]]
        whole_ms = (said.ends_ns - said.voiced_ns) / 1e6 / len(said.text.split())
        return self.words[word] >= HEARD_SHARE * whole_ms


def hearing(
    make: Callable[[SpeechToText], SpeechToText], story: Callable[[Talk], object] = ask_twice
) -> Staging:
    """An agent whose ears are made around knowing ones."""

    def stage(world: World) -> None:
        knowing = Knowing(lambda: world.callers[0].spoken)
        parts = Parts(ears=lambda inner: make(knowing))
        world.server._agents["scripted"] = agent_of(agent_script(), parts)
        told(story)(world)  # type: ignore[arg-type]

    return stage


# ---- one recogniser, opened again ---------------------------------------------------------------------------------

survives = (expect.ending("local"), expected.answered_after_all, expect.no_interruption)
for how, misdeed in {"dies": dies, "stalls": stalls, "raises": raises}.items():
    for where, after in (("open", 0), ("push", 10), ("next", 0)):
        silent = (how, where) == ("stalls", "next")  # the caller must speak before that shows
        trouble = Trouble(misdeed, (1,) if silent else (1, 2), after)
        enter(
            f"ears_{how}_in_{where}",
            hearing(lambda inner, where=where, trouble=trouble: UnrulyEars(inner, where, trouble)),  # type: ignore[misc]
            *survives, expected.noted("stt_failed"),
        )  # fmt: skip


def transcript(text: str, *, final: bool = True, confidence: float = 0.9) -> Misdeed:
    return gives(Transcript(text, final, confidence, 0.0, 1.0))


NONSENSE: dict[str, Misdeed] = {
    "nothing_for_an_utterance": transcript(""),
    "a_book_of_words": transcript("word " * 20_000, final=False),
    "confidence_beyond_all_measure": transcript("hm", final=False, confidence=float("nan")),
    "times_that_run_backwards": gives(Transcript("hm", False, 0.5, 900.0, -1.0)),
    "what_is_no_transcript": gives(42),
}
for what, misdeed in NONSENSE.items():
    trouble = Trouble(misdeed, (1,))
    enter(
        f"ears_tell_{what}",
        hearing(lambda inner, trouble=trouble: UnrulyEars(inner, "next", trouble)),  # type: ignore[misc]
        expect.ending("local"), expected.answered_after_all,
    )  # fmt: skip


async def nobody_hears(talk: Talk) -> None:
    await talk.over()


enter(
    "ears_dead_for_good",
    hearing(lambda inner: UnrulyEars(inner, "open", Trouble(dies, ())), nobody_hears),
    expect.ending("bye"), expect.call_ended_by("fault"),
)  # fmt: skip


# ---- nothing to hear ------------------------------------------------------------------------------------------


async def put_on_hold(talk: Talk) -> None:
    """Between two questions the caller sees to something else, and we hear the music that is played meanwhile."""
    await talk.ask(QUESTION)
    Music(30_000).do(talk.caller)
    back_ns = talk.caller.spoken[-1].ends_ns + 1_000 * MS
    await talk.until(lambda: talk.now_ns > back_ns, "the music is over")
    talk.say(AGAIN)
    await talk.my_turn()
    talk.hang_up()


enter(
    "half_a_minute_of_hold_music_is_nobodys_failure",
    hearing(lambda inner: SteadyEars("company", [Member("only", inner)], Random(1)), put_on_hold),
    *survives, expected.asked(QUESTION, AGAIN), expected.never_noted("stt_failed"),
)  # fmt: skip


# ---- several, and nothing is lost ---------------------------------------------------------------------------------


def company(where: str, trouble: Trouble, *, second: bool = False) -> Staging:
    """The first is unruly; `second`: another one stands by, else the first is asked again."""

    def make(knowing: SpeechToText) -> SpeechToText:
        members: list[Member[SpeechToText]] = [Member("first", UnrulyEars(knowing, where, trouble))]
        if second:
            members.append(Member("second", knowing))
        return SteadyEars("company", members, Random(1))

    return hearing(make)


# Of a recogniser that stalls, what was told before may have to do for an answer; the whole follows.
WHOLE: dict[str, Expectation] = {
    "die": expected.asked(QUESTION, AGAIN),
    "raise": expected.asked(QUESTION, AGAIN),
    "stall": expected.understood(QUESTION, AGAIN),
}
for how, misdeed in {"die": dies, "raise": raises, "stall": stalls}.items():
    for second in (False, True):
        mate = "with_another_at_hand" if second else "and_are_asked_again"
        for moment, where, after in (
            ("before_a_word", "next", 0),
            ("in_mid_utterance", "next", 2),
            ("behind_a_final_word", "next", 4),
            ("while_they_take_sound", "push", 400),
        ):
            enter(
                f"no_word_is_lost_when_ears_{how}_{moment}_{mate}",
                company(where, Trouble(misdeed, (1,), after), second=second),
                *survives, WHOLE[how], expected.never_apologised,
            )  # fmt: skip
