"""What can be said inside a call besides hanging up: changes, keys, transfers; each awaited where it has an answer.

One change of ours (UPDATE or re-INVITE) is open at a time, as in the core. What the peer begins waits in a channel of
its own until somebody looks; the core refuses by itself what nobody decides in time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

from mediasrv.endpoints.inbox import Inbox
from mediasrv.errors import RemoteError
from mediasrv.sip import (
    Key,
    KeyPressed,
    ReferProgress,
    ReferralId,
    Referred,
    ReinviteDone,
    Replaces,
    SipCallId,
    SipEvent,
    UpdateDone,
    UpdateOffered,
    Uri,
    UserAgent,
    WrongState,
)

T = TypeVar("T")
KEYS_WAITING_MAX = 64
REFERRALS_WAITING_MAX = 4  # the core has no more of them open in one call


class ChangeRefused(RemoteError):
    """The other side did not agree; everything stays as it was. `retry_after_s`: it may be asked again then."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        self.status, self.retry_after_s = status, retry_after_s
        super().__init__(f"the change was refused: {status}")


class Acting(Protocol):
    """The endpoint: does one thing to the core, and sends what comes of it."""

    def act(self, deed: Callable[[UserAgent, float], T]) -> T: ...


class Transfer:
    """A REFER of ours; `progress` is the last that was told of it."""

    def __init__(self, referral: ReferralId) -> None:
        self.id = referral
        self.progress: ReferProgress | None = None
        self._over = trio.Event()

    def deliver(self, progress: ReferProgress) -> None:
        self.progress = progress
        if progress.final:
            self._over.set()

    def end(self) -> None:
        self._over.set()

    async def wait_final(self) -> ReferProgress | None:
        """What became of it; without a final status when the call ended before one was told."""
        await self._over.wait()
        return self.progress


class SipTalk:
    """Of one call; `gone` raises what tells that it is over."""

    def __init__(self, call: SipCallId, acting: Acting, gone: Callable[[], None]) -> None:
        self._id, self._acting, self._gone = call, acting, gone
        # Full: the oldest key is dropped, for the caller who types on and on has long meant something else.
        self._keys: Inbox[Key] = Inbox(KEYS_WAITING_MAX)
        # Full: the core has refused what nobody decided in time, so the oldest one is dead.
        self._referrals: Inbox[Referred] = Inbox(REFERRALS_WAITING_MAX)
        # Full: of several telephones that ring, two have offered at once; the core refuses the older one in time.
        self._updates: Inbox[UpdateOffered] = Inbox(1)
        self.asking = ""  # which of several telephones the offer is of that `wait_update` has brought
        self._transfers: dict[ReferralId, Transfer] = {}
        self._change: UpdateDone | ReinviteDone | None = None
        self._changed = trio.Event()

    def deliver(self, event: SipEvent) -> None:
        match event:
            case KeyPressed(key=key):
                self._keys.put(key)
            case Referred():
                self._referrals.put(event)
            case UpdateOffered():
                self._updates.put(event)
            case UpdateDone() | ReinviteDone():
                self._change = event
                self._changed.set()
            case ReferProgress(referral=referral) if referral in self._transfers:
                self._transfers[referral].deliver(event)
                if event.final:
                    del self._transfers[referral]

    def end(self) -> None:
        """The call is over: everything that waits here is woken."""
        self._keys.close()
        self._referrals.close()
        self._updates.close()
        for transfer in self._transfers.values():
            transfer.end()
        self._changed.set()

    def ask_session(self, interval_s: int) -> None:
        """The session interval that we ask for (RFC 4028), when we answer; 0: none of our own."""
        self._act(lambda core, now: core.ask_session(self._id, interval_s))

    # ---- changes

    async def reinvite(self, offer: bytes) -> bytes:
        """Offers a change; returns the answer. Raises ChangeRefused, or WrongState while another is under way."""
        return await self._offer(lambda core, now: core.reinvite(self._id, offer, now))

    async def update(self, offer: bytes = b"") -> bytes:
        """The same by UPDATE, before or after the answer; without an offer it is a sign of life."""
        return await self._offer(lambda core, now: core.in_dialog(self._id).updates.begin(offer, now))

    async def wait_update(self) -> bytes:
        """The next offer that comes in UPDATE or PRACK; `answer_update` follows."""
        offered = await self._next(self._updates)
        self.asking = offered.fork
        return offered.body

    async def answer_update(self, status: int, answer: bytes = b"") -> None:
        self._act(lambda core, now: core.in_dialog(self._id, self.asking).updates.answer(status, answer, now))

    async def confirm(self, answer: bytes, fork: str = "") -> None:
        """Our answer to the offer in a reliable provisional response."""
        self._act(lambda core, now: core.confirm(self._id, answer, now, fork=fork))

    # ---- keys

    async def send_key(self, key: Key) -> None:
        """In INFO; several go out in order."""
        self._act(lambda core, now: core.in_dialog(self._id).infos.send(key, now))

    async def wait_key(self) -> Key:
        return await self._next(self._keys)

    # ---- transfers

    async def refer(
        self, target: Uri, *, replaces: Replaces | None = None, subscribe: bool = True
    ) -> Transfer:
        """Asks the other side to call `target`, in place of the call that `replaces` names (attended)."""

        def begin(core: UserAgent, now: float) -> Transfer:
            talks = core.in_dialog(self._id).subscriptions
            transfer = Transfer(talks.refer(target, replaces, None, subscribe, now))
            self._transfers[transfer.id] = transfer
            return transfer

        return self._act(begin)

    @property
    def replaces(self) -> Replaces:
        """How to name this call in a transfer that its other end is to take over."""
        return self._act(lambda core, now: core.replaces(self._id))

    @property
    def remote_target(self) -> Uri:
        """Where its other end is reached."""
        return self._act(lambda core, now: core.in_dialog(self._id).dialog.target)

    def is_named(self, replaces: Replaces) -> bool:
        """Whether a Replaces that is sent to us means this call."""
        return self._act(lambda core, now: core.named_by(replaces)) == self._id

    async def wait_referral(self) -> Referred:
        """The next REFER; it calls nobody until `accept_referral` and until somebody really calls."""
        return await self._next(self._referrals)

    async def accept_referral(self, referral: ReferralId) -> None:
        self._act(lambda core, now: core.in_dialog(self._id).referrals.find(referral).accept(now))

    async def decline_referral(self, referral: ReferralId, status: int = 603) -> None:
        self._act(lambda core, now: core.in_dialog(self._id).referrals.find(referral).decline(status, now))

    async def tell_referral(self, referral: ReferralId, status: int) -> None:
        """What became of the call that was made for it; 200 and above is the last."""
        self._act(lambda core, now: core.in_dialog(self._id).referrals.find(referral).progress(status, now))

    async def _offer(self, deed: Callable[[UserAgent, float], None]) -> bytes:
        self._change, self._changed = None, trio.Event()
        self._act(deed)
        await self._changed.wait()
        change = self._made()
        if change.status >= 300:
            raise ChangeRefused(change.status, change.retry_after_s)
        return change.body

    def _made(self) -> UpdateDone | ReinviteDone:
        if self._change is None:
            self._gone()
            raise WrongState("the change was given up")
        return self._change

    async def _next(self, inbox: Inbox[T]) -> T:
        try:
            return await inbox.take()
        except trio.EndOfChannel:
            self._gone()
            raise

    def _act(self, deed: Callable[[UserAgent, float], T]) -> T:
        self._gone()
        return self._acting.act(deed)
