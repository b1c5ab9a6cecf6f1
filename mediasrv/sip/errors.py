"""What can go wrong in SIP: with what the peer sent (remote), and with what we were asked to do (local)."""

from __future__ import annotations

from mediasrv.errors import LocalError, RemoteError


class Malformed(RemoteError):
    """Text that is not what the RFC says; `status` is what a request deserves for it."""

    def __init__(self, problem: str, status: int = 400) -> None:
        self.problem, self.status = problem, status
        super().__init__(problem)


class WrongState(LocalError):
    """That cannot be done to this call now: it is over, or there is nothing to respond to."""
