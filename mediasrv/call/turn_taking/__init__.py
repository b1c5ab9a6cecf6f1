"""Whose turn it is, as one pure table.

The engine pauses the agent's voice within 20 ms of the caller's first sound; it cannot know what the sound means.
This table does. While the voice is held, the first of these decides: words that are more than a listener's noise
confirm the interruption; only such noises, or speech as short as a cough, reject it; speech that goes on and that
nothing explains confirms it; and after `undecided_ms` whatever is more likely by then. A reply that has hardly begun
is not interrupted but *merged*: the caller went on, so both halves are answered together.

A reply may be begun *ahead*, while the caller may still go on: it is a turn that runs in LISTENING, unheard, until the
end of the utterance promotes it (the words are the same) or drops it (they are not). A reply that is long in coming is
*masked*: after each silence of a given length the table asks for the next thing against it, and never while the caller
speaks.

A listener's noise is a murmur, and forgotten, unless the voice was just asking: a "yes" over the last words of a
question is its answer, and counts as said when they have sounded.

Every state and event meet in `TABLE`; a pair that is not there cannot happen and is an error. Late news of a turn
that is over (its number is not the running turn's) is met by `_ignore`, not by an error: tasks and engine overtake
each other. Nothing here knows a clock: `now` is told, and `deadline` says when it wants to be told again.
"""

from __future__ import annotations

from mediasrv.call.turn_taking.table import TABLE, begin, step
from mediasrv.call.turn_taking.timers import deadline

__all__ = ["TABLE", "begin", "deadline", "step"]
