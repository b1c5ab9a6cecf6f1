"""Whether the other side speaks, told from the level of its sound: so that a plan can wait for its turn, as people do.

The pauses inside what somebody says are shorter than `SILENT_AFTER_S`, those after it longer. One who never stops is
never silent, and one who says nothing has never spoken: steps that wait for it are not done, and the outcome says so.
"""

from __future__ import annotations

LOUD = 6  # of PJSIP's 0 to 255, where silence is 0 and a voice on the line is 10 to 40
SILENT_AFTER_S = 1.0
# Counts as heard at most, of what lies between two looks: a telephone that was held up counts less.
LOOK_S = 0.05


class Attention:
    """Told the level every few milliseconds, names what has begun: `speaks 1`, `silent 1`, `speaks 2` ..."""

    def __init__(self) -> None:
        self._times = 0  # that it has begun to speak
        self._speaks = False
        self._loud_s = 0.0  # when it was loud last
        self._looked_s = 0.0
        self.heard_s = 0.0  # of speech, in all

    def hear(self, level: int, now_s: float) -> str:
        """Empty, most of the time."""
        since_s, self._looked_s = now_s - self._looked_s, now_s
        if level >= LOUD:
            self.heard_s += min(since_s, LOOK_S)
            self._loud_s = now_s
            if not self._speaks:
                self._speaks = True
                self._times += 1
                return f"speaks {self._times}"
        elif self._speaks and now_s - self._loud_s >= SILENT_AFTER_S:
            self._speaks = False
            return f"silent {self._times}"
        return ""
