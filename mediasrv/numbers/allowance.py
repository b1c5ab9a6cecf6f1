"""How much is allowed: calls in a second, and calls and minutes in a day. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

S_PER_DAY = 86_400
S_PER_MINUTE = 60


@dataclass(slots=True)
class TokenBucket:
    """`per_second` on average, a second's worth (at least one) at once."""

    per_second: float
    _level: float = field(init=False)
    _at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        if self.per_second <= 0:
            raise ValueError("a bucket that is never filled lets nobody in")
        self._level = self.depth

    @property
    def depth(self) -> float:
        return max(1.0, self.per_second)

    def take(self, now: float) -> float:
        """Takes one and returns 0, or takes none and returns the seconds until there will be one.

        A clock that steps back fills nothing.
        """
        elapsed = max(0.0, now - self._at)
        self._level = min(self.depth, self._level + elapsed * self.per_second)
        self._at = max(self._at, now)
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self.per_second


@dataclass(slots=True)
class DailyAllowance:
    """Calls that may be begun, and minutes that may be spent, in one day of UTC.

    A call takes its minutes one by one, each before it begins: so calls that run at the same time never spend more
    than there is, whatever is left when they begin and however long they would last.
    """

    calls_max: int
    minutes_max: int
    _day: int = field(default=-1, init=False)
    _calls: int = field(default=0, init=False)
    _minutes: int = field(default=0, init=False)

    def begin(self, wall_s: float) -> bool:
        """Counts a call, if both allowances still permit one; `wall_s` is the time since the epoch."""
        self._turn_page(wall_s)
        if self._calls >= self.calls_max or self._minutes >= self.minutes_max:
            return False
        self._calls += 1
        return True

    def take_minute(self, wall_s: float) -> bool:
        """Another minute of a call, if there is one; it is charged to the day on which it is taken."""
        self._turn_page(wall_s)
        if self._minutes >= self.minutes_max:
            return False
        self._minutes += 1
        return True

    def give_minute_back(self, taken_wall_s: float) -> None:
        """One that was not begun; of a day that is over, it is nobody's."""
        if int(taken_wall_s // S_PER_DAY) == self._day:
            self._minutes = max(0, self._minutes - 1)

    def _turn_page(self, wall_s: float) -> None:
        """A wall clock that is set back does not hand the same day out twice."""
        day = int(wall_s // S_PER_DAY)
        if day > self._day:
            self._day, self._calls, self._minutes = day, 0, 0
