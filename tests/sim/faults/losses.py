"""What goes wrong on purpose: datagrams that get lost because of what they are, on top of what the links lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.sim.network import Address


@dataclass(frozen=True, slots=True)
class Lose:
    """The first `times` datagrams that begin with `start` and go to `host` (anywhere, if none) get lost."""

    start: bytes
    times: int = 1
    host: str = ""


@dataclass(slots=True)
class Losses:
    """A censor for the network: applies each fault until it is used up."""

    faults: Sequence[Lose]
    used: dict[Lose, int] = field(default_factory=dict)

    def __call__(self, data: bytes, source: Address, to: Address) -> bool:
        for fault in self.faults:
            if data.startswith(fault.start) and fault.host in ("", to[0]):
                self.used[fault] = self.used.get(fault, 0) + 1
                if self.used[fault] <= fault.times:
                    return True
        return False
