"""The book of stories, a chapter a file."""

from tests.sim.sip.stories import (
    beginnings,
    changes,
    connections,
    crowds,
    dialling,
    draining,
    early,
    ends,
    failover,
    strangers,
    timers,
    transfers,
    trunks,
)
from tests.sim.sip.story import STORIES

__all__ = [
    "STORIES",
    "beginnings",
    "changes",
    "connections",
    "crowds",
    "dialling",
    "draining",
    "early",
    "ends",
    "failover",
    "strangers",
    "timers",
    "transfers",
    "trunks",
]
