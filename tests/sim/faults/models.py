"""A language model that dies, stalls or talks nonsense, at each await of a turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

from mediasrv.providers.protocols import LanguageModel, TextDelta, ToolCall, ToolFragment, ToolRequest
from mediasrv.providers.resilience import Member, SteadyModel
from tests.sim import expectations as expect
from tests.sim.agents import LONG_REPLY, agent_script
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.stage import Parts, agent_of, told, with_agent
from tests.sim.faults.talk import Talk
from tests.sim.faults.unruly import Misdeed, Trouble, UnrulyModel, dies, gives, gives_for_ever, raises, stalls
from tests.sim.scenario import Expectation, Staging

QUESTION, TOOL, AGAIN = "tell me everything.", "use the tool.", "what else is there?"
TOKENS = LONG_REPLY.split()
FIRST_SENTENCE = next(k for k, token in enumerate(TOKENS, 1) if token.endswith("."))

MOMENTS = {  # pieces of the reply that have come
    "at_its_opening": 0,
    "after_the_first_word": 1,
    "within_a_sentence": 7,
    "between_two_sentences": FIRST_SENTENCE,
    "behind_the_last_word": -1,
}


async def ask_twice(talk: Talk, *, first: str = QUESTION) -> None:
    """A question that is met by the fault, and one after it."""
    await talk.ask(first)
    talk.say(AGAIN)
    await talk.my_turn()
    talk.hang_up()


def troubled(trouble: Trouble, first: str = QUESTION) -> Staging:
    parts = Parts(model=lambda inner: UnrulyModel(inner, trouble))
    script = agent_script(first, AGAIN)
    return with_agent(lambda: agent_of(script, parts), told(partial(ask_twice, first=first)))


def enter_model(name: str, trouble: Trouble, *expects: Expectation, first: str = QUESTION) -> None:
    always = (expect.ending("local"), expected.answered_after_all, expect.no_interruption)
    enter(name, troubled(trouble, first), *always, *expects)


for how, misdeed in {"dies": dies, "stalls": stalls, "raises": raises}.items():
    for moment, after in MOMENTS.items():
        enter_model(f"model_{how}_{moment}", Trouble(misdeed, after=after), expected.apologised)
    enter_model(f"model_{how}_after_a_tool", Trouble(misdeed, (2,)), expected.apologised, first=TOOL)
    enter_model(
        f"model_{how}_within_the_words_after_a_tool",
        Trouble(misdeed, (2,), after=4),
        expected.apologised,
        first=TOOL,
    )


def one_of_two(inner: LanguageModel) -> LanguageModel:
    """It stalls, and another stands behind it in the list."""
    first = UnrulyModel(inner, Trouble(stalls))
    return SteadyModel("minds", [Member("first", first), Member("second", inner)], Random(1))


enter(
    "model_stalls_at_its_opening_with_another_in_the_list",
    with_agent(lambda: agent_of(agent_script(QUESTION, AGAIN), Parts(model=one_of_two)), told(ask_twice)),
    expect.ending("local"), expected.answered_after_all, expected.never_apologised, expect.no_interruption,
)  # fmt: skip


def asks_for(*calls: ToolCall) -> Misdeed:
    return gives(*(ToolRequest(call) for call in calls))


UNKNOWN = ToolCall("u1", "no_such_tool", {})
RUBBISH: dict[str, tuple[Trouble, Sequence[Expectation]]] = {
    "asks_for_a_tool_that_is_none": (Trouble(asks_for(UNKNOWN)), ()),
    "asks_for_tools_in_a_ring": (
        Trouble(asks_for(ToolCall("r1", "work", {})), range(1, 20)), (expected.apologised,)
    ),
    "gives_arguments_that_are_none": (
        Trouble(asks_for(ToolCall("a1", "work", "{not json"))), (expected.apologised,)  # type: ignore[arg-type]
    ),
    "asks_for_tools_without_end": (
        Trouble(gives_for_ever(ToolRequest(ToolCall("e1", "work", {})))), (expected.apologised,)
    ),
    "writes_a_call_without_end": (Trouble(gives_for_ever(ToolFragment("and "))), (expected.apologised,)),
    "asks_twice_under_one_name": (
        Trouble(asks_for(ToolCall("t1", "work", {}), ToolCall("t1", "work", {}))), ()
    ),
    "writes_without_end": (Trouble(gives_for_ever(TextDelta("and "))), ()),
    "writes_spaces_without_end": (Trouble(gives_for_ever(TextDelta(" "))), (expected.apologised,)),
    "writes_nothing": (Trouble(gives()), (expected.apologised,)),
    "gives_what_is_no_piece": (Trouble(gives(42, None)), (expected.apologised,)),
    "writes_bytes": (Trouble(gives(TextDelta(b"hello"))), (expected.apologised,)),  # type: ignore[arg-type]
    "writes_empty_pieces_without_end": (Trouble(gives_for_ever(TextDelta(""))), (expected.apologised,)),
    "writes_signs_alone": (Trouble(gives(TextDelta("*** ---"))), (expected.apologised,)),
}  # fmt: skip
for what, (trouble, expects) in RUBBISH.items():
    enter(
        f"model_{what}", troubled(trouble), expect.ending("local" if what != "asks_for_tools_in_a_ring" else "bye"),
        *expects,
    )  # fmt: skip
