"""Whether somebody is there: OPTIONS, sent outside of any call (RFC 3261 section 11).

Any answer is one, a refusal included: what is wanted is a sign of life, and what the other side can do is not looked
at. A probe is its transaction and nothing more, so there is nothing to clean up when nobody waits for it any longer.
"""

from __future__ import annotations

from mediasrv.sip.core import Core
from mediasrv.sip.events import EndCause, ProbeDone, ProbeId
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.message import Response
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address

_STATUS_OF_FAILURE = {EndCause.TIMEOUT: 408, EndCause.TRANSPORT: 503}


class Probe:
    """The user of one OPTIONS."""

    __slots__ = ("_core", "id")

    def __init__(self, core: Core, name: ProbeId) -> None:
        self._core, self.id = core, name

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status >= 200:
            self._core.emit(ProbeDone(self.id, response.status))

    def failed(self, cause: EndCause, now: float) -> None:
        self._core.emit(ProbeDone(self.id, _STATUS_OF_FAILURE[cause]))


class Probes:
    """All of one user agent's."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._last = 0

    def begin(self, target: Uri, destination: Address, now: float) -> ProbeId:
        """Ends with ProbeDone."""
        core = self._core
        self._last += 1
        probe = Probe(core, ProbeId(self._last))
        host, port = core.local
        ours = NameAddr(Uri("sip", "", f"[{host}]" if ":" in host else host, port))
        parties = ours.tagged(core.tokens.token()), NameAddr(target), f"{core.tokens.token(12)}@{host}"
        request = core.request("OPTIONS", target, 1, parties)
        core.transactions.request(request, destination, probe, now)
        return probe.id
