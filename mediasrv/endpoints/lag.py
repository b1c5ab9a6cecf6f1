"""Whether the loop keeps up: how late a task is woken that asks for nothing but to be woken.

Under more calls than it can serve a server does worse than refuse them: each waits until its caller has given up, and
the work for it is done nevertheless. So when the loop is late, new calls are turned away while that still costs little,
and those that are there go on. There is a gap between the two thresholds, or the door would flutter.
"""

from __future__ import annotations

import math

LOOK_S = 0.05
LATE_S = 0.35  # SIP repeats itself after half a second: work done for a repetition is lost
IN_TIME_S = 0.15  # the door opens again below this; in proportion, where another lateness is set
MEMORY = 0.5  # of what was before, at each look


class Lag:
    """Told at each look how late it was; pure."""

    def __init__(self, most_s: float = LATE_S) -> None:
        self._most_s, self._open_below_s = most_s, most_s * IN_TIME_S / LATE_S
        self._late_s = 0.0
        self.overloaded = False

    def looked(self, due_s: float, now_s: float) -> bool:
        """Whether it is too late now for new work; the worst of a while counts, so that one good look opens no door."""
        late_s = max(0.0, now_s - due_s)
        self._late_s = max(late_s, self._late_s * MEMORY) if math.isfinite(late_s) else self._late_s
        self.overloaded = self._late_s > (self._open_below_s if self.overloaded else self._most_s)
        return self.overloaded
