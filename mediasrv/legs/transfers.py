"""Transfers over SIP (RFC 3515, RFC 5589), both ways: our REFER and what comes of it, and one of the other side's.

Ours is over with the first final word: a refusal, or the last NOTIFY. That it was understood (202) says nothing yet,
and a call that ends meanwhile was not transferred as far as anybody knows.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from mediasrv.endpoints import CallGone, SipCall
from mediasrv.legs.leg import CannotTransfer, Leg
from mediasrv.sip import Malformed, Referred, Replaces, Uri, WrongState
from mediasrv.sip.grammar.uri import bracketed

_HAS_SCHEME = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_USER_ESCAPED = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")  # RFC 3261 section 25.1: `user`


def target_uri(target: str, host: str) -> Uri:
    """`target` as a person wrote it: a URI, or a number or name that stands at `host`. CannotTransfer for neither."""
    try:
        if _HAS_SCHEME.match(target):
            return Uri.parse(target)
        user = _USER_ESCAPED.sub(_percent, target.strip())
        return Uri.parse(f"sip:{user}@{bracketed(host)}")
    except Malformed as error:
        raise CannotTransfer(f"nobody can be transferred there: {error}") from error


def _percent(character: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in character.group().encode())


async def hand_over(call: SipCall, target: Uri, replaces: Replaces | None = None) -> None:
    """Has the other side call `target`, in place of the call that `replaces` names; returns when that was answered."""
    try:
        transfer = await call.talk.refer(target, replaces=replaces)
    except (WrongState, CallGone) as error:
        raise CannotTransfer(str(error)) from error
    progress = await transfer.wait_final()
    if progress is None or not progress.final:
        raise CannotTransfer("the call ended before anything was told")
    if progress.status >= 300:
        raise CannotTransfer(f"{progress.status} {progress.reason}".strip())


@runtime_checkable
class HasDialog(Protocol):
    """A leg that an attended transfer can name: SIP's."""

    def is_dialog(self, replaces: Replaces) -> bool: ...


class Referral:
    """A REFER of the other side's: a `TransferAsked`."""

    def __init__(self, call: SipCall, referred: Referred) -> None:
        self._call, self._referred = call, referred

    @property
    def target(self) -> str:
        return str(self._referred.target)

    @property
    def is_attended(self) -> bool:
        return self._referred.replaces is not None

    def names(self, leg: Leg) -> bool:
        replaces = self._referred.replaces
        return replaces is not None and isinstance(leg, HasDialog) and leg.is_dialog(replaces)

    async def accept(self) -> None:
        await _unless_over(self._call.talk.accept_referral(self._referred.referral))

    async def tell(self, status: int) -> None:
        await _unless_over(self._call.talk.tell_referral(self._referred.referral, status))

    async def decline(self, status: int) -> None:
        await _unless_over(self._call.talk.decline_referral(self._referred.referral, status))


async def _unless_over(deed: Awaitable[None]) -> None:
    """The call has ended, or the protocol has refused what was decided too late: there is nobody to tell."""
    try:
        await deed
    except (CallGone, WrongState):
        return
