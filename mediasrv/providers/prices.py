"""What a use costs: a list of prices with dates, in decimals, never in floats.

Tokens that were read from a cache are among the input tokens: they are charged at their own price where there is one,
and the rest at the ordinary one. What has no price costs nothing here, and is counted as such by whoever asks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Self

from mediasrv.errors import ConfigError
from mediasrv.providers.protocols import Usage

SHIPPED = Path(__file__).with_name("prices.toml")
PLACES = Decimal("0.000000000001")  # one token of the cheapest model costs 0.00000015
ANY = "*"


@dataclass(frozen=True, slots=True)
class Price:
    provider: str
    model: str
    unit: str
    each_usd: Decimal
    since: date


class PriceList:
    def __init__(self, prices: list[Price]) -> None:
        self._prices: dict[tuple[str, str, str], list[Price]] = {}
        for price in sorted(prices, key=lambda price: price.since, reverse=True):
            self._prices.setdefault((price.provider, price.model, price.unit), []).append(price)

    @classmethod
    def read(cls, file: Path) -> Self:
        try:
            rows = tomllib.loads(file.read_text(encoding="utf-8"))["price"]
            return cls([_price(row) for row in rows])
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            problem = "a list of [[price]] with provider, model, unit, usd, per, since"
            raise ConfigError("prices", f"must be {problem}: {error}", source=str(file)) from error

    def each_usd(self, provider: str, model: str, unit: str, on: date) -> Decimal | None:
        for named in (model, ANY):
            for price in self._prices.get((provider, named, unit), ()):
                if price.since <= on:
                    return price.each_usd
        return None

    def charged(self, usage: Usage, on: date, provider: str = "") -> Usage:
        """The usage with what it costs; `provider`: under which name the list knows who served it."""
        units = _apart(usage.units, self._has(usage, on, provider))
        total = Decimal(0)
        for unit, count in units.items():
            each = self.each_usd(provider or usage.provider, usage.model, unit, on)
            total += (each or Decimal(0)) * count
        return replace(usage, cost_usd=total.quantize(PLACES))

    def _has(self, usage: Usage, on: date, provider: str) -> bool:
        cached = self.each_usd(provider or usage.provider, usage.model, "cached_input_tokens", on)
        return cached is not None


def _apart(units: Mapping[str, int], cached_has_a_price: bool) -> dict[str, int]:
    """No token is charged twice."""
    apart = dict(units)
    cached = apart.pop("cached_input_tokens", 0)
    if cached_has_a_price and cached:
        apart["input_tokens"] = max(0, apart.get("input_tokens", 0) - cached)
        apart["cached_input_tokens"] = cached
    return apart


def _price(row: Mapping[str, object]) -> Price:
    since = row["since"]
    if not isinstance(since, date):
        raise TypeError(f"since = {since!r} is no date")
    each = Decimal(str(row["usd"])) / Decimal(str(row.get("per", 1)))
    if not (each.is_finite() and each >= 0):
        raise ValueError(f"usd = {row['usd']!r}")
    return Price(str(row["provider"]), str(row["model"]), str(row["unit"]), each, since)


@cache
def shipped() -> PriceList:
    return PriceList.read(SHIPPED)
