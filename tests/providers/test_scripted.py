"""The scripted providers, through their ordinary faces."""

from __future__ import annotations

from contextlib import aclosing, suppress
from itertools import pairwise

import pytest
import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, Span
from mediasrv.errors import ConfigError
from mediasrv.providers.protocols import (
    LlmDelta,
    LlmRequest,
    Message,
    ProviderError,
    SttStream,
    TextDelta,
    ToolRequest,
    Transcript,
    Usage,
)
from mediasrv.providers.registry import scripted
from mediasrv.providers.script import parse_script, read_script

FRAME = EARS_RATE_HZ // 50


def chunk(*, speech: bool) -> EarsChunk:
    return EarsChunk(bytes(2 * FRAME), (Span(0, 0, FRAME, speech=speech),))


async def hear(stream: SttStream, *runs: tuple[int, bool]) -> list[Transcript]:
    """Pushes runs of (milliseconds, speech) and returns everything that was said about them."""
    said: list[Transcript] = []

    async def listen() -> None:
        while True:
            said.append(await stream.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        for length_ms, speech in runs:
            for _ in range(length_ms // 20):
                await stream.push(chunk(speech=speech))
                await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return said


EARS = """
[ears]
first_word_ms = 300
word_ms = 200
final_ms = 100
shortest_ms = 200
otherwise = ""
[[hears]]
text = "one two three"
[[hears]]
text = "four"
"""


async def test_words_come_with_the_speech_and_the_final_after_it() -> None:
    stt = scripted(parse_script(EARS)).stt
    async with stt.open("en") as stream:
        said = await hear(stream, (200, False), (600, True), (200, False), (700, True), (200, False))
    assert [(t.text, t.final) for t in said] == [
        ("one", False), ("one two", False), ("one two three", True), ("four", False), ("four", True),
    ]  # fmt: skip
    assert said[0].end_ms - said[0].start_ms == 300


async def test_a_cough_has_no_words_and_uses_none_up() -> None:
    stt = scripted(parse_script(EARS)).stt
    async with stt.open("en") as stream:
        said = await hear(stream, (100, True), (200, False), (400, True), (200, False))
    assert [(t.text, t.final) for t in said] == [("", True), ("one", False), ("one two three", True)]


async def test_of_speech_without_words_that_is_told_while_it_lasts_and_when_it_is_over() -> None:
    stt = scripted(parse_script(EARS.replace("one two three", ""))).stt
    async with stt.open("en") as stream:
        said = await hear(stream, (700, True), (200, False), (400, True), (200, False))
    assert [(t.text, t.final) for t in said] == [
        ("", False), ("", False), ("", False), ("", True), ("four", False), ("four", True),
    ]  # fmt: skip


async def test_a_stream_that_is_opened_again_goes_on_in_the_script() -> None:
    stt = scripted(parse_script(EARS)).stt
    async with stt.open("en") as stream:
        await hear(stream, (400, True), (200, False))
    async with stt.open("en") as stream:
        said = await hear(stream, (400, True), (200, False))
    assert [t.text for t in said if t.final] == ["four"]


async def test_sound_that_is_given_again_is_heard_anew_and_the_call_is_no_older_for_it(
    autojump_clock: object,
) -> None:
    stt = scripted(parse_script(EARS.replace('"four"', '"four"\nat_ms = 900'))).stt
    sound = [EarsChunk(bytes(2 * FRAME), (Span(k, 20_000_000 * k, FRAME, speech=True),)) for k in range(45)]
    async with stt.open("en") as stream:
        for each in sound[:30]:
            await stream.push(each)
        assert [(await stream.next()).text for _ in range(2)] == ["one", "one two"]
    async with stt.open("en") as stream:
        for each in sound[:44]:
            await stream.push(each)
        with trio.fail_after(1):
            said = [await stream.next() for _ in range(3)]
        await stream.push(sound[44])
        with trio.fail_after(1):
            timed = await stream.next()
    assert [(t.text, t.end_ms) for t in said] == [("one", 300), ("one two", 500), ("one two three", 700)]
    assert (timed.text, timed.final) == ("four", True)


async def test_transcripts_may_come_at_given_times() -> None:
    stt = scripted(parse_script('[[hears]]\ntext = "now"\nat_ms = 500\n')).stt
    async with stt.open("en") as stream:
        said = await hear(stream, (400, False))
        assert said == []
        said = await hear(stream, (200, False))
    assert [(t.text, t.final, t.end_ms) for t in said] == [("now", True, 500)]


MODEL = """
[model]
first_token_ms = 100
token_ms = 10
[[reply]]
hears = ["table"]
text = "A table, yes."
tools = [{ name = "look", arguments = { people = 4 } }]
then = "It is {result}."
[[reply]]
turn = 2
text = "Second."
[[reply]]
text = "Other."
first_token_ms = 0
[[tool]]
name = "look"
"""


async def write(llm_script: str, *messages: Message) -> list[LlmDelta]:
    llm = scripted(parse_script(llm_script)).llm
    async with aclosing(llm.stream(LlmRequest(messages))) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[LlmDelta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def test_a_reply_is_chosen_by_words_and_takes_its_time(autojump_clock: object) -> None:
    began = trio.current_time()
    deltas = await write(MODEL, Message("user", "Is there a table?"))
    assert text_of(deltas) == "A table, yes."
    assert trio.current_time() - began == pytest.approx(0.13)
    assert [d.call.name for d in deltas if isinstance(d, ToolRequest)] == ["look"]
    usage = deltas[-1]
    assert isinstance(usage, Usage)
    assert usage.units == {"input_tokens": 4, "output_tokens": 3}


async def test_after_its_tools_it_goes_on_with_their_result(autojump_clock: object) -> None:
    deltas = await write(MODEL, Message("user", "a table"), Message("tool", "free", tool_call_id="call-1"))
    assert text_of(deltas) == "It is free."
    assert not any(isinstance(d, ToolRequest) for d in deltas)


async def test_words_match_whole_words_only(autojump_clock: object) -> None:
    assert text_of(await write(MODEL, Message("user", "that is stable"))) == "Other."


async def test_a_reply_may_be_chosen_by_number(autojump_clock: object) -> None:
    llm = scripted(parse_script(MODEL)).llm
    said = []
    for _ in range(2):
        async with aclosing(llm.stream(LlmRequest([Message("user", "hm")]))) as deltas:
            said.append(text_of([delta async for delta in deltas]))
    assert said == ["Other.", "Second."]


@pytest.mark.parametrize("after", [0, 2])
async def test_a_fault_strikes_after_as_many_tokens_as_it_says(autojump_clock: object, after: int) -> None:
    script = parse_script(
        f'[[reply]]\ntext = "a b c d"\n[[fault]]\nof = "llm"\nrequest = 1\nafter = {after}\n'
    )
    llm, got = scripted(script).llm, []
    async with aclosing(llm.stream(LlmRequest([Message("user", "hm")]))) as deltas:
        with suppress(ProviderError):
            async for delta in deltas:
                got.append(delta)
    assert len(got) == after


@pytest.mark.parametrize("kind", ["formant", "tone"])
async def test_a_voice_says_every_word_where_it_says_it(autojump_clock: object, kind: str) -> None:
    tts = scripted(parse_script(f'[voice]\nkind = "{kind}"\n')).tts
    chunks = [chunk async for chunk in tts.stream("Good day to you.", "mid")]
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in words] == ["Good", "day", "to", "you."]
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(words))
    sound_ms = sum(len(chunk.pcm) for chunk in chunks) / 2 * 1000 / 8_000
    assert words[-1].end_ms <= sound_ms
    assert chunks[-1].usage is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense = 1", "nonsense"),
        ("[voice]\nkind = 'opera'", "opera"),
        ("[[reply]]\nhears = ['a']", "needs a text or tools"),
        ("[[reply]]\ntools = [{ name = 'fly' }]", "no such"),
        ("[[fault]]\nof = 'llm'\nrequest = 0", "counts from 1"),
        ("[[fault", "array declaration"),
    ],
)
def test_a_wrong_script_is_refused_and_says_why(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_script(text)


def test_the_script_that_is_shipped_can_be_read() -> None:
    assert read_script().greeting
    with pytest.raises(ConfigError, match="No such file"):
        read_script("/nowhere/at/all.toml")
