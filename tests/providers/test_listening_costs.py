"""What listening costs: all that a service was sent, or each piece; and what had to be heard twice, once in vain."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import pytest
import trio

from mediasrv.providers.protocols import SpeechToText, Transcript, Usage
from mediasrv.providers.resilience import Member, SteadyEars
from mediasrv.providers.sound import AudioMeter, split
from tests.fakes.providers.hearing import DeepgramSocket, SarvamFiles, SarvamSocketEars, Whisper, spoken
from tests.providers.failing import Ears, failure
from tests.providers.test_hearing import ears, say
from tests.providers.test_resilience import chunk, company, final


def ms_of(used: Sequence[Usage], *, in_vain: bool | None = None) -> int:
    return sum(use.units["audio_ms"] for use in used if in_vain in (None, use.in_vain))


def usd_of(used: Sequence[Usage]) -> Decimal:
    return sum((use.cost_usd for use in used), Decimal(0))


async def listened(stt: SpeechToText, chunks: int, finals: int) -> tuple[list[Transcript], list[Usage]]:
    """All that was said, and all that was charged, asked for at each transcript and at the end."""
    found, used = list[Transcript](), list[Usage]()
    async with stt.open("en") as stream:

        async def push() -> None:
            for number in range(chunks):
                await stream.push(chunk(number))
                await trio.sleep(0.02)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(push)
            while len(found) < finals:
                found.append(await stream.next())
                used += stream.used()
    used += stream.used()
    return found, used


@pytest.mark.parametrize(
    ("adapter", "fake", "per_hour_usd"),
    [("deepgram", DeepgramSocket, "0.354"), ("sarvam", SarvamSocketEars, "0.072")],
)
async def test_a_stream_is_charged_by_all_that_was_sent_silence_included(
    autojump_clock, adapter: str, fake, per_hour_usd: str
) -> None:
    chunks = spoken("one", "two")
    async with ears(adapter, fake()) as (stt, _), stt.open("en") as stream:
        await say(stream, chunks)
        await stream.next()
        await trio.sleep(0.1)
    used = stream.used()
    assert ms_of(used) == 20 * len(chunks)
    exact = Decimal(per_hour_usd) * 20 * len(chunks) / 3_600_000
    assert abs(usd_of(used) - exact) < len(used) * Decimal("1e-11")  # each use is kept to 12 places
    assert (used[0].provider, ms_of(used, in_vain=True)) == ("ears", 0)


@pytest.mark.parametrize(
    ("adapter", "fake", "per_minute_usd"),
    [("openai", Whisper, "0.006"), ("sarvam-batch", SarvamFiles, "0.0012")],
)
async def test_a_service_of_pieces_is_charged_by_the_pieces_that_it_answered(
    autojump_clock, adapter: str, fake, per_minute_usd: str
) -> None:
    async with ears(adapter, fake()) as (stt, _), stt.open("en") as stream:
        await say(stream, spoken("one"))
        heard = await stream.next()
        used = stream.used()
    assert ms_of(used) == heard.end_ms - heard.start_ms < 20 * len(spoken("one"))
    assert usd_of(used) == Decimal(per_minute_usd) * ms_of(used) / 60_000


async def test_what_is_heard_again_by_another_was_paid_for_once_in_vain(autojump_clock) -> None:
    first = Ears("a", [[(200, final("one", 0, 100)), (300, failure(retryable=False))]])
    second = Ears("b", [[(400, final("two", 20, 300))]])
    _, used = await listened(company(first, second), 50, 2)
    lost = [use for use in used if use.in_vain]
    assert ({use.provider for use in lost}, ms_of(lost)) == ({"a"}, 200)  # from 100 to 300 ms
    assert ms_of(used) == 50 * 20 + 200
    assert usd_of(used) == Decimal(50 * 20 + 200) / 1000


async def test_a_call_that_ends_while_somebody_speaks_has_paid_for_nothing_in_vain(autojump_clock) -> None:
    only = Ears("a", [[(100, final("one", 0, 60))]])
    _, used = await listened(company(only), 20, 1)
    assert (ms_of(used), ms_of(used, in_vain=True)) == (400, 0)


async def test_nothing_is_in_vain_where_a_service_fails_that_charges_for_answers(autojump_clock) -> None:
    fake = Whisper()
    async with ears("openai", fake, attempts=3) as (stt, _), stt.open("en") as stream:
        await say(stream, spoken("one"))
        await stream.next()

        async def busy(exchange) -> None:
            fake.instead = None
            await exchange.answer(500, {"error": {"message": "busy"}})

        fake.instead = busy
        await say(stream, spoken("two"))
        assert (await stream.next()).text == "two"
    used = stream.used()
    assert ms_of(used, in_vain=True) == 0
    assert ms_of(used) < 20 * len(spoken("one") + spoken("two"))


async def test_one_that_cannot_be_opened_costs_nothing(autojump_clock) -> None:
    first, second = Ears("a", [[(-1, failure(retryable=False))]]), Ears("b", [[(60, final("one", 0, 60))]])
    _, used = await listened(SteadyEars("x", [Member("a", first), Member("b", second)], Random(1)), 5, 1)
    assert {use.provider for use in used} == {"b"}


def test_uses_are_split_at_any_place_and_nothing_of_them_is_lost() -> None:
    used = [Usage("a", "m", {"audio_ms": ms}, Decimal(ms) / 7) for ms in (100, 300, 200)]
    for last_ms in (0, 1, 199, 200, 201, 600, 700):
        before, last = split(used, last_ms)
        assert ms_of(last) == min(last_ms, 600)
        assert ms_of(before) == 600 - ms_of(last)
        assert abs(usd_of(before) + usd_of(last) - usd_of(used)) < Decimal("1e-20")


def test_parts_of_a_millisecond_are_kept_for_the_next_time() -> None:
    meter = AudioMeter("a", "m", lambda usage: usage)
    meter.add(0.75)
    assert meter.take() == ()
    meter.add(0.75)
    assert ms_of(meter.take()) == 1
    meter.add(0.5)
    assert ms_of(meter.take()) == 1
