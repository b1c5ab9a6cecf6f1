"""Calls of ours, from the target to a leg that rings: the rules, the way, the room, in this order.

    target --routes: nowhere--> CannotDial
       | may it be dialled? --no--> CannotDial, and nothing was sent
       | has the trunk room, has the engine? --no--> AtCapacity
       v
      leg: rings at one place after the other, until the block is left

What a trunk may still carry counts calls of ours and those that come together. What the call costs is its `Fare`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

import trio

from mediasrv.call import MediaNeeds
from mediasrv.config import TrunkSettings
from mediasrv.endpoints import SipEndpoint
from mediasrv.endpoints.resolution import CannotResolve
from mediasrv.errors import AtCapacity
from mediasrv.legs import CallInfo, CannotDial, Leg
from mediasrv.legs.outgoing import Outgoing
from mediasrv.legs.sip import SipLeg
from mediasrv.legs.sound import Sound
from mediasrv.legs.transfers import target_uri
from mediasrv.server.access.health import OPTIONS_HEALTH_CHECK
from mediasrv.server.dialling import Dialling
from mediasrv.server.house import House
from mediasrv.server.outgoing.fare import Fare
from mediasrv.server.outgoing.journey import Journey, Letterhead, Reach, Rests, Telling
from mediasrv.server.outgoing.routes import Place, Resolve, Routes
from mediasrv.server.outgoing.told import passed_on
from mediasrv.sip import Address, Uri, identity_lines
from mediasrv.sip.grammar.fields import NameAddr

NOBODY = "anonymous"  # who calls when no number is known
NOT_SHOWN = Uri.parse("sip:anonymous@anonymous.invalid")  # RFC 3323 section 4.1.1.3
WITHHELD = frozenset({"id"})  # RFC 3325 section 9.3


class Dialler:
    """`dial` fulfils `Dial`."""

    def __init__(
        self, house: House, endpoint: SipEndpoint, rules: Dialling, routes: Routes, resolve: Resolve
    ) -> None:
        self._house, self._rules, self._routes = house, rules, routes
        self._reach = Reach(endpoint, resolve, Rests(house.services.clock))
        self.draining = False

    def learn(self, trunk: str, place: Address, *, alive: bool) -> None:
        """What an OPTIONS there has told: calls go elsewhere first for a while, or, where it is sure to be answered,
        until it is."""
        if OPTIONS_HEALTH_CHECK in self._house.settings.trunks[trunk].quirks:
            self._reach.rests.stands(place, alive=alive)
        elif not alive:
            self._reach.rests.begin(place)

    @asynccontextmanager
    async def dial(
        self, by: CallInfo, target: str, *, needs: MediaNeeds, beside: Leg | None = None
    ) -> AsyncIterator[Leg]:
        call = self._house.services.live.find(by.id)

        def note(event: str, fields: dict[str, Any]) -> None:
            if call is not None:
                call.timeline.note(event, **fields)

        headers = passed_on(by.headers, self._house.settings.trunks[self._routes.trunk_out(by) or by.trunk])
        info = replace(by, called=target, direction="out", hops_left=by.hops_left - 1, headers=headers)
        trace = self._house.tracing.of(by.id)
        telling = Telling(note, (lambda _: None) if trace is None else trace.messages)
        async with self.open(info, needs, telling, beside) as leg:
            if trace is not None:
                leg.each_stream(trace.packets)
            yield leg

    @asynccontextmanager
    async def open(
        self, info: CallInfo, needs: MediaNeeds, telling: Telling, beside: Leg | None = None
    ) -> AsyncIterator[SipLeg]:
        """A leg to `info.called`, that `info.trunk` pays for; raises CannotDial or AtCapacity."""
        fare = Fare(self._rules, info)
        places = self._places(info, fare)
        try:
            with self._room(places[0].trunk):
                leg = await self._leg(info, places, fare, needs, telling, beside)
                async with self._attended(leg, fare, telling):
                    yield leg
        finally:
            fare.settle()

    @asynccontextmanager
    async def _attended(self, leg: SipLeg, fare: Fare, telling: Telling) -> AsyncIterator[None]:
        problem: Exception | None = None
        try:
            async with trio.open_nursery() as attending:
                attending.start_soon(leg.attend)
                attending.start_soon(fare.run, leg, telling.note)
                try:
                    yield
                except Exception as error:  # goes on as it is, not in a nursery's group
                    problem = error
                attending.cancel_scope.cancel()
        finally:
            await leg.aclose()
        if problem is not None:
            raise problem

    def _places(self, info: CallInfo, fare: Fare) -> Sequence[Place]:
        if self.draining:
            raise CannotDial("the server is shutting down")
        if info.hops_left < 1:
            raise CannotDial("the call has come too far to go on")
        places = self._routes.to(info, info.called)
        problem = fare.why_not(info.called, at_home=all(place.hop is not None for place in places))
        if problem:
            raise CannotDial(problem)
        return places

    def _room(self, trunk: str) -> AbstractContextManager[None]:
        if not trunk:
            return nullcontext()
        gates = self._house.gates
        refusal = gates.why_not(trunk, self._house.services.clock.now())
        if refusal is not None:
            raise AtCapacity(f"trunks.{trunk}: {refusal.why}", refusal.retry_after_s or 1)
        return gates.inside(trunk)

    async def _leg(
        self, info: CallInfo, places: Sequence[Place], fare: Fare, needs: MediaNeeds, telling: Telling,
        beside: Leg | None,
    ) -> SipLeg:  # fmt: skip
        house = self._house
        trunk = house.settings.trunks[places[0].trunk or info.trunk]
        group = house.roster.new_group() if beside is None else beside.stream.group
        media = house.leg_media(trunk, needs, await self._host_of(places[0]))
        sound = await Sound.offering(house.place(group), media, house.session_id())
        journey = Journey(
            self._reach, places, self._letterhead(info, trunk, within=places[0].hop is not None), telling,
            lambda uri: fare.why_not(str(uri)),
        )  # fmt: skip
        leg = SipLeg(info, sound, Outgoing(journey, house.settings.calls.ring_s))
        leg.may_refer = trunk.transfer == "refer"
        return leg

    async def _host_of(self, place: Place) -> str:
        """Numeric; empty: it cannot be found now, and the journey will say so."""
        try:
            hops = await place.found_by(self._reach.resolve)
        except CannotResolve:
            return ""
        return hops[0][0] if hops else ""

    def _letterhead(self, info: CallInfo, trunk: TrunkSettings, *, within: bool) -> Letterhead:
        """`within`: to a user of ours, who sees who calls and not the number that the trunk shows the world."""
        shown = info.caller if within else trunk.written(trunk.caller_id or info.caller or NOBODY)
        caller = target_uri(shown or NOBODY, self._house.told_to(""))
        hidden = trunk.caller_withheld and not within
        asserted = (NameAddr(caller),) if trunk.caller_asserted or hidden else ()
        headers = (*identity_lines(asserted, WITHHELD if hidden else frozenset()), *info.headers.items())
        if hidden:
            caller = NOT_SHOWN
        return Letterhead(caller, headers, info.hops_left, trunk.session_timer_s)
