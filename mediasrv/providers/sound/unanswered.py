"""Speech that a recogniser was given and has said nothing to since: so long, and it is as good as dead.

What counts is time in which sound came. A line that has gone dead in the middle of a word gives it nothing to answer,
and while it is dead nobody fails. One that tells whole sentences has time from the last of the speech, others from the
first.
"""

from __future__ import annotations

from mediasrv.audio import EARS_RATE_HZ, EarsChunk

SILENT_LINE_S = 1.0  # no sound for longer: it does not come late, there is none


class Unanswered:
    def __init__(self, *, tells_sentences: bool = False) -> None:
        self.tells_sentences = tells_sentences
        self.speech_ms = 0.0  # so much of it
        self._since: float | None = None
        self._sound_at = 0.0  # the newest

    def hear(self, chunk: EarsChunk, now: float) -> None:
        self._sound_comes(now)
        if not chunk.speech:
            return
        if self._since is None or self.tells_sentences:
            self._since = now
        self.speech_ms += sum([s.samples for s in chunk.spans if s.speech]) * 1000 / EARS_RATE_HZ

    def answered(self) -> None:
        self._since, self.speech_ms = None, 0.0

    def given_anew(self, now: float, *, tells_sentences: bool) -> None:
        """The same sound is another's to answer, from now on."""
        self.tells_sentences, self._sound_at = tells_sentences, now
        self._since = now if self.speech_ms else None

    def waited_s(self, now: float) -> float:
        """0: nothing is waited for."""
        return 0.0 if self._since is None else min(now, self._sound_at + SILENT_LINE_S) - self._since

    def _sound_comes(self, now: float) -> None:
        silent_s = now - self._sound_at - SILENT_LINE_S
        if self._since is not None and silent_s > 0:
            self._since += silent_s
        self._sound_at = now
