"""Calls that come to us: answered with what both sides can speak, or with an offer of ours where none came."""

from __future__ import annotations

import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.errors import RemoteError
from mediasrv.legs.endings import DECLINED, REFUSALS, ending
from mediasrv.legs.leg import CallInfo, Ending, LegEnded
from mediasrv.legs.sip import SipLeg
from mediasrv.legs.sound import Place, Sound
from mediasrv.legs.stream_spec import LegMedia
from mediasrv.sdp import MalformedDescription, NotAcceptable, SessionDescription, parse
from mediasrv.sip.grammar.fields import tokens

RELIABLY = "100rel"


class OfferUnacceptable(RemoteError):
    """The offer is malformed (`status` 400), or there is nothing in it for us (488)."""

    def __init__(self, problem: str, status: int) -> None:
        self.status = status
        super().__init__(problem)


async def open_incoming(
    call: SipCall, info: CallInfo, place: Place, media: LegMedia, session_id: int
) -> SipLeg:
    """Negotiates and opens the stream; raises OfferUnacceptable or AtCapacity, and then nothing is left."""
    if not call.offer:
        sound = await Sound.offering(place, media, session_id)
    else:
        try:
            sound = await Sound.answering(_read(call.offer), place, media, session_id)
        except NotAcceptable as error:
            raise OfferUnacceptable(str(error), 488) from error
    return SipLeg(info, sound, Incoming(call))


def _read(offered: bytes) -> SessionDescription:
    try:
        return parse(offered)
    except MalformedDescription as error:
        raise OfferUnacceptable(str(error), 400) from error


class Incoming:
    """An `Opening`: ours to pick up."""

    def __init__(self, call: SipCall) -> None:
        self.call = call

    async def ring(self) -> None:
        """Reliably where the caller requires it; silently where that would need a description of ours.

        A caller without an offer who requires 100rel would have to be sent ours in the 180, and would answer it in his
        PRACK (RFC 3262 section 5), before anybody has picked up. He is told nothing but 100 until then.
        """
        await trio.lowlevel.checkpoint()
        request = self.call.request
        if request is None or (not request.body and RELIABLY in tokens(request.headers, "Require")):
            return
        try:
            await self.call.ring()
        except CallGone as gone:
            raise LegEnded(ending(gone.end, "in")) from gone

    async def pick_up(self, sound: Sound) -> SipCall:
        call = self.call
        sound.pick_up()
        try:
            answered = await call.answer(sound.ours.build())
            if call.offer:
                sound.begin()
            else:
                await sound.take(parse(answered))
        except CallGone as gone:
            raise LegEnded(ending(gone.end, "in")) from gone
        except (MalformedDescription, NotAcceptable) as error:
            await call.bye(f"unacceptable answer: {error}")
            raise LegEnded(Ending.FAULT) from error
        return call

    async def give_up(self, why: Ending) -> None:
        if self.call.end is None:
            await self.call.reject(REFUSALS.get(why, DECLINED))
