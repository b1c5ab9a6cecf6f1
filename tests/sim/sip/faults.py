"""What happens to datagrams on purpose, besides what their path does to all: one is lost, a host is cut off."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sim.network import Address


@dataclass(slots=True)
class Loss:
    """Of the messages `what` ("BYE", "200 INVITE", "180") that `sender` sends (anybody, if none): the next `left`."""

    what: str
    left: int
    sender: str = ""

    def takes(self, data: bytes, source: Address) -> bool:
        if not self.left or self.sender not in ("", source[0]) or not is_what(data, self.what):
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The network's censor."""

    losses: list[Loss] = field(default_factory=list)
    cut_off: set[str] = field(default_factory=set)  # hosts that nothing reaches, and that reach nobody
    mute: set[str] = field(default_factory=set)  # hosts that are not heard any more

    def __call__(self, data: bytes, source: Address, to: Address) -> bool:
        if self.cut_off & {source[0], to[0]} or source[0] in self.mute:
            return True
        return any(loss.takes(data, source) for loss in self.losses)


def is_what(data: bytes, what: str) -> bool:
    """A request by its method; a response by its status, and the method that it answers if that is named."""
    status, _, method = what.partition(" ")
    if not status.isdigit():
        return data.startswith(what.encode() + b" ")
    return data.startswith(f"SIP/2.0 {status} ".encode()) and (
        f" {method}\r\n".encode() in data or not method
    )
