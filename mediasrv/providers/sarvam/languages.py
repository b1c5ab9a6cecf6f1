"""How Sarvam names languages, and how sure it is of one: `hi-IN` for our `hi`, and a probability where it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REGION = "-IN"
DETECT = "unknown"
UNKNOWN = 0.7


def code_of(language: str) -> str:
    """Ours in its words; none: it is to find out."""
    return language if "-" in language or not language else f"{language}{REGION}"


def heard_in(told: Mapping[str, Any], asked: str) -> tuple[str, float]:
    """The language of an answer and how sure it is of it, which is all that it says of its certainty."""
    probability = told.get("language_probability")
    sure = min(1.0, max(0.0, float(probability))) if isinstance(probability, int | float) else UNKNOWN
    return str(told.get("language_code") or asked).removesuffix(REGION), sure
