"""What a caller's network vouches for, before the call is taken: certificates are fetched once, and never for long.

The place of a certificate is named by the INVITE, so a caller can make us ask for any URL. That is why only calls of
known trunks come here, why few are asked for at a time and each answer is remembered, the failures too, and why a
fetcher must not lead into our own network. Whatever goes wrong, the call goes on, without an attestation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import trio

from mediasrv.clock import Clock
from mediasrv.errors import RemoteError
from mediasrv.sip import Request
from mediasrv.sip.stir import Finding, Passport, Verdict, Vetting
from mediasrv.telemetry import Counters

# Fetches an https URL; raises RemoteError or OSError. It follows no redirection, refuses hosts of private networks, and
# reads no more than `stir.chain.CHAIN_BYTES`.
Fetch = Callable[[str], Awaitable[bytes]]

FETCH_S = 2.0  # the caller hears nothing meanwhile
AT_A_TIME_MAX = 8
REMEMBERED_MAX = 256
GOOD_FOR_S = 86_400.0
BAD_FOR_S = 60.0


class Vouching:
    """One for the server: it remembers certificates, and which signatures were shown."""

    def __init__(self, vetting: Vetting, fetch: Fetch, clock: Clock, counters: Counters) -> None:
        self._vetting, self._fetch, self._clock, self._counters = vetting, fetch, clock, counters
        self._remembered: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()  # by URL: until when
        self._under_way = 0

    async def judge(self, request: Request) -> Verdict:
        """Within FETCH_S, whatever the network does."""
        begun = self._vetting.begin(request, self._wall_s())
        verdict = await self._finish(begun, request) if isinstance(begun, Passport) else begun
        self._counters.count("caller_identity", verdict.finding.value)
        return verdict

    async def _finish(self, passport: Passport, request: Request) -> Verdict:
        pem = await self._chain(passport.certificate_url)
        verdict = self._vetting.finish(passport, request, pem, self._wall_s())
        if verdict.finding is Finding.UNTRUSTED:
            self._doubt(passport.certificate_url)
        return verdict

    async def _chain(self, url: str) -> bytes | None:
        until, pem = self._remembered.get(url, (0.0, None))
        if self._clock.now() < until:
            return pem
        if self._under_way >= AT_A_TIME_MAX:
            return None
        self._under_way += 1
        pem = None
        try:
            with trio.move_on_after(FETCH_S):
                pem = await self._fetch(url)
        except (RemoteError, OSError):
            pem = None
        finally:
            self._under_way -= 1
        self._remember(url, pem, BAD_FOR_S if pem is None else GOOD_FOR_S)
        return pem

    def _remember(self, url: str, pem: bytes | None, for_s: float) -> None:
        self._remembered[url] = self._clock.now() + for_s, pem
        self._remembered.move_to_end(url)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)

    def _doubt(self, url: str) -> None:
        """Perhaps it was renewed: it is asked for again, but not at once."""
        until, pem = self._remembered[url]
        self._remembered[url] = min(until, self._clock.now() + BAD_FOR_S), pem

    def _wall_s(self) -> float:
        return self._clock.wall().timestamp()
