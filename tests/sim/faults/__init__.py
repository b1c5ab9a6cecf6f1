"""Whole calls in which something fails: providers, tools, agents, people, networks, the house itself.

`losses` are datagrams that get lost. `stage` does to a run what its script cannot: builds agents of unruly parts, acts
on the server, calls from a second telephone. The other files are the book of faults, a chapter
each; `book` has them all.
"""

from tests.sim.faults.losses import Lose, Losses

__all__ = ["Lose", "Losses"]
