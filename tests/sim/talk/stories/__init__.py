"""The chapters of the book."""

from tests.sim.talk.stories import interruptions, noises

__all__ = ["interruptions", "noises"]
