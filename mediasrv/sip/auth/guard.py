"""Who must say who he is before a request is looked at: a policy of the rooms above, and what follows from it.

A refusal is answered without state: one datagram for one, so a flood with forged sources finds neither memory here nor
an amplifier. What is inside a dialog is not asked again: whoever knows its tags was there when it was opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mediasrv.sip.auth.authenticator import Authenticator, Finding
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.hop import Address
from mediasrv.sip.screening import Refusal


class Admission(Enum):
    WELCOME = "welcome"  # the source address is proof enough: a trunk's list
    CHALLENGE = "challenge"
    FORBID = "forbid"


Policy = Callable[[Request, Address], Admission]


@dataclass(frozen=True, slots=True)
class Admitted:
    username: str = ""  # "" when nobody was asked
    is_there: bool = False  # at the address he writes from: what was asked there came back


class Guard:
    """A policy and the means to carry it out."""

    def __init__(self, policy: Policy, authenticator: Authenticator) -> None:
        self._policy, self._authenticator = policy, authenticator
        self.counts: Counter[str] = Counter()

    def inspect(self, request: Request, source: Address, now: float) -> Admitted | Refusal:
        admission = self._policy(request, source)
        if admission is Admission.WELCOME:
            return Admitted()
        if admission is Admission.FORBID:
            return Refusal(403)
        verdict = self._authenticator.judge(request, now, host=source[0])
        self.counts[verdict.finding.value] += 1
        if verdict.finding is Finding.RIGHT:
            return Admitted(verdict.username, verdict.from_there)
        challenge = self._authenticator.challenge(now, stale=verdict.stale, host=source[0])
        return Refusal(self._authenticator.role.status, tuple(challenge))
