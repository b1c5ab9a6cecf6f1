"""The book of stories, a chapter a file."""

from tests.sim.sip.stories import beginnings, changes, ends, timers
from tests.sim.sip.story import STORIES

__all__ = ["STORIES", "beginnings", "changes", "ends", "timers"]
