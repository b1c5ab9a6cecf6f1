"""Which numbers may be dialled at our cost: toll fraud is a number that somebody else was paid to have us call.

The rule that decides is the one with the longest prefix, as with routes: `allow = ["+1"]` and `deny = ["+1900"]`
mean what they say in either order. Of two equally long ones the operator's goes before the built-in, and `deny` before
`allow`. Nothing is allowed by default, and what is not a whole E.164 number is never dialled: a prefix of a
number proves nothing about where it leads.

Built in are the ranges that fraud lives on and that nobody means by naming the country around them. They are few on
purpose: what a business dials is better said by its own short `allow` than by a long list of what others abuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mediasrv.numbers.e164 import is_global

# ITU-T E.164 list of assigned codes: networks without a country, charged like none of them.
_WITHOUT_COUNTRY = ("+808", "+870", "+878", "+881", "+882", "+883", "+979")
# Calls that pay the called side, inside codes that are allowed for their ordinary numbers.
_PREMIUM = ("+1900", "+1976", "+4470", "+449", "+49900", "+49137")
# Shares +1 with the United States and Canada, and is charged as abroad.
_NANP_ABROAD = (
    "+1242", "+1246", "+1264", "+1268", "+1284", "+1345", "+1441", "+1473", "+1649", "+1658", "+1664", "+1721",
    "+1758", "+1767", "+1784", "+1809", "+1829", "+1849", "+1868", "+1869", "+1876",
)  # fmt: skip
BUILT_IN = frozenset((*_WITHOUT_COUNTRY, *_PREMIUM, *_NANP_ABROAD))


class Verdict(Enum):
    """What becomes of a wish to dial; the value is the word that is counted and logged."""

    ALLOWED = "allowed"
    NOT_A_NUMBER = "not_a_number"
    NOT_ALLOWED = "not_allowed"
    DENIED = "denied"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class TollRules:
    """Prefixes in E.164, with their `+`; `+` alone is every number."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def verdict(self, number: str) -> Verdict:
        if not is_global(number):
            return Verdict.NOT_A_NUMBER
        rules = [
            *((len(prefix), 1, Verdict.ALLOWED) for prefix in self.allow if number.startswith(prefix)),
            *((len(prefix), 2, Verdict.DENIED) for prefix in self.deny if number.startswith(prefix)),
            *((len(prefix), 0, Verdict.PREMIUM) for prefix in BUILT_IN if number.startswith(prefix)),
        ]
        strongest = max(rules, key=lambda rule: rule[:2], default=None)
        return Verdict.NOT_ALLOWED if strongest is None else strongest[2]
