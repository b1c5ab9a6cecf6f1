"""What became of a call's sound, frame by frame: how much was its own, and how long it was away.

A gap is time between two frames of one's own, in what was heard; what was concealed (made up for lost packets) is
counted as not heard even where it still sounds right. A jump is a clock that is not where the frames before have left
it: sound was left out, or said again. The first own frame begins the judgement, the end of listening ends it.

What the caller does himself, holding the line or pressing a key, makes gaps, too: for these he is pardoned in advance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediasrv.audio import PTIME_MS
from tools.load.watermark import CLOCK_HZ, HAND_MS, Frame

FRAMES_A_HAND = HAND_MS // PTIME_MS
HANDS = len(CLOCK_HZ)
GAP_OF_NOTE_MS = 60


@dataclass(slots=True)
class Verdict:
    """Of the call whose number is `call`."""

    call: int
    own_ms: int = 0
    silent_ms: int = 0
    unclear_ms: int = 0
    concealed_ms: int = 0
    foreign_ms: int = 0  # another call's sound
    jumps: int = 0
    gaps_ms: list[int] = field(default_factory=list)
    pardoned_ms: int = 0  # that would have been gaps
    _pardon_ms: int = 0
    _away_ms: int = 0
    _hand: int | None = None
    _hand_frames: int = 0

    @property
    def began(self) -> bool:
        return self.own_ms > 0

    @property
    def max_gap_ms(self) -> int:
        return max(self.gaps_ms, default=0)

    def pardon(self, heard_ms: int) -> None:
        """Gaps that begin within so much of what is heard from now on are the caller's own doing."""
        self._pardon_ms = max(self._pardon_ms, heard_ms)

    def miss(self, ms: int) -> None:
        """So much never came, and nothing stands in its place."""
        if self._pardon_ms:
            self.pardoned_ms += ms
        else:
            self.gaps_ms.append(ms)

    def hear(self, frame: Frame, *, concealed: bool = False) -> None:
        self._pardon_ms = max(0, self._pardon_ms - PTIME_MS)
        if frame.call == self.call and not concealed:
            self._own(frame.hand)
            return
        foreign = frame.call is not None and frame.call != self.call
        self.foreign_ms += PTIME_MS * foreign
        if not self.began:
            return
        if self._pardon_ms:
            self.pardoned_ms += PTIME_MS
            self._hand = None
            return
        self._away_ms += PTIME_MS
        if concealed:
            self.concealed_ms += PTIME_MS
        elif frame.silent:
            self.silent_ms += PTIME_MS
        elif not foreign:
            self.unclear_ms += PTIME_MS

    def finish(self) -> None:
        """Nothing more is heard: what was away until now stays away."""
        self._end_gap()

    def _own(self, hand: int | None) -> None:
        away = self._away_ms
        self.own_ms += PTIME_MS
        self._end_gap()
        if hand is None:
            return
        if away:
            self._hand, self._hand_frames = None, 0  # where the clock stands after a gap is no wonder
        if self._hand is None or hand == self._hand:
            self._hand_frames += 1
        elif hand == (self._hand + 1) % HANDS:
            self._hand_frames = 1
        else:
            self.jumps += 1
            self._hand_frames = 1
        if self._hand_frames > FRAMES_A_HAND + 1:  # a hand may show at both edges of its time
            self.jumps += 1
            self._hand_frames = 1
        self._hand = hand

    def _end_gap(self) -> None:
        if self._away_ms:
            self.gaps_ms.append(self._away_ms)
            self._away_ms = 0
