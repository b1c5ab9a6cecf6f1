"""All chapters of the book of faults."""

from tests.sim.faults import models, voices
from tests.sim.faults.book import FAULTS

__all__ = ["FAULTS", "models", "voices"]
