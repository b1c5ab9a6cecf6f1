"""Faults on the wire to a provider: refusals, rate limits, deaths, nonsense; through the real adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from tests.fakes.providers import Exchange
from tests.fakes.providers.openai_chat import OpenAiChat, chunk, tool_fragments
from tests.fakes.providers.speech import ElevenLabsHttp, ElevenLabsSocket
from tests.sim import expectations as expect
from tests.sim.agents import agent_script
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.models import AGAIN, QUESTION, ask_twice
from tests.sim.faults.talk import Talk, Unmet
from tests.sim.faults.wiring import MIND, SPARE_MIND, SPARE_VOICE, VOICE, Wires, wired
from tests.sim.scenario import Expectation

ANSWER = "There is a table at eight, and there is another one at nine."
SPARE_ANSWER = "The house is full tonight."
SCRIPT = agent_script(QUESTION, AGAIN)

Instead = Callable[[Exchange], Awaitable[None]]


def mind(text: str, instead: Instead | None = None) -> OpenAiChat:
    chunks = [chunk({"content": f"{word} "}) for word in text.split()]
    return OpenAiChat(chunks=chunks, instead=instead, first_s=0.1, each_s=0.02)


def first_time(instead: Instead, text: str = ANSWER, times: int = 1) -> OpenAiChat:
    """Does that at first, and is itself again."""
    server = mind(text)

    async def act(exchange: Exchange) -> None:
        if len(server.bodies) >= times:
            server.instead = None
        await instead(exchange)

    server.instead = act
    return server


def answers(status: int, **headers: str) -> Instead:
    async def act(exchange: Exchange) -> None:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        await exchange.answer(status, {"error": {"message": "no"}}, headers=told)

    return act


def streams(*events: object, then: Callable[[Exchange], Awaitable[None]] | None = None) -> Instead:
    async def act(exchange: Exchange) -> None:
        await exchange.begin(200, {"Content-Type": "text/event-stream"})
        await exchange.events(*events, pause_s=0.02)
        if then is not None:
            await then(exchange)
        await exchange.end()

    return act


async def dies(exchange: Exchange) -> None:
    exchange.die()


async def stalls(exchange: Exchange) -> None:
    await trio.sleep_forever()


async def never_ends(exchange: Exchange) -> None:
    while True:
        await exchange.events(chunk({"content": "and "}), pause_s=0.1)


WORDS: list[Any] = [chunk({"content": f"{word} "}) for word in ["There", "is", "a", "table"]]
REWOUND = (
    expected.apologised,
    expected.answered_after_all,
)  # what had begun is not continued by another mind
REPLACED = (expected.never_apologised, expected.said_in_all(SPARE_ANSWER), expected.answered_after_all)
UNNOTICED = (expected.never_apologised, expected.said_in_all(ANSWER), expected.answered_after_all)

MINDS: dict[str, tuple[Instead, int, tuple[Expectation, ...]]] = {
    "limits_its_rate_and_says_for_how_long": (answers(429, Retry_After="0.5"), 1, UNNOTICED),
    "limits_its_rate_for_longer_than_anybody_waits": (answers(429, Retry_After="30"), 1, REPLACED),
    "is_overloaded_once": (answers(503), 1, UNNOTICED),
    "is_overloaded_for_long": (answers(503), 9, REPLACED),
    "does_not_know_our_key": (answers(401), 9, REPLACED),
    "does_not_know_the_model": (answers(404), 9, REPLACED),
    "dies_before_its_first_word": (dies, 9, REPLACED),
    "stalls_before_its_first_word": (stalls, 9, REPLACED),
    "sends_what_is_no_json": (streams("{not json"), 9, REPLACED),
    "dies_in_mid_stream": (streams(*WORDS, then=dies), 1, REWOUND),
    "stalls_in_mid_stream": (streams(*WORDS, then=stalls), 1, REWOUND),
    "sends_what_is_no_json_in_mid_stream": (streams(*WORDS, "{not json"), 1, REWOUND),
    "ends_without_an_end": (streams(*WORDS), 1, REWOUND),
    "asks_for_a_tool_with_half_its_arguments": (
        streams(*tool_fragments(0, "c1", "book", '{"people": 4')), 1, (expected.answered_after_all,)
    ),
    "writes_without_end_on_the_wire": (streams(then=never_ends), 1, (expected.answered_after_all,)),
}  # fmt: skip
for what, (instead, times, expects) in MINDS.items():

    def stand(instead: Instead = instead, times: int = times) -> Any:
        return first_time(instead, times=times).server().serve

    wires = Wires(
        SCRIPT,
        {MIND: stand, SPARE_MIND: lambda: mind(SPARE_ANSWER).server().serve},
        minds=["mind", "spare_mind"],
    )
    enter(f"mind_{what}", wired(wires, ask_twice), expect.ending("local"), expect.no_interruption, *expects)

enter(
    "mind_is_not_there",
    wired(
        Wires(SCRIPT, {SPARE_MIND: lambda: mind(SPARE_ANSWER).server().serve}, minds=["mind", "spare_mind"]),
        ask_twice,
    ),
    expect.ending("local"), *REPLACED,
)  # fmt: skip


# ---- the breaker ----------------------------------------------------------------------------------------------------

FAILURES, REST_S = 5, 60.0


class Counted:
    """A mind that is overloaded until it is well; every run has another."""

    server: OpenAiChat

    def stand(self) -> Any:
        self.server = mind(ANSWER, answers(503))
        return self.server.server().serve


counted = Counted()


async def ask_until_the_breaker_opens(talk: Talk) -> None:
    """Five failures in a row, and the mind is left alone; a minute later one question finds out that it is well."""
    await talk.my_turn()
    for number in range(1, 6):
        await talk.ask(f"question {number} if you please.")
    asked = len(counted.server.bodies)
    if asked != FAILURES:
        raise Unmet(f"the mind was asked {asked} times, not {FAILURES}, before it was left alone")
    counted.server.instead = None
    began_ns = talk.now_ns
    while talk.now_ns - began_ns < REST_S * 1e9:
        await talk.ask("and what else?")
    await talk.ask("and at last?")
    if len(counted.server.bodies) <= FAILURES:
        raise Unmet("a mind that is well again is never asked again")
    talk.hang_up()


questions = agent_script(*["what else is there?"] * 40)
both_minds = {MIND: counted.stand, SPARE_MIND: lambda: mind(SPARE_ANSWER).server().serve}
enter(
    "breaker_of_a_mind_opens_and_closes_again",
    wired(
        Wires(questions, both_minds, minds=["mind", "spare_mind"]),
        ask_until_the_breaker_opens,
    ),
    expect.ending("local"), expected.never_apologised, expected.said_in_all(SPARE_ANSWER),
    expected.said_in_all(ANSWER),
)  # fmt: skip


# ---- voices ---------------------------------------------------------------------------------------------------------


async def closes(connection: Any) -> None:
    await connection.aclose(1011, "internal error")


async def says_nothing_more(connection: Any) -> None:
    await trio.sleep_forever()


async def sends_rubbish(connection: Any) -> None:
    await connection.send_message("{not json")


VOICES: dict[str, Callable[[], Any]] = {
    "is_cut_off_in_mid_word": lambda: ElevenLabsSocket(after=5, act=closes),
    "is_cut_off_at_its_first_word": lambda: ElevenLabsSocket(after=0, act=closes),
    "stalls_in_mid_sentence": lambda: ElevenLabsSocket(after=5, act=says_nothing_more),
    "sends_rubbish_in_mid_sentence": lambda: ElevenLabsSocket(after=5, act=sends_rubbish),
}


def stand_spare() -> Any:
    return ElevenLabsHttp().server().serve


def both_voices(make: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    return {VOICE: lambda: make().server().serve, SPARE_VOICE: stand_spare}


for what, make in VOICES.items():
    wires = Wires(SCRIPT, both_voices(make), voices=["voice", "spare_voice"])
    enter(
        f"voice_on_the_wire_{what}", wired(wires, ask_twice),
        expect.ending("local"), expected.never_apologised, expected.answered_after_all, expected.nothing_left_out,
    )  # fmt: skip
enter(
    "voices_on_the_wire_are_all_dead", wired(Wires(SCRIPT, {}, voices=["voice", "spare_voice"]), ask_twice),
    expect.ending("local"), expected.never_apologised, expected.answered_after_all, expected.nothing_left_out,
)  # fmt: skip
