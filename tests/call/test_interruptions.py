"""What interrupts, what does not, and what becomes of the voice, the tools and the history then."""

from __future__ import annotations

import pytest

from mediasrv.call import CallSettings, Interruptibility
from mediasrv.media import Dtmf
from tests.call.conversing import LONG, Outcome, converse

ASKED = (4.0, 5.2)
TALKING = f"""
[[hears]]
text = "What do you do all day?"
[[hears]]
text = "WORDS"
[[reply]]
text = "{LONG}"
"""


def saying(words: str) -> str:
    return TALKING.replace("WORDS", words)


async def heard_through(call: Outcome) -> None:
    reply = call.turns[0]
    assert (reply["ending"], reply["heard"].split()) == ("completed", LONG.split())


@pytest.mark.parametrize("words", ["mm-hm", "uh-huh", "okay right", "yeah"])
async def test_a_backchannel_pauses_the_voice_and_it_goes_on(autojump_clock: object, words: str) -> None:
    call = await converse(saying(words), [ASKED, (8.0, 8.45)], hang_up_at=30)
    await heard_through(call)
    assert [entry["rule"] for entry in call.noted("reject")] == ["backchannel"]
    assert call.turns[0]["holds"] == call.turns[0]["rejects"] == 1


@pytest.mark.parametrize("before_s", [0.15, 0.3, 0.5, 0.9, 1.3])
@pytest.mark.parametrize(("mark", "answered"), [("?", True), (".", False)])
async def test_a_yes_over_the_last_words_answers_a_question_and_no_statement(
    autojump_clock: object, before_s: float, mark: str, answered: bool
) -> None:
    script = f"""
    [[hears]]
    text = "I want a table."
    [[hears]]
    text = "Yes."
    [[reply]]
    turn = 1
    text = "Very well. Shall I book it for eight o'clock this evening then{mark}"
    [[reply]]
    text = "Booked."
    """
    undisturbed = await converse(script, [ASKED], hang_up_at=12)
    until = undisturbed.noted("finished")[0]["ms"] / 1000
    yes = (until - before_s, until - before_s + 0.45)
    call = await converse(script, [ASKED, yes], hang_up_at=15)
    reply = call.turns[0]
    assert (reply["ending"], reply["heard"]) == ("completed", reply["said"])
    assert [entry["rule"] for entry in call.noted("reject")] == ["backchannel"]
    assert [turn["asked"] for turn in call.turns[1:] if turn["kind"] == "reply"] == ["Yes."] * answered
    assert [entry["words"] for entry in call.noted("answer")] == ["Yes."] * answered


@pytest.mark.parametrize("length_ms", [60, 120, 200, 240])
async def test_a_cough_pauses_the_voice_and_it_goes_on(autojump_clock: object, length_ms: int) -> None:
    call = await converse(saying("what"), [ASKED, (8.0, 8.0 + length_ms / 1000)], hang_up_at=30)
    await heard_through(call)
    assert [entry["rule"] for entry in call.noted("reject")] == ["cough"]


async def test_after_a_false_alarm_the_word_is_begun_again(autojump_clock: object) -> None:
    call = await converse(saying("what"), [ASKED, (8.0, 8.1)], hang_up_at=30)
    at = next(entry["source"] for entry in call.noted("held"))
    resumed = min(sent.source for sent in call.stream.sent if 8.1 < sent.at < 10)
    assert at - 8_000 < resumed <= at
    assert call.turns[0]["sent_ms"] > 0


async def test_speech_without_words_interrupts_when_it_goes_on(autojump_clock: object) -> None:
    script = TALKING.replace("WORDS", "") + '[ears]\notherwise = ""\n'
    call = await converse(script, [ASKED, (8.0, 10.0)], hang_up_at=12)
    assert [entry["rule"] for entry in call.noted("confirm")] == ["unbroken"]


async def test_no_hold_stands_longer_than_the_limit(autojump_clock: object) -> None:
    for until in (8.3, 8.5, 8.6, 9.0):
        call = await converse(saying("mm-hm"), [ASKED, (8.0, until)], hang_up_at=12)
        held = next(entry["ms"] for entry in call.noted("hold"))
        decided = next(
            e["ms"] for e in call.timeline if e["event"] in ("confirm", "reject") and e["ms"] >= held
        )
        assert decided - held <= 700 + 20


