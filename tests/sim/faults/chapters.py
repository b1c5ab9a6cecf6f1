"""All chapters of the book of faults."""

from tests.sim.faults import endings, listening, models, networks, ours, recognisers, voices, wires
from tests.sim.faults.book import FAULTS

__all__ = ["FAULTS", "endings", "listening", "models", "networks", "ours", "recognisers", "voices", "wires"]
