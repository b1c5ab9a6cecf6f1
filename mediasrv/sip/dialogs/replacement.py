"""An INVITE that wants to take another call's place (RFC 3891 section 3): which one, or why it may not."""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.sip.core import Core
from mediasrv.sip.errors import Malformed
from mediasrv.sip.events import SipCallId
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.replaces import REPLACES, Replaces
from mediasrv.sip.invitation import Invitation
from mediasrv.sip.session import Session


@dataclass(frozen=True, slots=True)
class Replacement:
    """`refusal`: the status that the INVITE deserves; 0 when it may be told, with the `call` it is about, if any."""

    call: SipCallId | None = None
    refusal: int = 0


def wanted_replacement(core: Core, invite: Request) -> Replacement:
    try:
        replaces = invite.headers.get(REPLACES)
    except Malformed as error:
        return Replacement(refusal=error.status)
    return Replacement() if replaces is None else named_by(core, replaces)


def named_by(core: Core, replaces: Replaces) -> Replacement:
    call_id, ours, theirs = replaces.dialog_key
    found = core.dialogs.get(replaces.dialog_key) or core.inviting.get((call_id, ours))
    if isinstance(found, Invitation) and found.has_early(theirs):
        return Replacement(found.id)
    if not isinstance(found, Session) or not (found.established or found.closing):
        return Replacement(refusal=481)  # an early dialog that the other side began counts as none
    if found.closing:
        return Replacement(refusal=603)
    return Replacement(refusal=486) if replaces.early_only else Replacement(found.id)
