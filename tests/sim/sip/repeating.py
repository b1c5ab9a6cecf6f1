"""What UDP makes everybody do: say it again, ever more rarely, until it was heard or nobody can be there (17.1)."""

from __future__ import annotations

from collections.abc import Callable

from mediasrv.clock import NS_PER_S
from tests.sim.deterministic import Agenda

T1_S, T2_S = 0.5, 4.0
PATIENCE_S = 64 * T1_S


class Repeater:
    """Says something at once, then after T1, and at doubled intervals (to `longest_s`) until `stop`, or 64*T1."""

    def __init__(
        self,
        agenda: Agenda,
        say: Callable[[], None],
        give_up: Callable[[], None],
        *,
        longest_s: float = PATIENCE_S,
    ) -> None:
        self._agenda, self._say, self._give_up, self._longest_s = agenda, say, give_up, longest_s
        self._ends_ns = agenda.clock.now_ns() + round(PATIENCE_S * NS_PER_S)
        self._interval_s = T1_S
        self._over = False
        self._next()

    def stop(self) -> None:
        self._over = True

    def _next(self) -> None:
        if self._over:
            return
        now_ns = self._agenda.clock.now_ns()
        if now_ns >= self._ends_ns:
            self._over = True
            self._give_up()
            return
        self._say()
        again_ns = min(self._ends_ns, now_ns + round(self._interval_s * NS_PER_S))
        self._interval_s = min(2 * self._interval_s, self._longest_s)
        self._agenda.at(again_ns, self._next)
