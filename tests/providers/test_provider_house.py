"""Declared providers: opened once, named by agents, and what is wrong with them is found at the start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal

import pytest
import trio

from mediasrv.config import ProviderSettings, Secret, load
from mediasrv.errors import ConfigError
from mediasrv.providers import adapters
from mediasrv.providers.adapters import Declared
from mediasrv.providers.house import ProviderHouse
from mediasrv.providers.protocols import LanguageModel, LlmRequest, Message, TextDelta, Usage, waits_of
from mediasrv.providers.resilience import Patience
from mediasrv.providers.resilience.member import MARGIN_S
from tests.fakes.providers import FakeNet
from tests.fakes.providers.openai_chat import KEY, OpenAiChat, chunk
from tests.providers.failing import Model

REQUEST = LlmRequest([Message("user", "hello")])


@pytest.fixture
async def net() -> AsyncIterator[FakeNet]:
    async with trio.open_nursery() as nursery:
        yield FakeNet(nursery)
        nursery.cancel_scope.cancel()


def openai(**more) -> ProviderSettings:
    return ProviderSettings(adapter="openai", key=Secret(KEY), **more)


async def said(model: LanguageModel) -> str:
    async with aclosing(model.stream(REQUEST)) as deltas:
        return "".join([delta.text async for delta in deltas if isinstance(delta, TextDelta)])


async def test_a_declared_model_answers_over_the_net(autojump_clock, net: FakeNet) -> None:
    net.stand("api.openai.com", OpenAiChat([chunk({"content": "hi"})]).server().serve)
    async with ProviderHouse({"mind": openai()}, net=net) as house:
        assert await said(house.model(["mind"])) == "hi"
        assert house.states() == {"mind": "closed"}
    assert net.open == 0


async def test_what_was_used_is_charged_by_the_adapters_price_list(autojump_clock, net: FakeNet) -> None:
    fake = OpenAiChat([chunk({"content": "hi"})], tokens=(1_000_000, 0, 0))
    net.stand("api.openai.com", fake.server().serve)
    async with ProviderHouse({"mind": openai()}, net=net) as house:
        async with aclosing(house.model(["mind"]).stream(REQUEST)) as deltas:
            (used,) = [delta async for delta in deltas if isinstance(delta, Usage)]
    assert (used.provider, used.cost_usd) == ("mind", Decimal("0.15"))


async def test_the_second_answers_where_the_first_is_gone(autojump_clock, net: FakeNet) -> None:
    net.stand("other.example", OpenAiChat([chunk({"content": "hi"})]).server().serve)
    declared = {"first": openai(), "second": openai(base_url="https://other.example/v1/")}
    told: list[tuple[str, str]] = []
    async with ProviderHouse(declared, net=net, told=lambda *what: told.append(what)) as house:
        assert await said(house.model(["first", "second"])) == "hi"
    assert told[-1] == ("second", "used")


async def test_each_of_a_list_has_the_time_and_the_attempts_it_was_declared_with(
    autojump_clock, net: FakeNet
) -> None:
    declared = {"first": openai(first_s=1.0, attempts=1), "second": openai(first_s=6.0, attempts=2)}
    async with ProviderHouse(declared, net=net) as house:
        longest_s = [waits_of(house.model(names)).first_s for names in (["first"], ["second"])]
        both_s = waits_of(house.model(["first", "second"])).first_s
    assert longest_s == [1.0 + MARGIN_S, 2 * 6.0 + Patience().longest_pause_s + MARGIN_S]
    assert both_s == sum(longest_s) - MARGIN_S


async def test_a_key_may_stand_in_the_adapters_own_variable(autojump_clock, net: FakeNet) -> None:
    net.stand("api.openai.com", OpenAiChat([chunk({"content": "hi"})]).server().serve)
    settings = {"mind": ProviderSettings(adapter="openai")}
    async with ProviderHouse(settings, net=net, environment={"OPENAI_API_KEY": KEY}) as house:
        assert await said(house.model(["mind"])) == "hi"


async def test_warm_connections_are_there_before_the_first_turn(autojump_clock, net: FakeNet) -> None:
    net.stand("api.openai.com", OpenAiChat([chunk({"content": "hi"})]).server().serve)
    async with ProviderHouse({"mind": openai()}, net=net) as house:
        mind = house.model(["mind"])  # and as ears and a voice, which it could be too, nobody wants it
        await house.warm()
        await said(mind)
        assert len(net.connections) == 1


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (ProviderSettings(adapter="openia"), "openai"),
        (ProviderSettings(adapter="openai"), "OPENAI_API_KEY"),
        (ProviderSettings(adapter="vllm"), "model"),
    ],
)
async def test_what_cannot_work_is_found_at_the_start(
    autojump_clock, net: FakeNet, settings: ProviderSettings, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        async with ProviderHouse({"mind": settings}, net=net, environment={}):
            pass


async def test_a_model_is_no_voice_and_a_name_that_nobody_has_is_told(autojump_clock, net: FakeNet) -> None:
    async with ProviderHouse({"mind": ProviderSettings(adapter="groq", key=Secret(KEY))}, net=net) as house:
        with pytest.raises(ConfigError, match="no such provider"):
            house.voice(["mind"])
        with pytest.raises(ConfigError, match="mind"):
            house.model(["mnid"])
        with pytest.raises(ConfigError, match="must name"):
            house.model([])


async def test_a_new_adapter_is_a_function_and_a_line_in_the_table(
    autojump_clock, net: FakeNet, monkeypatch
) -> None:
    @asynccontextmanager
    async def brand_new(declared: Declared) -> AsyncIterator[LanguageModel]:
        yield Model(declared.name, [["it works"]])

    monkeypatch.setitem(adapters.MODELS, "brand_new", brand_new)
    async with ProviderHouse({"mind": ProviderSettings(adapter="brand_new")}, net=net) as house:
        assert await said(house.model(["mind"])) == "it works"


def test_a_key_is_never_shown() -> None:
    settings = load(
        environment={"MEDIASRV_PROVIDERS__MIND__ADAPTER": "openai", "MEDIASRV_PROVIDERS__MIND__KEY": KEY}
    )
    assert settings.providers["mind"].key.text == KEY
    assert KEY not in repr(settings)
    assert KEY not in str(settings.providers["mind"].key)
    with pytest.raises(ConfigError) as wrong:
        load(flags={"providers.mind.key": ("--key", KEY), "providers.mind.attempts": ("--attempts", "no")})
    assert KEY not in str(wrong.value)
