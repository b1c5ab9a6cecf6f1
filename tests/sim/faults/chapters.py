"""All chapters of the book of faults."""

from tests.sim.faults import models
from tests.sim.faults.book import FAULTS

__all__ = ["FAULTS", "models"]
