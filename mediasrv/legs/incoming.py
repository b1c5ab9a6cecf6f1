"""Calls that come to us: answered with what both sides can speak, or with an offer of ours where none came."""

from __future__ import annotations

import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.errors import RemoteError
from mediasrv.legs.endings import DECLINED, REFUSALS, ending
from mediasrv.legs.leg import CallInfo, Ending, LegEnded
from mediasrv.legs.sip import SipLeg
from mediasrv.legs.sound import Place, Sound, Stage
from mediasrv.legs.stream_spec import LegMedia
from mediasrv.sdp import MalformedDescription, NotAcceptable, SessionDescription, parse
from mediasrv.sip import WrongState
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
        self._offered = False  # in a reliable ring; the answer comes in its PRACK (RFC 3262 section 5)
        self._speaking_up = trio.Lock()

    async def ring(self, sound: Sound) -> None:
        """Reliably where the caller requires it; who then has offered nothing is sent our offer with it."""
        await trio.lowlevel.checkpoint()
        if self.call.answered:
            return
        try:
            if self.call.offer or not self._is_told("Require"):
                await self.call.ring(reliable=self._is_told("Require"))
            else:
                await self._describe(180, sound, reliable=True)
        except CallGone as gone:
            raise LegEnded(ending(gone.end, "in")) from gone

    async def speak_early(self, sound: Sound) -> bool:
        """In a 183, for certain where the caller takes that: without it he would go on hearing his own ringing.

        Who neither confirms it nor has proven where he is only hears that it rings."""
        reliable = self._is_told("Require") or self._is_told("Supported")
        try:
            return await self._speak_early(sound, reliable=reliable)
        except WrongState:  # it is being picked up at this very moment: the INVITE has its answer
            return True

    async def _speak_early(self, sound: Sound, *, reliable: bool) -> bool:
        if not reliable and not (self.call.offer and self.call.has_proven(sound.remote_host)):
            await self.ring(sound)
            return False
        async with self._speaking_up:
            if self.call.answered:  # while we waited for the right to speak
                return True
            try:
                await self._describe(183, sound, reliable=reliable)
                if reliable:
                    await self._agree(sound)
            except CallGone as gone:
                raise LegEnded(ending(gone.end, "in")) from gone
            if not self.call.answered:
                sound.speak_early()
        return True

    async def pick_up(self, sound: Sound) -> SipCall:
        call = self.call
        try:
            if self._offered:
                async with self._speaking_up:
                    await self._agree(sound)
            sound.pick_up()
            answered = await call.answer(b"" if self._offered else sound.ours.build())
            if sound.is_agreed:
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

    def _is_told(self, header: str) -> bool:
        request = self.call.request
        return request is not None and RELIABLY in tokens(request.headers, header)

    async def _describe(self, status: int, sound: Sound, *, reliable: bool) -> None:
        """Says what we speak; an offer is made once, and no other before it is answered."""
        body = b"" if self._offered else sound.ours.build()
        self._offered = not self.call.offer
        await self.call.ring(status, body, reliable=reliable)

    async def _agree(self, sound: Sound) -> None:
        """Our ring has arrived; what its confirmation says of our offer is the session."""
        answered = await self.call.wait_confirmed()
        if self._offered and not sound.is_agreed:
            try:
                await sound.take(parse(answered), Stage.CALLER_WAITS)
            except (MalformedDescription, NotAcceptable) as error:
                await self.call.reject(488)
                raise LegEnded(Ending.FAULT) from error
