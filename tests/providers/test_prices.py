"""What a use costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mediasrv.config import ProviderSettings
from mediasrv.errors import ConfigError
from mediasrv.providers.adapters import Declared
from mediasrv.providers.prices import Price, PriceList, shipped
from mediasrv.providers.protocols import Usage
from mediasrv.providers.wire import TrioNet

DAY = date(2026, 1, 1)


def usage(provider: str, model: str, **units: int) -> Usage:
    return Usage(provider, model, units)


@pytest.mark.parametrize(
    ("used", "usd"),
    [
        (usage("openai", "gpt-4o-mini", input_tokens=1), "0.000000150000"),
        (usage("openai", "gpt-4o-mini", input_tokens=1_000_000, output_tokens=1_000_000), "0.750000000000"),
        (usage("openai", "gpt-4o-mini", input_tokens=1_000, cached_input_tokens=400), "0.000120000000"),
        (usage("sarvam", "saaras:v1", audio_ms=60_000), "0.001200000000"),
        (usage("sarvam", "bulbul:v2", characters=1_000), "0.016000000000"),
        (usage("elevenlabs", "eleven_multilingual_v2", characters=1_000), "0.300000000000"),
        (usage("ollama", "llama3.2", input_tokens=5_000), "0"),
    ],
)
def test_the_shipped_list_charges_what_the_providers_publish(used: Usage, usd: str) -> None:
    charged = shipped().charged(used, DAY)
    assert charged.cost_usd == Decimal(usd)
    assert charged.units == used.units


def test_a_price_counts_from_its_day_on() -> None:
    prices = PriceList(
        [
            Price("a", "m", "x", Decimal(1), date(2025, 1, 1)),
            Price("a", "m", "x", Decimal(3), date(2026, 1, 1)),
        ]
    )
    for on, each in ((date(2024, 12, 31), None), (date(2025, 1, 1), 1), (date(2025, 12, 31), 1), (DAY, 3)):
        assert prices.each_usd("a", "m", "x", on) == each


def test_a_provider_by_another_name_is_charged_as_what_it_is() -> None:
    used = usage("my-own-name", "gpt-4o-mini", input_tokens=1_000_000)
    assert shipped().charged(used, DAY).cost_usd == 0
    assert shipped().charged(used, DAY, provider="openai").cost_usd == Decimal("0.15")


@pytest.mark.parametrize(
    "text",
    ["", "price = 3", "[[price]]\nprovider = 'a'", "not toml [",
     "[[price]]\nprovider='a'\nmodel='b'\nunit='c'\nusd='x'\nsince=2024-01-01",
     "[[price]]\nprovider='a'\nmodel='b'\nunit='c'\nusd='-1'\nsince=2024-01-01",
     "[[price]]\nprovider='a'\nmodel='b'\nunit='c'\nusd='1'\nper=0\nsince=2024-01-01",
     "[[price]]\nprovider='a'\nmodel='b'\nunit='c'\nusd='1'\nsince='soon'"],
)  # fmt: skip
def test_a_list_that_is_none_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"prices\.toml"):
        PriceList.read(file)


@pytest.mark.parametrize(
    ("adapter", "model", "units", "cost_usd"),
    [
        ("elevenlabs", "eleven_multilingual_v2", {"characters": 1_000}, "0.30"),
        ("elevenlabs-socket", "eleven_multilingual_v2", {"characters": 1_000}, "0.30"),
        ("sarvam", "bulbul:v2", {"characters": 1_000_000}, "16.00"),
        ("sarvam-batch", "saaras:v1", {"audio_ms": 1_000}, "0.00002"),
    ],
)
def test_a_vendor_has_one_price_in_whichever_way_it_is_reached(
    adapter: str, model: str, units: dict[str, int], cost_usd: str
) -> None:
    declared = Declared("mine", ProviderSettings(adapter=adapter), TrioNet(), {})
    assert declared.charge(Usage("mine", model, units)).cost_usd == Decimal(cost_usd)
