"""The user agent: SIP over datagrams as pure state.

A datagram goes down through parse.py and screening.py to the transaction it repeats, the dialog it belongs
to, or a call that it opens; responses go through their transaction to whoever asked. What is to be sent and
what is to be told waits in queues until the shell fetches it. Refusals of strangers are answered without
keeping any state (RFC 3261 section 8.2.7): one datagram out for one datagram in, to the host it came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mediasrv.ids import TokenSource
from mediasrv.sip.auth.client import Account
from mediasrv.sip.auth.guard import Guard
from mediasrv.sip.auth.reception import Reception
from mediasrv.sip.auth.registrar import Registrar
from mediasrv.sip.auth.registration import Registrations
from mediasrv.sip.core import ACCEPT, ALLOW, SUPPORTED, USUAL_HOPS, Core, HeaderLines, reply_address
from mediasrv.sip.dialog import Dialog
from mediasrv.sip.dialogs.replacement import named_by, wanted_replacement
from mediasrv.sip.errors import Malformed, WrongState
from mediasrv.sip.events import IncomingCall, SipCallId, SipEvent
from mediasrv.sip.framing import END_OF_HEAD, Unframeable
from mediasrv.sip.grammar.fields import VIA
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.parse import MalformedRequest, parse
from mediasrv.sip.grammar.replaces import Replaces
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address, Hop, HostTowards
from mediasrv.sip.invitation import Invitation
from mediasrv.sip.limits import Limits, Timers
from mediasrv.sip.outside.probes import Probes
from mediasrv.sip.screening import screen
from mediasrv.sip.session import Session
from mediasrv.sip.tables import Event

RETRY_AFTER_S = 5
NO_STREAMS: Mapping[str, tuple[str, int]] = MappingProxyType({})


def _everybody(source: Address) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SipStatistics:
    """What lives now, and what was counted since the beginning, by reason."""

    transactions: int
    dialogs: int
    calls: int
    deadlines: int
    counts: Mapping[str, int]


class UserAgent:
    """One address of ours, and all calls over it. Nothing here waits, reads a clock or opens a socket."""

    def __init__(
        self,
        local: tuple[str, int],
        tokens: TokenSource,
        *,
        software: str = "mediasrv",
        limits: Limits | None = None,
        timers: Timers | None = None,
        welcome: Callable[[Address], bool] = _everybody,
        guard: Guard | None = None,
        registrar: Registrar | None = None,
        streams: Mapping[str, tuple[str, int]] = NO_STREAMS,
        host_towards: HostTowards | None = None,
    ) -> None:
        """`welcome`: whose calls are heard at all; everybody else's are forbidden at once, and forgotten.

        `guard`: who of those must say who he is; without a `registrar` there is no REGISTER.
        `streams`: where we listen besides, by transport as a Via names it: TCP, TLS, WS, WSS. `host_towards`: the
        host of ours that a peer is told, where it is not `local`'s for all.
        """
        self._welcome = welcome
        self.overloaded = False  # set from outside: new calls are told to come again, and leave nothing here
        self.leaving = False  # likewise: who asks whether we live is told to go elsewhere
        self._core = Core(
            local, tokens, software, limits or Limits(), timers or Timers(), streams, host_towards
        )
        self._reception = Reception(self._core, guard, registrar)
        self.registrations = Registrations(self._core)
        self.probes = Probes(self._core)

    # ---- the five verbs of a protocol core

    def receive(self, data: bytes, source: Address, now: float) -> bool:
        """Takes one datagram. Never raises for what a peer sent: it is dropped and counted, or answered.

        Whether it belonged to a transaction or a dialog that was there: a Call-ID alone says nothing, anybody can
        write it."""
        self._core.heard_bytes, self._core.belongs = len(data), False
        try:
            message = parse(data, self._core.limits)
        except MalformedRequest as error:
            self._refuse_malformed(error, source)
        except Malformed:
            self._drop("malformed" if data.strip(b"\r\n") else "keep_alive")
        else:
            if isinstance(message, Request):
                self._receive_request(message, source, now)
            else:
                self._receive_response(message, source, now)
        return self._core.belongs

    def receive_unframeable(self, broken: Unframeable, source: Hop, now: float) -> None:
        """A stream has lost its frames: the request that did it is answered, if it can be read so far (18.3)."""
        try:
            message = parse(broken.head + END_OF_HEAD, self._core.limits)
        except MalformedRequest as error:
            answer = MalformedRequest(Malformed(broken.problem, broken.status), error.method, error.headers)
        except Malformed:
            self._drop("malformed")
            return
        else:
            if not isinstance(message, Request):
                self._drop("malformed")
                return
            answer = MalformedRequest(
                Malformed(broken.problem, broken.status), message.method, message.headers
            )
        self._refuse_malformed(answer, source)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        """All that is to be sent, in order; it is taken out of the queue."""
        outbox, self._core.outbox = self._core.outbox, []
        return outbox

    def next_event(self) -> SipEvent | None:
        return self._core.events.popleft() if self._core.events else None

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called next, in the time line of `now`."""
        return self._core.schedule.next()

    def handle_deadline(self, now: float) -> None:
        self._core.schedule.fire_due(now)

    # ---- calls that come in

    def respond(
        self,
        call: SipCallId,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        reliable: bool | None = None,
    ) -> None:
        """Answers the INVITE or re-INVITE in progress; raises WrongState when there is none (any more).

        `reliable`: a provisional response is repeated until it is confirmed; None: when the peer requires it."""
        self._session(call).respond(
            status,
            now,
            reason=reason,
            headers=headers,
            body=body,
            content_type=content_type,
            reliable=reliable,
        )

    def ask_session(self, call: SipCallId, interval_s: int) -> None:
        """The session interval that our answer asks for (RFC 4028), other than our usual one; 0: none."""
        self._session(call).timer.wants(interval_s)

    # ---- calls that go out

    def invite(
        self,
        target: Uri,
        *,
        destination: Address,
        from_uri: Uri,
        body: bytes,
        now: float,
        headers: HeaderLines = (),
        follow: bool = False,
        hops: int = USUAL_HOPS,
        account: Account | None = None,
        session_s: int | None = None,
        silence_s: float | None = None,
    ) -> SipCallId:
        """Calls. With an empty body the offer is the other side's, and `acknowledge` carries our answer.

        `follow`: a 3xx is told as `Redirected`, and `redirect` may go on from there. `hops`: of a call that came to
        us and goes on, one less than its `party.hops_left`, so that a loop ends; WrongState when there are none.
        `account`: with what to answer when `destination`, and nobody else, asks who we are. `session_s`: the session
        interval to ask for (RFC 4028), 0 for none. `silence_s`: how long nothing at all may be heard; None: 64*T1.
        """
        invitation = Invitation(self._core)
        invitation.begin(
            target, destination, from_uri, body, headers, now, follow=follow, hops=hops, account=account,
            session_s=session_s, silence_s=silence_s,
        )  # fmt: skip
        return invitation.id

    def call_id(self, call: SipCallId) -> str:
        """The Call-ID of a call of ours that was not answered yet."""
        return self._invitation(call).call_id

    def redirect(self, call: SipCallId, target: Uri, destination: Address, now: float) -> None:
        """Sends a call of ours on to a place that `Redirected` has named."""
        self._invitation(call).redirect(target, destination, now)

    def confirm(self, call: SipCallId, body: bytes, now: float, *, fork: str = "") -> None:
        """Our answer to the offer in a reliable provisional response, for which `Progress` said it is due."""
        self._invitation(call).confirm(body, fork, now)

    def acknowledge(self, call: SipCallId, now: float, *, body: bytes = b"") -> None:
        """Sends the ACK that `Answered` waits for when our INVITE had no offer."""
        self._session(call).answer_late(body)

    def cancel(self, call: SipCallId, now: float) -> None:
        """Gives up a call of ours that was not answered yet; does nothing when that is over."""
        if call in self._core.calls:
            self._core.calls[call].cancel(now)

    # ---- both

    def reinvite(self, call: SipCallId, body: bytes, now: float) -> None:
        """Offers a change; ends with `ReinviteDone`. Raises WrongState while another INVITE is under way."""
        self._session(call).reinvite(body, now)

    def in_dialog(self, call: SipCallId, fork: str = "") -> Session:
        """What else can be done inside a call: its `updates`, `infos`, `referrals` and `subscriptions`.

        `fork`: with which of several telephones that ring. Raises WrongState when the call is over, or rings without a
        dialog that is certain."""
        found = self._core.calls.get(call)
        if not isinstance(found, Session | Invitation):
            raise WrongState("no such call, or it is over")
        return found.dialog_with(fork)

    def replaces(self, call: SipCallId) -> Replaces:
        """How to name that call to its peer's counterpart: for the REFER of an attended transfer."""
        dialog = self.in_dialog(call).dialog
        return Replaces(dialog.call_id, dialog.remote.tag, dialog.local.tag)

    def named_by(self, replaces: Replaces) -> SipCallId | None:
        """The call of ours that this Replaces means, if it may be replaced."""
        return named_by(self._core, replaces).call

    def bye(self, call: SipCallId, now: float, *, reason: str = "") -> None:
        """Ends the call in whatever state it is, or does nothing. `reason`: a Reason header (RFC 3326)."""
        if call in self._core.calls:
            self._core.calls[call].bye(now, reason)

    def transport_failed(self, destination: Address, now: float) -> None:
        """Nothing can be sent there any more: what waits for it need not wait for its timeout."""
        self._core.transactions.transport_failed(destination, now)

    def connection_lost(self, connection: Hop, now: float) -> None:
        """A stream is closed, by whomever; `connection` is its far end, with its number."""
        self._core.transactions.connection_lost(connection, now)

    def takes_no_stream(self, destination: Address) -> None:
        """What is too large for a datagram goes there as one, too: TCP would only be tried in vain (18.1.1)."""
        self._core.transactions.believe_streamless(destination, math.inf)

    def has_proven(self, host: str) -> bool:
        """Whether somebody at that address has shown what only our answers to it could have told."""
        return self._core.trust.has_proven(host)

    def statistics(self) -> SipStatistics:
        core = self._core
        return SipStatistics(
            len(core.transactions), len(core.dialogs), len(core.calls), len(core.schedule), dict(core.counts)
        )

    # ---- requests

    def _receive_request(self, request: Request, source: Address, now: float) -> None:
        if request.method == "ACK":
            self._receive_ack(request, source, now)
            return
        if request.method == "CANCEL":
            self._receive_cancel(request, source, now)
            return
        repeated = self._core.transactions.server_of(request)
        if repeated is not None:
            self._core.counts["absorbed.request"] += 1
            self._core.belongs = True
            self._core.trust.heard(source, self._core.heard_bytes)
            repeated.apply(Event.REQUEST, now)
            return
        if self._reception.serves(request):
            self._reception.register(request, source, now)
            return
        refusal = screen(request, self._core.limits)
        if refusal is not None:
            self._core.reply(request.headers, refusal.status, source, headers=refusal.headers)
        elif request.to.tag:
            self._receive_in_dialog(request, source, now)
        elif request.method == "OPTIONS":
            self._tell_whether_we_live(request, source)
        elif request.method == "INVITE":
            self._receive_invite(request, source, now)
        else:  # BYE, INFO, UPDATE without a dialog (12.2.2)
            self._core.reply(request.headers, 481, source)

    def _tell_whether_we_live(self, request: Request, source: Address) -> None:
        """Section 11.2: as an INVITE would be answered, so that who asks first sends his calls elsewhere in time."""
        if self.leaving or self._is_full:
            self._core.reply(request.headers, 503, source, headers=(("Retry-After", str(RETRY_AFTER_S)),))
        else:
            self._core.reply(request.headers, 200, source, headers=(ALLOW, ACCEPT, SUPPORTED))

    @property
    def _is_full(self) -> bool:
        core = self._core
        return (
            self.overloaded or len(core.calls) >= core.limits.calls or core.transactions.full or core.crowded
        )

    def _receive_in_dialog(self, request: Request, source: Address, now: float) -> None:
        core = self._core
        call_id, ours, _ = request.dialog_key
        owner = core.dialogs.get(request.dialog_key) or core.inviting.get((call_id, ours))
        core.belongs = owner is not None
        if owner is None:
            core.reply(request.headers, 481, source)
        elif core.transactions.full and not owner.ends_with(request):
            core.reply(request.headers, 503, source, headers=(("Retry-After", str(RETRY_AFTER_S)),))
        else:
            core.prove(owner.told_host)
            core.trust.heard(source, core.heard_bytes)
            owner.receive(request, source, now)

    def _receive_invite(self, request: Request, source: Address, now: float) -> None:
        core = self._core
        if not self._welcome(source):
            core.reply(request.headers, 403, source)
            return
        if core.transactions.merges(request):  # section 8.2.2.2
            core.reply(request.headers, 482, source)
            return
        replacement = wanted_replacement(core, request)
        if replacement.refusal:
            core.reply(request.headers, replacement.refusal, source)
            return
        if self.overloaded:
            core.counts["overloaded"] += 1
        if self._is_full:
            core.reply(request.headers, 503, source, headers=(("Retry-After", str(RETRY_AFTER_S)),))
            return
        admitted = self._reception.admit(request, source, now)
        if admitted is None:
            return
        core.trust.heard(source, core.heard_bytes)
        transaction = core.transactions.serve(request, reply_address(request.headers, source), now)
        transaction.resends_left = core.resends_towards(source[0])
        session = Session(core, core.next_call(), Dialog.of_server(request, core.tokens.token(), source))
        session.replaces = replacement.call
        session.register()
        session.open(request, transaction, source)
        # Section 17.2.1 allows 200 ms for the 100; at once is kinder, and costs nothing.
        core.transactions.respond(transaction, core.response(request.headers, 100, source), now)
        core.emit(IncomingCall(session.id, request, source, replacement.call, admitted.username))

    def _receive_ack(self, request: Request, source: Address, now: float) -> None:
        """An ACK is never answered: it ends the repeating of a 2xx (in its dialog) or of a refusal."""
        core = self._core
        session = core.dialogs.get(request.dialog_key)
        core.belongs = session is not None
        if session is not None and session.acknowledged(request, now):
            core.prove(session.told_host)
            return
        transaction = core.transactions.server_of(request, "INVITE")
        if transaction is None:
            self._drop("ack")
            return
        core.belongs = True
        if transaction.tag == request.to.tag:
            core.prove(transaction.destination[0])
        transaction.apply(Event.ACK, now)

    def _receive_cancel(self, request: Request, source: Address, now: float) -> None:
        """Section 9.2. Answered without state: the same CANCEL finds the same INVITE and the same answer."""
        core = self._core
        transaction = core.transactions.server_of(request, "INVITE")
        if transaction is None:
            core.reply(request.headers, 481, source)
            return
        core.belongs = True
        core.reply(request.headers, 200, source, tag=transaction.tag)
        owner = core.dialogs.get((request.call_id, transaction.tag, request.from_.tag))
        if isinstance(owner, Session):
            owner.cancelled(transaction, now)

    def _refuse_malformed(self, error: MalformedRequest, source: Address) -> None:
        """Section 8.2.7 and RFC 4475: answered when there is a way back, and never when it is an ACK."""
        try:
            answerable = error.method != "ACK" and error.headers.first(VIA) is not None
        except Malformed:
            answerable = False
        if answerable:
            self._core.counts["malformed.request"] += 1
            self._core.reply(error.headers, error.status, source)
        else:
            self._drop("malformed")

    # ---- responses

    def _receive_response(self, response: Response, source: Address, now: float) -> None:
        """Section 18.1.2: one that names another sender, several, or no request of ours is dropped."""
        ours = self._core.is_ours(response.via) and len(response.headers.values("Via")) == 1
        answered = self._core.transactions.receive(response, source, now) if ours else None
        self._core.belongs = answered is not None
        if answered is None:
            self._drop("response")
        elif answered.destination[0] == source[0]:  # who knows the branch was reached by what we sent there
            self._core.prove(source[0])

    def _drop(self, reason: str) -> None:
        self._core.counts[f"dropped.{reason}"] += 1

    def _session(self, call: SipCallId) -> Session:
        session = self._core.calls.get(call)
        if not isinstance(session, Session):
            raise WrongState("no such call, or it is over")
        return session

    def _invitation(self, call: SipCallId) -> Invitation:
        invitation = self._core.calls.get(call)
        if not isinstance(invitation, Invitation):
            raise WrongState("no call of ours that rings")
        return invitation