async def test_who_goes_on_within_the_window_asks_one_question(autojump_clock: object) -> None:
    script = """
    [[hears]]
    text = "I want a table."
    [[hears]]
    text = "For four people."
    [[reply]]
    text = "Certainly, that can be done without any trouble at all."
    """
    call = await converse(script, [(1.0, 2.0), (2.5, 3.5)], hang_up_at=12)
    first, second = call.turns[:2]
    assert first["ending"] == "replaced"
    assert second["asked"] == "I want a table. For four people."
    assert second["ending"] == "completed"


async def test_a_key_interrupts(autojump_clock: object) -> None:
    call = await converse(
        saying("what"), [ASKED], hang_up_at=20, events=[(8.0, Dtmf("1", 100, 0)), (8.5, Dtmf("#", 100, 0))]
    )
    first, second = call.turns[:2]
    assert (first["ending"], second["asked"]) == ("user_barge_in", "1")


async def test_a_notice_is_not_interrupted_but_the_greeting_after_it_is(autojump_clock: object) -> None:
    script = (
        f'uninterruptible = "This call is recorded, as the law wants you to know."\ngreeting = "{LONG}"\n'
    )
    call = await converse(script, [(1.0, 2.0), (6.5, 8.0)], hang_up_at=9)
    greeting = call.turns[0]
    assert greeting["heard"].startswith("This call is recorded, as the law wants you to know.")
    assert greeting["ending"] == "user_barge_in"
    assert call.stream.holds == [1]


@pytest.mark.parametrize("first_sound_ms", [60, 600])
@pytest.mark.parametrize("from_s", [0.02, 0.3])
async def test_a_notice_is_heard_though_the_caller_speaks_before_it_does(
    autojump_clock: object, first_sound_ms: int, from_s: float
) -> None:
    notice, greeting = "This call is recorded for legal reasons.", "Good day, how can I help?"
    script = f"""
    uninterruptible = "{notice}"
    greeting = "{greeting}"
    [voice]
    first_sound_ms = {first_sound_ms}
    [[hears]]
    text = "Hello, is there anybody?"
    """
    call = await converse(script, [(from_s, 1.6)], hang_up_at=12)
    first, second = call.turns[:2]
    assert (first["ending"], first["heard"]) == ("completed", f"{notice} {greeting}")
    assert second["asked"] == "Hello, is there anybody?"
    assert call.noted("hold") == []


async def test_an_agent_that_is_not_to_be_interrupted_is_not(autojump_clock: object) -> None:
    settings = CallSettings(interruptibility=Interruptibility(enabled=False))
    call = await converse(saying("stop it"), [ASKED, (8.0, 9.0)], hang_up_at=40, settings=settings)
    await heard_through(call)
    assert call.stream.holds == []


# ---- tools -----------------------------------------------------------------------------------------------------

TOOLS = """
[[hears]]
text = "Please do it."
[[hears]]
text = "Stop, I do not want that."
[[reply]]
hears = ["do it"]
text = "I am looking into it."
tools = [{{ name = "work" }}]
then = "That is done, and I hope that you are happy with it now."
[[reply]]
text = "Very well."
[[tool]]
name = "work"
on_cancel = "{policy}"
takes_ms = {takes_ms}
result = "worked"
"""


def tool_of(call: Outcome) -> dict[str, object]:
    tools = call.turns[0]["tools"]
    assert len(tools) == 1
    return dict(tools[0])


@pytest.mark.parametrize("policy", ["cancel", "shield", "commit_if_heard"])
async def test_a_tool_that_nobody_interrupts_is_done(autojump_clock: object, policy: str) -> None:
    call = await converse(TOOLS.format(policy=policy, takes_ms=500), [(1.0, 2.0)], hang_up_at=20)
    assert call.turns[0]["ending"] == "completed"
    assert [entry["outcome"] for entry in call.noted("tool_ended")] == ["done"]


