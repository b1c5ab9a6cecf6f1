"""Whether a provider is worth asking: a breaker, shared by all calls. Time is an argument.

               5 failures in a row                rest_s over
    CLOSED --------------------------> OPEN ----------------------> HALF_OPEN
      ^                                 ^                               |
      |                                 +---------- failure ------------+
      +-------------------------------- success ------------------------+

Half open, one request is let through to find out; the others go elsewhere meanwhile. Success counts from the first
thing that came: what breaks off later is a failure of its own.
"""

from __future__ import annotations

from enum import Enum

FAILURES = 5
REST_S = 60.0
TRIAL_S = 30.0  # a trial that nobody has told the end of is as good as lost


class BreakerState(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    def __init__(self, failures: int = FAILURES, rest_s: float = REST_S) -> None:
        self._failures_max, self._rest_s = failures, rest_s
        self._failures = 0
        self._opened = 0.0
        self._trial: float | None = None
        self.state = BreakerState.CLOSED

    def admits(self, now: float) -> bool:
        """Whether to ask; a yes while it is half open is the trial."""
        if self.state is BreakerState.OPEN and now - self._opened >= self._rest_s:
            self.state, self._trial = BreakerState.HALF_OPEN, None
        if self.state is BreakerState.HALF_OPEN:
            if self._trial is not None and now - self._trial < TRIAL_S:
                return False
            self._trial = now
            return True
        return self.state is BreakerState.CLOSED

    def succeeded(self) -> None:
        self.state, self._failures, self._trial = BreakerState.CLOSED, 0, None

    def failed(self, now: float) -> None:
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN or self._failures >= self._failures_max:
            self.state, self._opened, self._trial = BreakerState.OPEN, now, None

    def given_up(self) -> None:
        """Whoever asked has lost interest: nothing was learnt."""
        self._trial = None
