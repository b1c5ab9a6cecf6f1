"""Calls that come to us: answered with what both sides can speak, or with an offer of ours where none came."""

from __future__ import annotations

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.errors import RemoteError
from mediasrv.legs.endings import DECLINED, REFUSALS, ending
from mediasrv.legs.leg import CallInfo, Ending, LegEnded
from mediasrv.legs.sip import SipLeg
from mediasrv.legs.sound import Place, Sound
from mediasrv.legs.stream_spec import LegMedia
from mediasrv.sdp import MalformedDescription, NotAcceptable, SessionDescription, parse


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
