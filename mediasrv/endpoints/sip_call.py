"""One SIP call as its owner sees it: await what the other side does, say what we do.

The core's events arrive through `deliver`, at once and in order, so what a method finds is what the core knows; and
what a method says is said before its first checkpoint, so no cancellation falls between the core's knowledge and ours.
A call ends once, and everything that waits on it then returns or raises `CallGone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import trio

from mediasrv.endpoints.inbox import Inbox
from mediasrv.endpoints.sip_talk import Acting, SipTalk
from mediasrv.endpoints.traffic import Traffic
from mediasrv.errors import RemoteError
from mediasrv.sip import (
    Acknowledged,
    Address,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    KeyPressed,
    Party,
    Progress,
    ProgressConfirmed,
    Reason,
    Redirected,
    Referred,
    Reinvite,
    Rejected,
    Request,
    SipCallId,
    SipEvent,
    UpdateOffered,
    Uri,
    WrongState,
)
from mediasrv.sip.grammar.reasons import NORMAL_CLEARING, Q850, Q850_OF_STATUS
from mediasrv.sip.hop import is_reliable

PROGRESSES_WAITING_MAX = 16

CallEnd = Cancelled | Rejected | Ended
Asked = type[Reinvite] | type[UpdateOffered] | type[Referred] | type[KeyPressed]
HeaderLines = Sequence[tuple[str, str]]


class CallGone(RemoteError):
    """The call ended while we wanted something of it."""

    def __init__(self, end: CallEnd) -> None:
        self.end = end
        super().__init__(f"the call is over: {end}")


class CallRedirected(RemoteError):
    """Our call is sent elsewhere, and we said that we would follow."""

    def __init__(self, redirected: Redirected) -> None:
        self.redirected = redirected
        super().__init__(f"the callee is elsewhere: {', '.join(map(str, redirected.targets))}")


class Signalling(Acting, Protocol):
    """What a call needs of its endpoint: each does one thing to the core and sends what comes of it."""

    def respond(
        self,
        call: SipCallId,
        status: int,
        *,
        reason: str | None,
        headers: HeaderLines,
        body: bytes,
        reliable: bool | None,
    ) -> None: ...
    def acknowledge(self, call: SipCallId, body: bytes) -> None: ...
    def cancel(self, call: SipCallId) -> None: ...
    def bye(self, call: SipCallId, reason: str) -> None: ...
    def forget(self, call: SipCallId) -> None: ...


class SipCall:
    """Incoming when `request` is there: `ring`, then `answer` or `reject`. Outgoing otherwise: `wait_answered`.

    Accepted, an incoming call ends the one that it `replaces`. `talk` is what else can be said, `traffic` what was,
    octet by octet. `username` is who has proven by digest to be the caller; empty: nobody was asked."""

    def __init__(
        self,
        call_id: SipCallId,
        signalling: Signalling,
        remote: Address,
        request: Request | None = None,
        replaces: SipCallId | None = None,
        traffic: Traffic | None = None,
        *,
        username: str = "",
    ) -> None:
        self.id, self.remote, self.request, self.replaces = call_id, remote, request, replaces
        self.username = username
        self.traffic = traffic or Traffic()
        self.talk = SipTalk(call_id, signalling, self._raise_if_over)
        self.redirected: Redirected | None = None
        self.progress: Progress | None = None
        self.early: dict[str, bytes] = {}  # what forks have described for certain before the answer
        self.fork = ""  # whose answer it is
        self.answered = False
        self.end: CallEnd | None = None
        self._signalling = signalling
        self._over = trio.Event()
        self._settled = trio.Event()  # what we wait for now has come: an ACK, an answer, the end
        self._confirmed, self._rung = trio.Event(), 0
        self._body = b""
        # One re-INVITE is open at a time. Full: the one before was withdrawn unread, and the new one takes its place.
        self._reinvites: Inbox[bytes] = Inbox(1)
        # Full: the oldest is dropped; whoever rings tells it again.
        self._progresses: Inbox[Progress] = Inbox(PROGRESSES_WAITING_MAX)
        self._asked: Inbox[Asked] = Inbox(4)  # never full: each kind comes once
        self._kinds_asked: set[type[SipEvent]] = set()

    @property
    def offer(self) -> bytes:
        """The caller's session description; empty when the offer is to be ours."""
        return self.request.body if self.request else b""

    @property
    def party(self) -> Party:
        """What the caller's side says of him, and how far the call may go on; of a call of ours: nothing."""
        return Party.of(self.request.headers) if self.request else Party()

    def has_proven(self, media_host: str) -> bool:
        """Whether the caller may be sent sound there before he has acknowledged anything of ours.

        A datagram's source can be forged, and so can the address that stands in an offer: who streams to it is a
        weapon. So the caller is known by digest, or by his connection, or he has been called back where he is before,
        and wants the sound there and nowhere else."""
        if self.username or is_reliable(self.remote):
            return True
        is_there = self._signalling.act(lambda core, now: core.has_proven(media_host))
        return is_there and media_host == self.remote[0]

    def deliver(self, event: SipEvent) -> None:
        """Takes an event of the core's about this call."""
        if self.end is not None:
            return
        match event:
            case Cancelled() | Rejected() | Ended():
                self.end = event
                self._over.set()
                self._settled.set()
                self._reinvites.close()
                self._progresses.close()
                self._asked.close()
                self._confirmed.set()
                self.talk.end()
            case Acknowledged(body=body):
                self._body = body
                self._settled.set()
            case Answered(body=body, fork=fork):
                self._body, self.fork = body, fork
                self._settled.set()
            case Reinvite(body=body):
                self._reinvites.put(body)
                self._note_asked(Reinvite)
            case Progress():
                self._take_progress(event)
            case ProgressConfirmed():
                self._ring_arrived(event)
            case Redirected():
                self.redirected = event
                self._settled.set()
            case _:
                self.talk.deliver(event)
                if isinstance(event, UpdateOffered | Referred | KeyPressed):
                    self._note_asked(type(event))

    async def ring(self, status: int = 180, body: bytes = b"", *, reliable: bool | None = None) -> None:
        """`reliable`: repeated until the caller confirms it; None: when he requires it."""
        self._respond(status, body=body, reliable=reliable)
        if reliable is not False and self.end is None:
            superseded, self._confirmed, self._rung = self._confirmed, trio.Event(), status
            superseded.set()  # who waits for that one waits for this one now

    async def wait_confirmed(self) -> bytes:
        """The last reliable ring has arrived; returns the answer that its confirmation carried."""
        waited = None
        while waited is not self._confirmed:
            waited = self._confirmed
            await waited.wait()
            self._raise_if_over()
        return self._body

    async def answer(self, body: bytes) -> bytes:
        """Picks up with our session description and waits for the ACK; returns what the ACK carried."""
        return await self._accept(body)

    async def reject(self, status: int, *, reason: str | None = None, headers: HeaderLines = ()) -> None:
        """Declines; a call that is over already is left alone."""
        try:
            self._respond(status, reason=reason, headers=(*headers, *_why_in_isdn(status)))
        except CallGone:
            return
        self._signalling.forget(self.id)
        self.deliver(Ended(self.id, EndCause.LOCAL, reason or str(status)))

    async def wait_asked(self) -> Asked:
        """A kind of thing that is asked for the first time in this call; trio.EndOfChannel when it is over.

        Most calls are never asked anything: nobody needs to wait for each kind before it has come once."""
        return await self._asked.take()

    async def wait_reinvite(self) -> bytes:
        """The next re-INVITE's offer (empty: ours is asked for); `accept_reinvite` or `refuse_reinvite` follows."""
        try:
            return await self._reinvites.take()
        except trio.EndOfChannel:
            raise CallGone(await self.wait_ended()) from None

    async def accept_reinvite(self, body: bytes) -> bytes:
        """Agrees, and waits for the ACK; returns what it carried."""
        return await self._accept(body)

    async def refuse_reinvite(self, status: int) -> None:
        self._respond(status)

    async def wait_answered(self) -> bytes:
        """Our call was taken: the other side's session description. Raises CallGone when it was not.

        CallRedirected: the callee is elsewhere; `redirect`, then wait again, or `cancel`."""
        await self._settle()
        if self.redirected is not None:
            raise CallRedirected(self.redirected)
        self.answered = True
        return self._body

    async def wait_progress(self) -> Progress:
        """What a call of ours is told next before it is answered; trio.EndOfChannel when it is over."""
        return await self._progresses.take()

    async def redirect(self, target: Uri, destination: Address) -> None:
        """Goes on to one of the places that a redirection has named."""
        self._raise_if_over()
        self._settled, self.redirected = trio.Event(), None
        self._signalling.act(lambda core, now: core.redirect(self.id, target, destination, now))

    async def acknowledge(self, body: bytes) -> None:
        """Our answer to the offer that came in the 200, when we called without one."""
        self._signalling.acknowledge(self.id, body)

    async def cancel(self) -> None:
        """Gives up a call of ours that was not answered."""
        self._signalling.cancel(self.id)

    async def bye(self, words: str = "", *, q850: int = NORMAL_CLEARING) -> None:
        """Ends the call in whatever state it is; idempotent. `words` and the number by which the telephone network
        knows why go into the Reason header (RFC 3326)."""
        self._signalling.bye(self.id, str(Reason(Q850, q850, words)) if words else "")

    async def wait_ended(self) -> CallEnd:
        await self._over.wait()
        assert self.end is not None
        return self.end

    async def _accept(self, body: bytes) -> bytes:
        self._settled = trio.Event()
        self._respond(200, body=body)
        self.answered = True
        await self._settle()
        return self._body

    def _take_progress(self, progress: Progress) -> None:
        self.progress = progress
        self._progresses.put(progress)
        if progress.reliable and progress.body:
            self.early[progress.fork] = progress.body

    def _ring_arrived(self, confirmed: ProgressConfirmed) -> None:
        self._body = confirmed.body or self._body
        if confirmed.status == self._rung:
            self._confirmed.set()

    def _note_asked(self, kind: Asked) -> None:
        if kind not in self._kinds_asked:
            self._kinds_asked.add(kind)
            self._asked.put(kind)

    async def _settle(self) -> None:
        await self._settled.wait()
        self._raise_if_over()

    def _raise_if_over(self) -> None:
        if self.end is not None:
            raise CallGone(self.end)

    def _respond(
        self,
        status: int,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        reliable: bool | None = None,
    ) -> None:
        self._raise_if_over()
        try:
            self._signalling.respond(
                self.id, status, reason=reason, headers=headers, body=body, reliable=reliable
            )
        except WrongState:
            if self.end is not None:  # it ended while what we had to say was on its way to the core
                raise CallGone(self.end) from None
            raise


def _why_in_isdn(status: int) -> HeaderLines:
    """RFC 6432: for the telephone network behind a carrier."""
    cause = Q850_OF_STATUS.get(status)
    return () if cause is None else (("Reason", str(Reason(Q850, cause))),)
