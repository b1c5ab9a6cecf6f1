"""A server that dials: a stand-in for the dialler, which calls over SIP in the two codecs that everybody speaks.

It keeps the contract of `Dial`, rules first, and nothing else of a real one: no trunk is chosen, a target is a URI or
the user at the one host that it was given, and early media is not heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from mediasrv.call import MediaNeeds
from mediasrv.endpoints import CallGone
from mediasrv.endpoints.datagram import Address
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, CannotDial, Ending, Leg, LegEnded
from mediasrv.legs.sip import LATE_OFFER_CODECS, LegMedia, SipLeg, _reserve_and_add, _spec
from mediasrv.legs.transfers import target_uri
from mediasrv.media import EngineFace
from mediasrv.sdp import LocalMedia, accept, offer, parse
from mediasrv.server import Server, wiring
from mediasrv.server.reception import House
from mediasrv.sip import EndCause, Ended, Rejected, Uri
from mediasrv.telemetry import RecordSink

REFUSED = {486: Ending.BUSY, 600: Ending.BUSY, 408: Ending.NO_ANSWER, 480: Ending.NO_ANSWER}


class OutgoingLeg(SipLeg):
    """`answer` waits for the other side's."""

    async def answer(self) -> None:
        self._answering.set()
        try:
            answered = await self._call.wait_answered()
        except CallGone as gone:
            status = gone.end.status if isinstance(gone.end, Rejected) else 0
            raise LegEnded(REFUSED.get(status, Ending.REFUSED)) from gone
        self._settle(accept(self._ours, parse(answered)))

    async def hang_up(self, why: Ending) -> None:
        if self._call.end is None and not self._call.answered:
            await self._call.cancel()
            return
        await super().hang_up(why)

    async def wait_ended(self) -> Ending:
        end = await self._call.wait_ended()
        return Ending.CALLER_HUNG_UP if isinstance(end, Ended) and end.cause is EndCause.BYE else Ending.FAULT


class DiallingServer(Server):
    """`switchboard`: where users without a host of their own are called."""

    switchboard: Address = ("127.0.0.1", 5090)

    def _house(self, engine: EngineFace, sink: RecordSink, local: Address) -> House:
        house = super()._house(engine, sink, local)
        return replace(house, services=replace(house.services, dial=self._dial))

    @asynccontextmanager
    async def _dial(
        self, by: CallInfo, target: str, *, needs: MediaNeeds, beside: Leg | None = None
    ) -> AsyncIterator[Leg]:
        assert self._reception is not None
        house = self._reception._house
        problem = house.services.why_not_dial(by, target)
        if problem:
            raise CannotDial(problem)
        leg = await self._call(by, target, needs, beside)
        try:
            async with trio.open_nursery() as attending:
                attending.start_soon(leg.attend)
                yield leg
                attending.cancel_scope.cancel()
        finally:
            await leg.aclose()

    async def _call(self, by: CallInfo, target: str, needs: MediaNeeds, beside: Leg | None) -> OutgoingLeg:
        assert self._endpoint is not None
        assert self._engine is not None
        media = LegMedia(host="127.0.0.1", codecs=LATE_OFFER_CODECS, rtcp=False, bridge=True)
        media = replace(media, aec=needs.aec, ns=needs.ns, vad=needs.vad)
        spec = _spec(None, media)
        group = 0 if beside is None else beside.stream.group  # type: ignore[attr-defined]
        stream = await _reserve_and_add(self._engine, wiring.cost(spec), spec, group)
        local = LocalMedia(("127.0.0.1", stream.local[1]), LATE_OFFER_CODECS, session_id=7)
        stream.set_direction(sending=False, hearing=True)
        uri = target_uri(target, self.switchboard[0])
        call = await self._endpoint.call(
            uri,
            destination=(uri.host, uri.port) if uri.port else self.switchboard,
            from_uri=Uri.parse(f"sip:{by.caller}@127.0.0.1"),
            body=offer(local).build(),
        )
        info = CallInfo(CallId(f"{by.id}-{uri.user}"), by.caller, target, by.trunk)
        return OutgoingLeg(call, info, stream, spec, local, None)
