"""A leg over SIP: its session is negotiated with SDP, its sound is one RTP stream of the engine's.

How it comes to be picked up is the business of an `Opening`: a call that came to us is answered, one of ours is made.
From there on both are the same: re-INVITEs and UPDATEs move and hold the sound, REFERs and keys come, and one side
hangs up. A handshake that fails ends the call, for nothing was heard and nothing will be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import trio

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.errors import StreamClosed
from mediasrv.legs.endings import WORDS, cause_of, ending
from mediasrv.legs.leg import CallInfo, CannotTransfer, Ending, Leg, LegRequest
from mediasrv.legs.requests import Requests
from mediasrv.legs.sound import Sound
from mediasrv.legs.transfers import Referral, hand_over, target_uri
from mediasrv.media import StreamFace
from mediasrv.media.dtls import HandshakeFailed
from mediasrv.sdp import MalformedDescription, Negotiated, NotAcceptable, parse
from mediasrv.sip import (
    FLASH,
    Key,
    KeyPressed,
    Referred,
    Reinvite,
    Replaces,
    SipCallId,
    UpdateOffered,
    Uri,
    WrongState,
)

FAREWELL_S = 2.0


class Opening(Protocol):
    """What a leg does until it is picked up."""

    @property
    def call(self) -> SipCall | None:
        """The one that is being opened; of ours there may be several, one after the other."""

    async def ring(self, sound: Sound) -> None:
        """Tells who called us that somebody is asked; LegEnded says that he is gone."""

    async def speak_early(self, sound: Sound) -> bool:
        """Has who called us hear our sound before it is picked up; false: he only hears that it rings."""

    async def pick_up(self, sound: Sound) -> SipCall:
        """There is sound both ways when it returns; LegEnded says why there is none."""

    async def give_up(self, why: Ending) -> None:
        """Refuses, or stops ringing; idempotent."""


class SipLeg:
    """Open until `aclose`; `attend` must run beside the call."""

    def __init__(self, info: CallInfo, sound: Sound, opening: Opening) -> None:
        self.info = info
        self.may_refer = True  # the trunk takes calls over when asked to
        self._sound, self._opening = sound, opening
        self._requests = Requests()
        self._ended_here: Ending | None = None  # for a reason that only the leg knows
        self._picked_up = trio.Event()
        if info.direction == "in":
            self._picked_up.set()  # its dialog is there from the first INVITE

    @property
    def stream(self) -> StreamFace:
        """Of a leg that we dialled, another one may take its place until it is picked up."""
        return self._sound.stream

    def each_stream(self, told: Callable[[StreamFace], None]) -> None:
        """Tells of the stream, and of those that take its place."""
        self._sound.each_stream(told)

    @property
    def host(self) -> str:
        return "" if self._opening.call is None else self._opening.call.remote[0]

    @property
    def sip_call(self) -> SipCallId | None:
        return None if self._opening.call is None else self._opening.call.id

    async def ring(self) -> None:
        await self._opening.ring(self._sound)

    async def speak_early(self) -> bool:
        return await self._opening.speak_early(self._sound)

    async def answer(self) -> None:
        await self._opening.pick_up(self._sound)
        self._requests.hold(self._sound.holds)
        self._picked_up.set()

    async def wait_picked_up(self) -> None:
        await self._picked_up.wait()

    async def wait_ended(self) -> Ending:
        end = await (await self._call()).wait_ended()
        return self._ended_here or ending(end, self.info.direction)

    async def next_request(self) -> LegRequest:
        return await self._requests.next()

    async def press(self, keys: str) -> bool:
        await trio.lowlevel.checkpoint()
        call = self._opening.call
        if call is None or self._sound.keys_by != "info":
            self.stream.send_dtmf(keys)
            return True
        try:
            for key in keys.upper():
                await call.talk.send_key(Key(key))
        except CallGone as gone:
            raise StreamClosed(str(gone)) from gone
        return False

    def is_dialog(self, replaces: Replaces) -> bool:
        """Whether an INVITE with this Replaces would mean this call."""
        call = self._opening.call
        return call is not None and call.end is None and call.talk.is_named(replaces)

    async def transfer(self, target: str, instead_of: Leg | None = None) -> None:
        await trio.lowlevel.checkpoint()
        if not self.may_refer:
            raise CannotTransfer("the trunk takes no transfers")
        call = await self._call()
        if instead_of is None:
            await hand_over(call, target_uri(target, call.remote[0]))
            return
        if not isinstance(instead_of, SipLeg):
            raise CannotTransfer("no SIP call that could be taken over")
        await hand_over(call, *instead_of.as_replaced())

    def as_replaced(self) -> tuple[Uri, Replaces]:
        """How to name this call to who is to take our place in it."""
        call = self._opening.call
        if call is None:
            raise CannotTransfer("that call has not begun")
        try:
            return call.talk.remote_target, call.talk.replaces
        except CallGone as gone:
            raise CannotTransfer("that call is over") from gone

    def silence(self) -> None:
        self._sound.silence()

    async def hang_up(self, why: Ending) -> None:
        call = self._opening.call
        if call is None or not call.answered:
            await self._opening.give_up(why)
        elif call.end is None:
            await call.bye(WORDS.get(why, ""), q850=cause_of(why))

    async def end(self, why: Ending) -> None:
        """Hangs up, and whoever waits for the end is told why."""
        self._ended_here = self._ended_here or why
        await self.hang_up(why)

    async def attend(self) -> None:
        """Answers what the other side asks for, and shakes hands, from the beginning of the call to its end."""
        call = await self._call()
        attend = {
            Reinvite: self._attend_reinvite,
            UpdateOffered: self._attend_update,
            Referred: self._attend_referral,
            KeyPressed: self._attend_key,
        }
        async with trio.open_nursery() as beside:
            if self._sound.may_shake_hands:
                beside.start_soon(self._protect)
            with suppress(trio.EndOfChannel):
                while True:
                    beside.start_soon(self._attend, attend[await call.wait_asked()], call)
            beside.cancel_scope.cancel()

    async def aclose(self) -> None:
        """Hangs up, if nobody has, and gives the stream back; shielded and bounded."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_S):
            try:
                await self.hang_up(Ending.FAULT)
            finally:
                await self._sound.aclose()

    async def _call(self) -> SipCall:
        await self._picked_up.wait()
        assert self._opening.call is not None
        return self._opening.call

    async def _attend(self, attend_next: Callable[[SipCall], Awaitable[None]], call: SipCall) -> None:
        while True:
            try:
                await attend_next(call)
            except WrongState:  # withdrawn before we had answered (RFC 3261 section 9.2)
                continue
            except CallGone:
                return

    async def _protect(self) -> None:
        try:
            await self._sound.protect()
        except StreamClosed:
            return
        except HandshakeFailed:
            await self.end(Ending.FAULT)  # there are no keys, nor will there be

    async def _attend_reinvite(self, call: SipCall) -> None:
        """RFC 3264 section 8: refused, the session stays as it was."""
        offered = await call.wait_reinvite()
        sound = self._sound
        try:
            agreed = sound.reanswer(parse(offered)) if offered else None
        except (MalformedDescription, NotAcceptable):
            await call.refuse_reinvite(488)
            return
        ours = sound.reoffer() if agreed is None else agreed.description
        answered = await call.accept_reinvite(ours.build())
        sound.ours = ours
        try:
            self._follow(sound.reaccept(parse(answered)) if agreed is None else agreed)
        except (MalformedDescription, NotAcceptable):
            await call.bye("unacceptable answer")

    async def _attend_update(self, call: SipCall) -> None:
        """RFC 3311: as a re-INVITE, but answered at once and without an ACK."""
        offered = await call.talk.wait_update()
        try:
            agreed = self._sound.reanswer(parse(offered))
        except (MalformedDescription, NotAcceptable):
            await call.talk.answer_update(488)
            return
        await call.talk.answer_update(200, agreed.description.build())
        self._sound.ours = agreed.description
        self._follow(agreed)

    def _follow(self, agreed: Negotiated) -> None:
        self._sound.follow(agreed)
        self._requests.hold(self._sound.holds)

    async def _attend_referral(self, call: SipCall) -> None:
        self._requests.transfer(Referral(call, await call.talk.wait_referral()))

    async def _attend_key(self, call: SipCall) -> None:
        """Keys in INFO, as those that come as RFC 4733 events."""
        key = await call.talk.wait_key()
        if key.key != FLASH:
            self.stream.hear_key(key.key, key.duration_ms)
