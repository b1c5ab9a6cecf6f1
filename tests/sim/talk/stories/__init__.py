"""The chapters of the book."""

from tests.sim.talk.stories import guesses, interruptions, noises, patience, secrets, silences, tools

__all__ = ["guesses", "interruptions", "noises", "patience", "secrets", "silences", "tools"]
