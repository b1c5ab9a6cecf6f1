"""Recognisers over the net against servers that hear as documented: whole calls, and each way to fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from mediasrv.audio import EARS_RATE_HZ, EarsChunk, Span, duration_ms
from mediasrv.config import ProviderSettings, Secret
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.openai.transcription import confidence_of
from mediasrv.providers.protocols import ProviderError, SpeechToText, SttStream, Transcript
from mediasrv.providers.sound.utterances import UtteranceCutter
from tests.fakes.providers import Exchange, FakeNet
from tests.fakes.providers.hearing import (
    CHUNK_MS,
    KEY,
    DeepgramSocket,
    SarvamFiles,
    SarvamSocketEars,
    Whisper,
    heard_in,
    pcm_of,
    spoken,
)

HOSTS = {
    "deepgram": "api.deepgram.com",
    "sarvam": "api.sarvam.ai",
    "sarvam-batch": "api.sarvam.ai",
    "openai": "api.openai.com",
    "groq": "api.groq.com",
}
FAKES = {
    "deepgram": DeepgramSocket,
    "sarvam": SarvamSocketEars,
    "sarvam-batch": SarvamFiles,
    "openai": Whisper,
    "groq": Whisper,
}
FILES = {"openai": Whisper, "sarvam-batch": SarvamFiles}
SOCKETS = ("deepgram", "sarvam")
WITHIN_S = 90.0  # everything has been said and answered


@asynccontextmanager
async def ears(adapter: str, fake, key: str = KEY, **settings) -> AsyncIterator[tuple[SpeechToText, FakeNet]]:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOSTS[adapter], fake.server().serve)
        declared = {
            "ears": ProviderSettings(adapter=adapter, key=Secret(key), **({"attempts": 1} | settings))
        }
        async with ProviderHouse(declared, net=net) as house:
            yield house.ears(["ears"]), net
        nursery.cancel_scope.cancel()


async def say(stream: SttStream, chunks: Sequence[EarsChunk]) -> None:
    for chunk in chunks:
        await stream.push(chunk)
        await trio.sleep(duration_ms(chunk.pcm, EARS_RATE_HZ) / 1_000)


async def transcripts(stt: SpeechToText, chunks: Sequence[EarsChunk], finals: int) -> list[Transcript]:
    found: list[Transcript] = []
    async with stt.open("en") as stream:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + WITHIN_S
            nursery.start_soon(say, stream, chunks)
            while sum(each.final for each in found) < finals:
                found.append(await stream.next())
            nursery.cancel_scope.cancel()
    return found


@pytest.mark.parametrize("adapter", FAKES)
async def test_what_is_said_is_heard_once_and_where_it_lies(autojump_clock, adapter: str) -> None:
    async with ears(adapter, FAKES[adapter]()) as (stt, net):
        chunks = spoken("one", "two") + spoken("three")
        found = [each for each in await transcripts(stt, chunks, 2) if each.final]
        assert [each.text for each in found] == ["one two", "three"]
        assert found[0].start_ms <= 600 <= 1_000 <= found[0].end_ms <= 1_700
        assert found[1].start_ms <= 2_200 <= 2_400 <= found[1].end_ms
        assert all(0 < each.confidence <= 1 for each in found)
        await trio.sleep(1)
        assert net.open == (0 if adapter in SOCKETS else 1)  # HTTP keeps its connection for the next piece


async def test_deepgram_revises_until_it_is_told_that_the_caller_has_paused(autojump_clock) -> None:
    fake = DeepgramSocket()
    async with ears("deepgram", fake, options={"keywords": "mediasrv:2"}) as (stt, _):
        found = await transcripts(stt, spoken("one", "two"), 1)
    assert [(each.text, each.final) for each in found] == [
        ("one", False),
        ("one two", False),
        ("one two", True),
    ]
    query = {name: values[0] for name, values in parse_qs(urlsplit(fake.web.resources[0]).query).items()}
    assert query == {
        "model": "nova-2-phonecall", "language": "en", "encoding": "linear16", "sample_rate": "16000", "channels": "1",
        "interim_results": "true", "punctuate": "true", "endpointing": "300", "keywords": "mediasrv:2",
    }  # fmt: skip


async def test_a_line_on_which_nothing_comes_is_kept_alive(autojump_clock) -> None:
    fake = DeepgramSocket()
    async with ears("deepgram", fake) as (stt, _):
        async with stt.open("en"):
            await trio.sleep(13)
    assert fake.messages == [{"type": "KeepAlive"}] * 3


async def test_whisper_is_asked_about_speech_only_and_in_its_own_words(autojump_clock) -> None:
    fake = Whisper()
    async with ears("openai", fake, options={"prompt": "mediasrv"}) as (stt, _):
        await transcripts(stt, spoken("one") + spoken() * 3, 1)
    assert fake.fields == [
        {
            "model": "whisper-1",
            "response_format": "verbose_json",
            "temperature": "0",
            "language": "en",
            "prompt": "mediasrv",
        }
    ]


async def test_whisper_tells_partials_while_somebody_speaks_where_that_is_wanted(autojump_clock) -> None:
    async with ears("groq", Whisper(), options={"partial_s": 0.4}) as (stt, _):
        found = await transcripts(stt, spoken("one", "two", "three", "four"), 1)
    assert [each.final for each in found].count(True) == 1
    partials = [each.text for each in found if not each.final]
    assert len(partials) >= 2
    assert all("one two three four".startswith(text) for text in partials)


async def test_sarvam_is_sent_each_piece_of_speech_and_told_the_language(autojump_clock) -> None:
    fake = SarvamFiles()
    async with ears("sarvam-batch", fake, options={"prompt": "mediasrv"}) as (stt, _):
        (found,) = await transcripts(stt, spoken("one") + spoken() * 3, 1)
    assert fake.fields == [{"model": "saarika:v2.5", "language_code": "en-IN", "prompt": "mediasrv"}]
    assert (fake.paths, found.language, found.confidence) == (["/speech-to-text"], "en", 0.7)


@pytest.mark.parametrize("model", ["saaras:v1", "saaras:v2", "saaras:v2.5"])
async def test_sarvams_translating_models_find_the_language_out(autojump_clock, model: str) -> None:
    fake = SarvamFiles(probability=0.9)
    async with ears("sarvam-batch", fake, model=model) as (stt, _):
        (found,) = await transcripts(stt, spoken("one"), 1)
    assert (fake.paths, fake.fields) == (["/speech-to-text-translate"], [{"model": model}])
    assert (found.text, found.language, found.confidence) == ("one", "hi", 0.9)


async def test_sarvam_without_a_language_finds_it_out_and_its_newer_models_are_told_their_mode(
    autojump_clock,
) -> None:
    fake = SarvamFiles(probability=0.6)
    settings = {"model": "saaras:v3", "options": {"mode": "translate"}}
    async with ears("sarvam-batch", fake, **settings) as (stt, _), stt.open("") as stream:
        await say(stream, spoken("one"))
        assert (await stream.next()).confidence == 0.6
    assert fake.fields == [{"model": "saaras:v3", "mode": "translate", "language_code": "unknown"}]
    assert fake.paths == ["/speech-to-text"]


async def test_a_slow_sarvam_answers_in_the_order_of_the_speech(autojump_clock) -> None:
    async with ears("sarvam-batch", SarvamFiles(takes_s=2.0)) as (stt, _):
        found = await transcripts(stt, spoken("one") + spoken("two") + spoken("three"), 3)
    assert [each.text for each in found] == ["one", "two", "three"]


async def test_a_slow_whisper_answers_in_the_order_of_the_speech(autojump_clock) -> None:
    async with ears("openai", Whisper(takes_s=2.0), options={"partial_s": 0.2}) as (stt, _):
        found = await transcripts(stt, spoken("one") + spoken("two") + spoken("three"), 3)
    assert [each.text for each in found if each.final] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("figures", "confidence"),
    [
        ({"avg_logprob": -0.5}, 1.0),
        ({"avg_logprob": -0.1}, 1.0),
        ({"avg_logprob": -3.0}, 0.0),
        ({"avg_logprob": -9.0}, 0.0),
        ({"avg_logprob": -1.75}, 0.5),
        ({"avg_logprob": -0.5, "no_speech_prob": 0.5}, 1.0),
        ({"avg_logprob": -0.5, "no_speech_prob": 0.75}, 0.25),
        ({"no_speech_prob": 0.9}, 0.7),
    ],
)
def test_confidence_is_what_the_models_figures_say(figures: dict[str, float], confidence: float) -> None:
    assert confidence_of({"segments": [figures]}) == pytest.approx(confidence)


@pytest.mark.parametrize(
    "told", [{}, {"segments": None}, {"segments": [None, "x"]}, {"segments": [{"avg_logprob": "x"}]}]
)
def test_without_figures_nothing_is_known(told) -> None:
    assert confidence_of(told) == 0.7


def test_pieces_begin_before_the_gate_heard_them_and_long_ones_are_cut() -> None:
    cutter = UtteranceCutter(before_ms=300)
    pieces = [piece for chunk in spoken("one", "two") if (piece := cutter.feed(chunk)) is not None]
    assert [[word for word, _, _ in heard_in(piece.pcm)] for piece in pieces] == [["one", "two"]]
    assert pieces[0].whole
    cutter = UtteranceCutter(before_ms=300, longest_ms=500)
    pieces = [piece for chunk in spoken("one", "two", "three") if (piece := cutter.feed(chunk)) is not None]
    assert len(pieces) > 1
    assert all(piece.whole for piece in pieces)  # nothing more comes to one that was cut
    joined = b"".join(piece.pcm for piece in pieces)
    assert [word for word, _, _ in heard_in(joined)] == ["one", "two", "three"]
    assert all(a.end_ms == b.start_ms for a, b in pairwise(pieces))


@pytest.mark.parametrize("adapter", FILES)
async def test_of_speech_that_is_cut_because_it_is_long_every_word_is_final(
    autojump_clock, adapter: str
) -> None:
    """31 s without a pause, of which the first words are before the cut and the others behind it."""
    chunks = spoken("one", *["two", "three"] * 77)
    async with ears(adapter, FAKES[adapter](takes_s=2.0)) as (stt, _):
        found = await transcripts(stt, chunks, 2)
    assert " ".join(each.text for each in found if each.final) == " ".join(["one", *["two", "three"] * 77])
    cut, rest = (each for each in found if each.final)
    assert cut.end_ms == rest.start_ms == 28_000 + cut.start_ms


# ---- answers without words ---------------------------------------------------------------------------------------

BOUNDLESS = {"sarvam"}  # say nothing of which sound an answer is about: one without words settles none


def music(ms: int) -> list[EarsChunk]:
    """What the gate takes for speech, and no server knows a word in."""
    spans = tuple(Span(0, 0, 320, speech=True) for _ in range(200 // CHUNK_MS))
    return [EarsChunk(pcm_of(0, 200), spans) for _ in range(ms // 200)]


@pytest.mark.parametrize("adapter", FAKES)
async def test_what_has_no_words_is_answered_without_words(autojump_clock, adapter: str) -> None:
    async with ears(adapter, FAKES[adapter]()) as (stt, _):
        found = await transcripts(stt, music(2_000) + spoken("one"), 1 + (adapter not in BOUNDLESS))
    finals = [each for each in found if each.final]
    assert not found[0].text
    assert [each.text for each in finals if each.text] == ["one"]
    if adapter in BOUNDLESS:
        assert len(finals) == 1
    else:
        assert 2_000 <= finals[0].end_ms <= finals[1].start_ms + 300


@pytest.mark.parametrize("bar_ms", [2_200, 30_000])
@pytest.mark.parametrize("adapter", FAKES)
async def test_a_recogniser_that_finds_no_words_in_music_is_not_taken_for_dead(
    autojump_clock, adapter: str, bar_ms: int
) -> None:
    """Half a minute of it, with pauses that the gate hears or without."""
    bars = (music(bar_ms) + spoken(pause_ms=160)) * (30_000 // bar_ms)
    pieces = 2 if bar_ms > 28_000 and adapter not in SOCKETS else 30_000 // bar_ms
    async with ears(adapter, FAKES[adapter]()) as (stt, net):
        finals = 1 if adapter in BOUNDLESS else pieces + 1
        found = await transcripts(stt, bars + spoken("one"), finals)
        told = [each.text for each in found if each.final or adapter in BOUNDLESS]
        assert told == [""] * pieces + ["one"]
        assert len(net.connections) == 1


# ---- faults ------------------------------------------------------------------------------------------------------


async def transcripts_or_fail(stt: SpeechToText) -> None:
    async with stt.open("en") as stream:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_say_quietly, stream)
            try:
                while True:
                    await stream.next()
            finally:
                nursery.cancel_scope.cancel()


async def _say_quietly(stream: SttStream) -> None:
    try:
        await say(stream, spoken("one", "two", "three") * 5)
    except ProviderError:
        await trio.sleep_forever()  # whoever listens is told the same


@pytest.mark.parametrize("adapter", FAKES)
async def test_a_wrong_key_is_not_tried_again(autojump_clock, adapter: str) -> None:
    with pytest.RaisesGroup(ProviderError, flatten_subgroups=True, allow_unwrapped=True) as raised:
        await failed_group(adapter, FAKES[adapter]())
    assert not only(raised.value).retryable


async def failed_group(adapter: str, fake) -> None:
    async with ears(adapter, fake, key="wrong") as (stt, _):
        await transcripts_or_fail(stt)


def only(error: BaseException) -> ProviderError:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ProviderError)
    return error


async def _close(connection) -> None:
    await connection.aclose(1011, "NET-0001")


async def _die(connection) -> None:
    await trio.aclose_forcefully(connection._stream)
    await trio.sleep_forever()


async def _rubbish(connection) -> None:
    await connection.send_message("{")


async def _half(connection) -> None:
    await connection.send_message(json.dumps({"type": "Results", "channel": {"alternatives": []}}))


async def _error(connection) -> None:
    told = {"type": "Error", "variant": "NET-0000", "description": "went away"}
    await connection.send_message(json.dumps(told))


async def _sarvam_error(connection) -> None:
    told = {"type": "error", "data": {"error": "slow down", "code": "rate_limit_exceeded_error"}}
    await connection.send_message(json.dumps(told))


@pytest.mark.parametrize(
    ("adapter", "act"),
    [("deepgram", act) for act in (_close, _die, _rubbish, _half, _error)]
    + [("sarvam", act) for act in (_close, _die, _rubbish, _sarvam_error)],
)
async def test_a_recogniser_that_fails_is_reconnected_and_nothing_is_lost(
    autojump_clock, adapter: str, act
) -> None:
    fake = FAKES[adapter](after_bytes=32_000, act=act)
    async with ears(adapter, fake, attempts=2) as (stt, _):
        found = await transcripts(stt, spoken("one", "two") + spoken("three"), 2)
    assert [each.text for each in found if each.final] == ["one two", "three"]
    assert len(fake.web.resources) == 2


@pytest.mark.parametrize("adapter", SOCKETS)
async def test_messages_of_kinds_that_nobody_knows_are_passed_over(autojump_clock, adapter: str) -> None:
    async def chatter(connection) -> None:
        for told in (
            {"type": "SpeechStarted"},
            {"type": "UtteranceEnd"},
            {"new": 1},
            {"type": "data", "data": None},
        ):
            await connection.send_message(json.dumps(told))

    async with ears(adapter, FAKES[adapter](after_bytes=32_000, act=chatter)) as (stt, _):
        found = await transcripts(stt, spoken("one"), 1)
    assert found[-1].text == "one"


@pytest.mark.parametrize("adapter", FILES)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_service_that_is_busy_is_asked_again_about_the_same_speech(
    autojump_clock, adapter: str, status: int
) -> None:
    fake = FILES[adapter]()

    async def busy(exchange: Exchange) -> None:
        fake.instead = None
        await exchange.answer(status, {"error": {"message": "busy"}})

    fake.instead = busy
    async with ears(adapter, fake, attempts=2) as (stt, _):
        found = await transcripts(stt, spoken("one") + spoken(), 1)
    assert found[0].text == "one"
    assert len(fake.fields) == 2


@pytest.mark.parametrize("adapter", FILES)
@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"text": 5, "transcript": 5}'])
async def test_a_service_talking_nonsense_is_an_error(autojump_clock, adapter: str, body: bytes) -> None:
    async def rubbish(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    with pytest.RaisesGroup(ProviderError, flatten_subgroups=True, allow_unwrapped=True):
        await _nonsense(adapter, FILES[adapter](instead=rubbish))


@pytest.mark.parametrize("adapter", FILES)
async def test_a_service_that_dies_in_mid_answer_is_asked_again(autojump_clock, adapter: str) -> None:
    fake = FILES[adapter]()

    async def die(exchange: Exchange) -> None:
        fake.instead = None
        await exchange.begin(200, {"Content-Type": "application/json"})
        await exchange.piece(b'{"te')
        exchange.die()

    fake.instead = die
    async with ears(adapter, fake, attempts=2) as (stt, _):
        found = await transcripts(stt, spoken("one") + spoken(), 1)
    assert found[0].text == "one"


@pytest.mark.parametrize("adapter", FILES)
async def test_a_service_that_is_left_while_it_thinks_leaves_nothing(autojump_clock, adapter: str) -> None:
    async with ears(adapter, FILES[adapter](takes_s=60.0)) as (stt, net):
        with trio.move_on_after(5):
            await transcripts(stt, spoken("one"), 1)
        assert trio.current_time() < 5.1
        assert net.open == 0


async def _nonsense(adapter: str, fake) -> None:
    async with ears(adapter, fake) as (stt, _):
        await transcripts_or_fail(stt)
