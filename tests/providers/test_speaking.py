"""Voices over the net against servers that speak their documented protocols: whole passages, and each way to fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal

import pytest
import trio

from mediasrv.config import ProviderSettings, Secret
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import ProviderError, SpeechChunk, TextToSpeech, Usage, WordTime
from mediasrv.providers.sarvam.voice import language_of
from tests.fakes.providers import Exchange, FakeNet
from tests.fakes.providers.speech import (
    KEY,
    ElevenLabsHttp,
    ElevenLabsSocket,
    OpenAiSpeech,
    SarvamSocket,
    tone,
)

TEXT = "one two three"
ADAPTERS = ("openai", "elevenlabs", "elevenlabs-socket", "sarvam")
HOSTS = {
    "openai": "api.openai.com",
    "elevenlabs": "api.elevenlabs.io",
    "elevenlabs-socket": "api.elevenlabs.io",
    "sarvam": "api.sarvam.ai",
}
FAKES = {
    "openai": OpenAiSpeech,
    "elevenlabs": ElevenLabsHttp,
    "elevenlabs-socket": ElevenLabsSocket,
    "sarvam": SarvamSocket,
}
RATES_HZ = {"openai": 24_000, "elevenlabs": 16_000, "elevenlabs-socket": 16_000, "sarvam": 16_000}


@asynccontextmanager
async def voice(
    adapter: str, fake, key: str = KEY, **settings
) -> AsyncIterator[tuple[TextToSpeech, FakeNet]]:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        net.stand(HOSTS[adapter], fake.server().serve)
        declared = {"voice": ProviderSettings(adapter=adapter, key=Secret(key), attempts=1, **settings)}
        async with ProviderHouse(declared, net=net) as house:
            yield house.voice(["voice"]), net
        nursery.cancel_scope.cancel()


async def said(tts: TextToSpeech, text: str = TEXT, by: str = "") -> list[SpeechChunk]:
    async with aclosing(tts.stream(text, by)) as chunks:
        return [chunk async for chunk in chunks]


def heard(chunks: list[SpeechChunk]) -> bytes:
    return b"".join(chunk.pcm for chunk in chunks)


def words(chunks: list[SpeechChunk]) -> list[WordTime]:
    return [word for chunk in chunks for word in chunk.words]


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_passage_is_sound_of_the_right_length_and_rate_and_is_charged(
    autojump_clock, adapter: str
) -> None:
    async with voice(adapter, FAKES[adapter]()) as (tts, net):
        chunks = await said(tts)
    rate_hz = RATES_HZ[adapter]
    assert {chunk.rate_hz for chunk in chunks} == {rate_hz}
    assert len(heard(chunks)) == len(tone(180, rate_hz))
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert usage.units == {"characters": len(TEXT)}
    assert net.open == 0


@pytest.mark.parametrize("adapter", ["elevenlabs", "elevenlabs-socket"])
async def test_each_word_lies_where_it_sounds(autojump_clock, adapter: str) -> None:
    async with voice(adapter, FAKES[adapter]()) as (tts, _):
        found = words(await said(tts))
    assert [word.text for word in found] == ["one", "two", "three"]
    for word, start_ms in zip(found, (0, 60, 120), strict=True):
        assert word.start_ms == pytest.approx(start_ms, abs=1)
        assert word.end_ms == pytest.approx(start_ms + 60, abs=1)


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_nothing_to_say_asks_nobody(autojump_clock, adapter: str) -> None:
    async with voice(adapter, FAKES[adapter]()) as (tts, net):
        assert await said(tts, "  \n") == []
        assert net.connections == []


async def test_openai_is_asked_for_bare_samples_and_odd_pieces_do_not_matter(autojump_clock) -> None:
    for fake in (OpenAiSpeech(cut=1), OpenAiSpeech(cut=777), OpenAiSpeech(cut=10, as_wav=True)):
        async with voice("openai", fake, options={"instructions": "slowly"}) as (tts, _):
            assert heard(await said(tts, by="nova")) == tone(180, 24_000)
        assert fake.bodies == [
            {
                "model": "gpt-4o-mini-tts",
                "input": TEXT,
                "voice": "nova",
                "response_format": "pcm",
                "instructions": "slowly",
            }
        ]


async def test_elevenlabs_is_asked_for_the_voice_in_its_path_and_settings_in_their_places(
    autojump_clock,
) -> None:
    fake = ElevenLabsHttp(letters_a_line=1)
    async with voice("elevenlabs", fake, options={"stability": 0.5, "language_code": "en"}) as (tts, _):
        await said(tts, by="anna")
    (request,) = fake.requests
    assert request.path == "/v1/text-to-speech/anna/stream/with-timestamps"
    assert request.query == {"output_format": "pcm_16000"}
    assert request.json() == {
        "text": TEXT, "model_id": "eleven_flash_v2_5", "language_code": "en", "voice_settings": {"stability": 0.5},
    }  # fmt: skip


async def test_the_socket_is_told_the_text_and_that_it_is_all(autojump_clock) -> None:
    fake = ElevenLabsSocket()
    async with voice("elevenlabs-socket", fake, options={"speed": 1.1}) as (tts, _):
        await said(tts, by="anna")
    assert [message["text"] for message in fake.sent] == [" ", f"{TEXT} ", ""]
    assert fake.sent[0]["voice_settings"] == {"speed": 1.1}
    assert fake.web.resources[0].startswith("/v1/text-to-speech/anna/stream-input?model_id=eleven_flash_v2_5")


async def test_sarvam_is_configured_before_it_is_told_anything(autojump_clock) -> None:
    fake = SarvamSocket()
    async with voice("sarvam", fake, options={"pace": 1.2}) as (tts, _):
        await said(tts, "\u0928\u092e\u0938\u094d\u0924\u0947 " * 500)  # longer than one message may be
    assert fake.sent[0] == {
        "type": "config",
        "data": {
            "target_language_code": "hi-IN", "speaker": "anushka", "speech_sample_rate": "16000",
            "output_audio_codec": "linear16", "min_buffer_size": 30, "pace": 1.2,
        },
    }  # fmt: skip
    parts = [message["data"]["text"] for message in fake.sent if message["type"] == "text"]
    assert len(parts) == 2
    assert all(len(part) <= 2_500 and part.endswith(" ") for part in parts)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hello", "en-IN"),
        ("ok \u0ba8\u0ba9\u0bcd\u0bb1\u0bbf", "ta-IN"),
        ("\u0d28", "ml-IN"),
        ("\u0985", "bn-IN"),
        ("", "en-IN"),
    ],
)
def test_a_language_is_told_by_its_script(text: str, language: str) -> None:
    assert language_of(text) == language


async def test_a_voice_that_the_price_list_knows_costs_something(autojump_clock) -> None:
    async with voice("elevenlabs", ElevenLabsHttp(), model="eleven_multilingual_v2") as (tts, _):
        used = [chunk.usage for chunk in await said(tts) if chunk.usage]
    assert used == [Usage("voice", "eleven_multilingual_v2", {"characters": 13}, Decimal("0.0039"))]


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_passage_that_is_left_at_its_first_sound_is_paid_for_all_the_same(
    autojump_clock, adapter: str
) -> None:
    async with voice(adapter, FAKES[adapter]()) as (tts, _), aclosing(tts.stream(TEXT, "")) as chunks:
        async for chunk in chunks:
            if chunk.pcm:
                break
    assert chunk.usage is not None
    assert chunk.usage.units == {"characters": len(TEXT)}


# ---- faults ------------------------------------------------------------------------------------------------------


async def failed(adapter: str, fake, **more) -> tuple[ProviderError, list[SpeechChunk]]:
    chunks: list[SpeechChunk] = []
    async with voice(adapter, fake, **more) as (tts, net):
        with pytest.raises(ProviderError) as raised:
            await _gather(tts, chunks)
    assert net.open == 0
    assert KEY not in str(raised.value)
    return raised.value, chunks


async def _gather(tts: TextToSpeech, into: list[SpeechChunk]) -> None:
    async with aclosing(tts.stream(TEXT, "")) as chunks:
        async for chunk in chunks:
            into.append(chunk)


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_wrong_key_is_not_tried_again(autojump_clock, adapter: str) -> None:
    error, chunks = await failed(adapter, FAKES[adapter](), key="wrong")
    assert not error.retryable
    assert heard(chunks) == b""


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_nobody_there_is_worth_another_try(autojump_clock, adapter: str) -> None:
    async with trio.open_nursery() as nursery:
        net = FakeNet(nursery)
        declared = {"voice": ProviderSettings(adapter=adapter, key=Secret(KEY), attempts=1)}
        async with ProviderHouse(declared, net=net) as house:
            with pytest.raises(ProviderError) as raised:
                await said(house.voice(["voice"]))
    assert raised.value.retryable


@pytest.mark.parametrize("adapter", ["openai", "elevenlabs"])
@pytest.mark.parametrize(("status", "retryable"), [(400, False), (422, False), (429, True), (503, True)])
async def test_statuses(autojump_clock, adapter: str, status: int, retryable: bool) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(
            status, {"detail": {"status": "quota", "message": "too much"}}, {"Retry-After": "9"}
        )

    error, _ = await failed(adapter, FAKES[adapter](instead=refuse))
    assert (error.retryable, error.retry_after_s) == (retryable, 9)
    assert "too much" in str(error)


@pytest.mark.parametrize("adapter", ["openai", "elevenlabs"])
async def test_a_body_that_breaks_off_or_stalls(autojump_clock, adapter: str) -> None:
    beginning = tone(60, 24_000) if adapter == "openai" else ElevenLabsHttp().lines("one", 16_000)[0]

    async def die(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.piece(beginning)
        exchange.die()

    async def stall(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.piece(beginning)
        await trio.sleep_forever()

    for instead in (die, stall):
        _, chunks = await failed(adapter, FAKES[adapter](instead=instead))
        assert heard(chunks)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>\n",
        b'{"audio_base64": "!!"}\n',
        b"[1]\n",
        b"{" * 50_000 + b"\n",
        b'{"audio_base64": "T2dnUw=="}\n',
    ],
)
async def test_elevenlabs_talking_nonsense(autojump_clock, body: bytes) -> None:
    async def rubbish(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    await failed("elevenlabs", ElevenLabsHttp(instead=rubbish))


async def test_elevenlabs_without_alignment_is_sound_without_words(autojump_clock) -> None:
    async def plain(exchange: Exchange) -> None:
        line = json.loads(ElevenLabsHttp().lines("one", 16_000)[0]) | {"alignment": None}
        other = line | {"alignment": {"characters": "x", "character_start_times_seconds": "y"}}
        await exchange.answer(200, "\n".join(map(json.dumps, (line, other, {"new": 1}))).encode())

    async with voice("elevenlabs", ElevenLabsHttp(instead=plain)) as (tts, _):
        chunks = await said(tts)
    assert heard(chunks)
    assert words(chunks) == []


async def _close(connection) -> None:
    await connection.aclose(1011, "internal")


async def _die(connection) -> None:
    await trio.aclose_forcefully(connection._stream)
    await trio.sleep_forever()


async def _stall(connection) -> None:
    await trio.sleep_forever()


async def _rubbish(connection) -> None:
    await connection.send_message("{")
    await trio.sleep_forever()


@pytest.mark.parametrize("adapter", ["elevenlabs-socket", "sarvam"])
@pytest.mark.parametrize("act", [_close, _die, _stall, _rubbish])
@pytest.mark.parametrize("after", [0, 1])
async def test_a_socket_that_fails_in_the_middle(autojump_clock, adapter: str, act, after: int) -> None:
    began = trio.current_time()
    _, chunks = await failed(adapter, FAKES[adapter](after=after, act=act))
    assert len(heard(chunks)) == len(tone(60 * after, 16_000))
    assert trio.current_time() - began < 10


@pytest.mark.parametrize(
    ("adapter", "message", "retryable"),
    [
        ("elevenlabs-socket", {"message": "busy", "error": "system_busy", "code": 1011}, True),
        ("elevenlabs-socket", {"message": "used up", "error": "quota_exceeded", "code": 1008}, False),
        ("sarvam", {"type": "error", "data": {"message": "slow down", "code": 429}}, True),
        ("sarvam", {"type": "error", "data": {"message": "bad speaker", "code": 422}}, False),
    ],
)
async def test_an_error_that_is_told_in_a_message(
    autojump_clock, adapter: str, message, retryable: bool
) -> None:
    async def tell(connection) -> None:
        await connection.send_message(json.dumps(message))
        await trio.sleep_forever()

    error, _ = await failed(adapter, FAKES[adapter](after=1, act=tell))
    assert error.retryable is retryable


@pytest.mark.parametrize("adapter", ["elevenlabs-socket", "sarvam"])
async def test_messages_of_kinds_that_nobody_knows_are_passed_over(autojump_clock, adapter: str) -> None:
    async def chatter(connection) -> None:
        for message in ({"type": "ping"}, {"new": {"x": 1}}, {"type": "audio"}, {"alignment": {"chars": 5}}):
            await connection.send_message(json.dumps(message))

    async with voice(adapter, FAKES[adapter](after=1, act=chatter)) as (tts, _):
        assert len(heard(await said(tts))) == len(tone(180, 16_000))


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_voice_that_is_interrupted_leaves_at_once_and_leaves_nothing(
    autojump_clock, adapter: str
) -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.begin()
        await trio.sleep_forever()

    fake = (
        FAKES[adapter](instead=slow)
        if adapter in ("openai", "elevenlabs")
        else FAKES[adapter](after=0, act=_stall)
    )
    async with voice(adapter, fake) as (tts, net):
        with trio.move_on_after(1) as scope:
            await said(tts)
        assert scope.cancelled_caught
        assert trio.current_time() - scope.deadline < 0.6
        await trio.sleep(1)
        assert net.open == 0