@pytest.mark.parametrize(
    ("policy", "outcomes", "recorded"),
    [
        ("cancel", ["cancelled"], "cancelled"),
        ("shield", ["done"], "pending"),
        ("commit_if_heard", ["withdrawn"], "withdrawn"),
    ],
)
async def test_an_interruption_treats_a_tool_as_it_declared(
    autojump_clock: object, policy: str, outcomes: list[str], recorded: str
) -> None:
    takes_ms = 100 if policy == "commit_if_heard" else 5_000
    call = await converse(
        TOOLS.format(policy=policy, takes_ms=takes_ms), [(1.0, 2.0), (4.0, 5.5)], hang_up_at=20
    )
    assert call.turns[0]["ending"] == "user_barge_in"
    assert tool_of(call)["outcome"] == recorded
    assert [entry["outcome"] for entry in call.noted("tool_ended")] == outcomes
    assert call.turns[0]["cancel_ms"] < 10


async def test_a_shielded_tool_outlives_the_call_that_asked_for_it(autojump_clock: object) -> None:
    call = await converse(TOOLS.format(policy="shield", takes_ms=3_000), [(1.0, 2.0)], hang_up_at=3.0)
    assert [entry["outcome"] for entry in call.noted("tool_ended")] == ["done"]


async def test_a_tool_that_never_answers_is_given_up(autojump_clock: object) -> None:
    script = TOOLS.format(policy="cancel", takes_ms=600_000)
    call = await converse(script, [(1.0, 2.0)], hang_up_at=30)
    assert tool_of(call)["outcome"] == "timed_out"
    assert call.turns[0]["ending"] == "completed"


async def test_the_agent_hangs_up_only_after_its_last_words_were_heard(autojump_clock: object) -> None:
    script = """
    [[reply]]
    text = "Thank you for calling us today."
    tools = [{ name = "hang_up" }]
    then = "Good-bye!"
    [[tool]]
    name = "hang_up"
    on_cancel = "commit_if_heard"
    ends_call = true
    """
    call = await converse(script, [(1.0, 2.0)])
    assert call.record.ending == "agent_hung_up"
    assert call.turns[0]["heard"] == "Thank you for calling us today. Good-bye!"
    call = await converse(script, [(1.0, 2.0), (4.5, 6.0)], hang_up_at=7)
    assert call.record.ending == "caller_hung_up"


async def test_an_agent_whose_hang_up_was_withdrawn_can_hang_up_later(autojump_clock: object) -> None:
    script = f"""
    [[hears]]
    text = "Good-bye."
    [[hears]]
    text = "Wait, I have another question."
    [[hears]]
    text = "Good-bye."
    [[reply]]
    hears = ["good-bye"]
    text = "Thank you."
    tools = [{{ name = "hang_up" }}]
    then = "{LONG}"
    [[reply]]
    text = "Please ask."
    [[tool]]
    name = "hang_up"
    on_cancel = "shield"
    ends_call = true
    """
    call = await converse(script, [(1.0, 2.0), (6.0, 7.5), (13.0, 14.0)])
    assert call.record.ending == "agent_hung_up"
    assert call.turns[0]["ending"] == "user_barge_in"


async def test_a_tool_that_ends_the_call_does_not_for_a_reply_that_nobody_heard(
    autojump_clock: object,
) -> None:
    script = f"""
    [[hears]]
    text = "Good-bye."
    [[hears]]
    text = "Wait, I have another question."
    [[reply]]
    hears = ["good-bye"]
    tools = [{{ name = "hang_up" }}]
    then = "{LONG}"
    [[reply]]
    text = "Please ask."
    [[tool]]
    name = "hang_up"
    on_cancel = "POLICY"
    ends_call = true
    """
    for policy in ("cancel", "shield"):
        call = await converse(script.replace("POLICY", policy), [(1.0, 2.0), (6.0, 7.5)], hang_up_at=20)
        assert call.record.ending == "caller_hung_up"
        assert [entry["outcome"] for entry in call.noted("tool_ended")] == ["withdrawn"]
