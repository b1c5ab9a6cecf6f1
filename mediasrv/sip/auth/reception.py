"""Where strangers are received: the guard's refusals are sent here, and REGISTER is served.

A refusal leaves no state behind. An accepted REGISTER does: its transaction absorbs the copies that the network still
carries, whose nonce count would otherwise look like a replay.
"""

from __future__ import annotations

from mediasrv.errors import LocalError
from mediasrv.sip.auth.guard import Admitted, Guard
from mediasrv.sip.auth.registrar import Registrar
from mediasrv.sip.core import Core, reply_address
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.hop import Address

RETRY_AFTER_S = 5


class Reception:
    """A guard and a registrar at the door of one user agent; both may be missing."""

    def __init__(self, core: Core, guard: Guard | None, registrar: Registrar | None) -> None:
        if registrar is not None and guard is None:
            raise LocalError("a registrar without a guard would let anybody take over anybody's calls")
        self._core, self._guard, self._registrar = core, guard, registrar

    def serves(self, request: Request) -> bool:
        return request.method == "REGISTER" and self._registrar is not None

    def lost(self, connection: Address) -> None:
        """A stream is closed."""
        if self._registrar is not None:
            self._registrar.lost(connection)

    def admit(self, request: Request, source: Address, now: float) -> Admitted | None:
        """Who it is; None when he has been refused, or asked who he is."""
        if self._guard is None:
            return Admitted()
        outcome = self._guard.inspect(request, source, now)
        if isinstance(outcome, Admitted):
            if outcome.is_there:
                self._core.prove(source[0])
            return outcome
        self._core.reply(request.headers, outcome.status, source, headers=outcome.headers)
        return None

    def register(self, request: Request, source: Address, now: float) -> None:
        core = self._core
        if core.transactions.full:
            core.reply(request.headers, 503, source, headers=(("Retry-After", str(RETRY_AFTER_S)),))
            return
        admitted = self.admit(request, source, now)
        if admitted is None or self._registrar is None:
            return
        answer = self._registrar.register(request, admitted.username, source, now)
        if answer.status >= 300 and not admitted.username:
            core.reply(request.headers, answer.status, source, headers=answer.headers)
            return
        core.counts[f"answered.{answer.status}"] += 1
        transaction = core.transactions.serve(request, reply_address(request.headers, source), now)
        tag = core.stateless_tag(request.headers)
        response = core.response(request.headers, answer.status, source, tag=tag, headers=answer.headers)
        core.transactions.respond(transaction, response, now)
