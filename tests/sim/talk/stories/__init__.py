"""The chapters of the book."""

from tests.sim.talk.stories import guesses, interruptions, noises, patience, secrets, silences, tools
from tests.sim.talk.story import STORIES as BOOK

__all__ = ["BOOK", "guesses", "interruptions", "noises", "patience", "secrets", "silences", "tools"]
