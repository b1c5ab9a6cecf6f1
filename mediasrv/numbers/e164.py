"""One spelling for one number: `+`, country code, digits (E.164), whatever a trunk writes.

Carriers write the same number as +442079460018, 00442079460018, 442079460018, 02079460018, or with hyphens and
parameters in a tel: URI. Which of these a row of bare digits is cannot be seen in it: the trunk's dial plan says so.
What is no number of the public network (an extension, a name, a service code) stays as it was written, so that it
can be routed by exactly that text. Only ASCII digits count: a number in other digits is a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

DIGITS_MAX = 15  # E.164 section 6: country code included, prefixes not
SUBSCRIBER_DIGITS_MIN = 7  # fewer bare digits are an extension or a service: 200, 112
TEXT_MAX = 256  # longer is no number, and not worth a look

_SEPARATORS = re.compile(r"[-.() ]")  # RFC 3966 section 3: visual, without meaning
_GLOBAL = re.compile(rf"\+[1-9][0-9]{{0,{DIGITS_MAX - 1}}}")
_DIGITS = re.compile(r"[0-9]+")

Bare = Literal["local", "national", "international"]


@dataclass(frozen=True, slots=True)
class DialPlan:
    """How a trunk writes numbers; without a country code only `+` and the international prefix are understood."""

    country_code: str = ""  # digits, as in "44"
    national_prefix: str = "0"  # empty: national numbers bear none
    international_prefix: str = "00"
    bare: Bare = "local"  # what seven digits and more are, when no prefix says it


def is_global(number: str) -> bool:
    """Whether it is written as E.164 wants it: `+` and one to fifteen digits."""
    return _GLOBAL.fullmatch(number) is not None


def normalise(user: str, plan: DialPlan) -> str:
    """The number that a user part or a tel: subscriber means; text that is no public number, unchanged.

    Parameters (`;npdi`, `;phone-context=...`) are left out. A number with a context is local to that context
    (RFC 3966 section 5.1.5): our own dial plan says nothing about it.
    """
    subscriber, _, parameters = user.partition(";")
    digits = _SEPARATORS.sub("", subscriber)
    if len(user) > TEXT_MAX or not _DIGITS.fullmatch(digits.removeprefix("+")):
        return subscriber
    if digits.startswith("+"):
        return digits if is_global(digits) else subscriber
    if "phone-context=" in parameters.lower():
        return digits
    number = _by_prefix(digits, plan)
    return number if is_global(number) else digits


def _by_prefix(digits: str, plan: DialPlan) -> str:
    """The longer prefix is looked for first: 00 begins with 0."""
    if plan.international_prefix and digits.startswith(plan.international_prefix):
        return "+" + digits.removeprefix(plan.international_prefix)
    if len(digits) < SUBSCRIBER_DIGITS_MIN:
        return digits
    if plan.country_code and plan.national_prefix and digits.startswith(plan.national_prefix):
        return f"+{plan.country_code}{digits.removeprefix(plan.national_prefix)}"
    if plan.bare == "international":
        return "+" + digits
    if plan.bare == "national" and plan.country_code:
        return f"+{plan.country_code}{digits}"
    return digits
