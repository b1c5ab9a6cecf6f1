"""Telephone numbers, as pure functions: how they are written, whom they reach, and which may be dialled at our cost.

Nothing here knows of SIP, of settings or of a clock: text and times come in, decisions go out.
"""

from mediasrv.numbers.allowance import DailyAllowance, TokenBucket
from mediasrv.numbers.e164 import DialPlan, is_global, normalise
from mediasrv.numbers.patterns import Pattern, best
from mediasrv.numbers.tolls import TollRules, Verdict

__all__ = [
    "DailyAllowance",
    "DialPlan",
    "Pattern",
    "TokenBucket",
    "TollRules",
    "Verdict",
    "best",
    "is_global",
    "normalise",
]
