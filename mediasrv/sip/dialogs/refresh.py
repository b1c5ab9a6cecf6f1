"""The session timer of one call at work: refreshes at half the interval, and the end of a call that nobody refreshes.

A refresh that is refused (the peer is busy with another INVITE, say) is tried again until the interval runs out; then
it is the same as if none had been sent. By UPDATE where the peer takes it, because that disturbs nobody; else by a
re-INVITE with the description that holds anyway.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto
from typing import Protocol

from mediasrv.sip.core import HeaderLines
from mediasrv.sip.dialogs.inbound import Talking
from mediasrv.sip.dialogs.session_timer import (
    MIN_INTERVAL_S,
    Agreement,
    agree_as_client,
    agree_as_server,
    client_lines,
    minimum_s,
    server_lines,
)
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.headers import Headers

RETRY_S = 5.0  # after a refresh that could not be sent, or was refused for now


class Clock(Enum):
    REFRESH = auto()
    EXPIRE = auto()


class Refreshable(Talking, Protocol):
    """The session that is kept alive."""

    def refresh(self, now: float) -> bool:
        """Sends a refresh; False when it cannot be sent now."""
        ...

    def expire(self, now: float) -> None: ...


class Refresh:
    """Runs from the 2xx that agreed on it to the end of the call."""

    __slots__ = ("_agreement", "_closed", "_least_s", "_session", "_wanted_s")

    def __init__(self, session: Refreshable) -> None:
        self._session = session
        self._agreement: Agreement | None = None
        self._closed = False
        self._least_s = MIN_INTERVAL_S  # the largest Min-SE that the peer has named
        self._wanted_s = int(session.core.timers.session_s)

    @property
    def agreement(self) -> Agreement | None:
        return self._agreement

    def wants(self, interval_s: int) -> None:
        """What we ask for where the peer asks for nothing; 0: nothing either."""
        self._wanted_s = interval_s

    # ---- requests of the peer's

    def agree(self, headers: Headers, now: float) -> HeaderLines:
        """We accept: the lines for our 2xx. The headers have been screened, so they can be read."""
        self._least_s = max(self._least_s, minimum_s(headers))
        self._run(agree_as_server(headers, self._wanted_s), now)
        return server_lines(self._agreement)

    # ---- requests of ours

    def request_lines(self) -> HeaderLines:
        """For every re-INVITE and UPDATE: one without them would end the timer."""
        if self._agreement is None:
            return ()
        interval_s = max(self._agreement.interval_s, self._least_s)
        return client_lines(interval_s, self._least_s, "uac" if self._agreement.ours else "uas")

    def answered(self, headers: Headers, now: float) -> None:
        """A 2xx to a request that carried our lines."""
        self._run(agree_as_client(headers), now)

    def refused(self, status: int, headers: Headers, now: float) -> None:
        """A refresh of ours was refused: again, with what the peer calls its least if that was the trouble."""
        if status == 422:
            try:
                self._least_s = max(self._least_s, minimum_s(headers))
            except Malformed:
                self._session.core.counts["ignored.min_se"] += 1
        if self._agreement is not None and self._agreement.ours and not self._closed:
            self._session.core.schedule.set(self, Clock.REFRESH, now + RETRY_S)

    # ---- deadlines

    def fire(self, name: Hashable, now: float) -> None:
        if name is Clock.EXPIRE:
            self._session.expire(now)
        elif not self._session.refresh(now) and not self._closed:
            self._session.core.schedule.set(self, Clock.REFRESH, now + RETRY_S)

    def close(self) -> None:
        """The call is over: what is still answered now, a refresh under way say, sets no clock any more."""
        self._closed = True
        self._clear()

    def _clear(self) -> None:
        for clock in Clock:
            self._session.core.schedule.clear(self, clock)

    def _run(self, agreement: Agreement | None, now: float) -> None:
        self._clear()
        self._agreement = agreement
        if agreement is None or self._closed:
            return
        schedule = self._session.core.schedule
        schedule.set(self, Clock.EXPIRE, now + agreement.expires_after_s)
        if agreement.ours:
            schedule.set(self, Clock.REFRESH, now + agreement.refresh_after_s)
