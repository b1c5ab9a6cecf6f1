"""One call as a telephone has it: the dialog (RFC 3261 section 12), the INVITEs in it both ways, and who hung up.

What it says to requests of the server's stands in `answers`, by method: a status, a status with header lines, octets
that are sent as they are, or None for silence. Whatever is not there is answered as the RFC wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.sim.sip.message import Lines, Message, answer_to
from tests.sim.sip.repeating import T2_S, Repeater

if TYPE_CHECKING:
    from tests.sim.sip.phone import Exchange, Phone

Saying = int | tuple[int, Lines] | bytes | None
Answer = Callable[[Message], Saying]

ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY")
NO_UPDATE = ("Allow", "INVITE, ACK, CANCEL, BYE")


class Talk:
    """`ended` says how it ended, in a word; empty while it has not."""

    def __init__(self, phone: Phone, call_id: str, target: str, *, updates: bool = True) -> None:
        self.phone, self.call_id, self.target = phone, call_id, target
        self.ours, self.theirs = phone.token(), ""
        self.remote = target  # the URI of To while it is our call, of From while it is theirs
        self.supports = [ALLOW if updates else NO_UPDATE, ("Supported", "timer, 100rel")]
        self.answers: dict[str, Answer] = {}
        self.asked: list[Message] = []  # requests of the server's inside the call, each once
        self.acks = True  # whether its 2xx are acknowledged
        self.late_answer: bytes | None = None  # for the ACK or PRACK, when the offer is the server's
        self.status, self.ended = 0, ""
        self.invitation: Exchange | None = None
        self.acknowledged: set[tuple[int, str]] = set()  # our finals: CSeq and our tag
        self.rung: set[str] = set()  # by the server, reliably: the numbers of what we have confirmed
        self._latest: Exchange | None = None  # INVITE
        self._cseq = 0
        self._invites: dict[int, Message] = {}  # of the server's that wait for our final response
        self._final: dict[tuple[int, str], Repeater] = {}
        self._ringing: Repeater | None = None

    @classmethod
    def of_caller(cls, phone: Phone, invite: Message) -> Talk:
        """A call that the server makes."""
        talk = cls(phone, invite.call_id, invite.contact)
        talk.theirs = invite.from_tag
        talk.remote = invite.header("From").partition("<")[2].partition(">")[0]
        talk._invites[invite.cseq] = invite
        talk.asked.append(invite)
        return talk

    # ---- what it asks

    @property
    def up(self) -> bool:
        return 200 <= self.status < 300 and not self.ended

    def invite(self, body: bytes, more: Lines = ()) -> Exchange:
        """The first one, or a re-INVITE: both are acknowledged when they are answered."""
        self._latest = self.ask("INVITE", (*self.supports, *more), body, self._invited)
        self.invitation = self.invitation or self._latest
        return self._latest

    def _offers(self) -> bool:
        return self._latest is not None and not self._latest.over

    def reoffer(
        self, direction: str = "sendrecv", codecs: tuple[int, ...] | None = None, more: Lines = ()
    ) -> Exchange:
        return self.invite(self.phone.media.description(direction, codecs), more)

    def update(
        self, direction: str = "", codecs: tuple[int, ...] | None = None, more: Lines = ()
    ) -> Exchange:
        body = self.phone.media.description(direction, codecs) if direction else b""
        return self.ask("UPDATE", (*self.supports, *more), body, self._updated)

    def bye(self) -> Exchange:
        if not self.ended:
            self._end("hung up")
        return self.ask("BYE")

    def give_up(self) -> Exchange:
        """As a telephone does whose user puts it down: CANCEL while it rings, BYE when it was answered."""
        return self.bye() if self.up else self.cancel()

    def cancel(self) -> Exchange:
        """Of the first INVITE; section 9.1: its own branch and number."""
        assert self.invitation is not None
        self._end("cancelled")
        invite = self.invitation.request
        same = [(name, value) for name, value in invite.lines if name in ("Via", "From", "To", "Call-ID")]
        lines = (*same, ("Max-Forwards", "70"), ("CSeq", f"{invite.cseq} CANCEL"))
        return self.phone.request(Message(invite.first.replace("INVITE", "CANCEL", 1), lines))

    def ask(
        self,
        method: str,
        more: Lines = (),
        body: bytes = b"",
        answered: Callable[[Message], None] | None = None,
        *,
        content_type: str = "application/sdp",
    ) -> Exchange:
        self._cseq += 1
        request = self.request(method, self._cseq, more, body, content_type=content_type)
        return self.phone.request(request, answered or self._answered)

    def request(
        self,
        method: str,
        cseq: int,
        more: Lines = (),
        body: bytes = b"",
        *,
        branch: str = "",
        content_type: str = "application/sdp",
    ) -> Message:
        phone = self.phone
        to = f"<{self.remote}>" + (f";tag={self.theirs}" if self.theirs else "")
        lines = (
            phone.via(branch or phone.branch()),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{phone.user}@{phone.wire.inside[0]}>;tag={self.ours}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", phone.contact),
            *more,
            *((("Content-Type", content_type),) if body else ()),
        )
        return Message(f"{method} {self.target} SIP/2.0", lines, body)

    def _rest(self, tag: str) -> None:
        """That telephone's answers need not be said again."""
        for key in [key for key in self._final if key[1] == tag]:
            self._final.pop(key).stop()

    def abandon(self) -> None:
        """The telephone has forgotten it."""
        for repeater in self._final.values():
            repeater.stop()
        self._final.clear()

    # ---- what comes of it

    def _answered(self, response: Message) -> None:
        if response.status in (408, 481) and not self.ended:  # section 12.2.1.2: there is no dialog any more
            self._end("lost")

    def _updated(self, response: Message) -> None:
        self._answered(response)
        if response.body:
            self.phone.media.settle(response.body)

    def _invited(self, response: Message) -> None:
        if response.status < 200:
            self._rung(response)
            return
        if response.status >= 300:
            self._refused(response)
            return
        if not self.theirs:
            self.theirs = response.to_tag
        self.target = response.contact or self.target
        first = self.status == 0
        self.status = self.status or response.status
        if response.body:
            self.phone.media.settle(response.body)
        if self.acks:
            body = self.late_answer if self.late_answer is not None and response.body else b""
            self.phone.send(self.request("ACK", response.cseq, (), body))
        if first and self.ended:  # given up, and answered all the same
            self.bye()

    def _rung(self, response: Message) -> None:
        """RFC 3262 section 4: confirmed, and once; what the server offers with it is answered with that."""
        number = response.header("RSeq")
        if not number or number in self.rung:
            return
        self.rung.add(number)
        self.theirs, self.target = response.to_tag, response.contact or self.target
        if response.body:
            self.phone.media.settle(response.body)
        body = self.late_answer if self.late_answer is not None and response.body else b""
        self.ask("PRACK", (("RAck", f"{number} {response.cseq} INVITE"),), body)

    def _refused(self, response: Message) -> None:
        """The ACK of a refusal belongs to the transaction (17.1.1.3)."""
        ack = self.request("ACK", response.cseq, branch=response.branch)
        to = ("To", response.header("To"))
        self.phone.send(Message(ack.first, tuple(to if line[0] == "To" else line for line in ack.lines), b""))
        if not 200 <= self.status < 300:
            self.status = self.status or response.status
            self._end("refused")
        else:
            self._answered(response)

    def _end(self, how: str) -> None:
        self.ended = self.ended or how
        self.phone.media.stop()

    # ---- what the server asks

    def take_request(self, request: Message) -> None:
        if request.method == "ACK":
            self._acknowledged(request)
            return
        if request.method == "CANCEL":
            self._cancelled(request)
            return
        self.asked.append(request)
        if request.method == "INVITE":
            self._invites[request.cseq] = request
            if not request.to_tag:  # the same call once more, with what was asked for
                self.status, self.ended = 0, ""
                self.phone.takes_call(self)
                return
        if request.method == "PRACK" and self._ringing is not None:
            self._ringing.stop()
            self.phone.agenda.after(100, lambda: self.say(200))
        if request.method == "BYE":
            self._end("they hung up")
            self._rest(request.to_tag)
        answer = self.answers.get(request.method, self._usual)
        self._say(request, answer(request))

    def requests(self, method: str) -> list[Message]:
        return [request for request in self.asked if request.method == method]

    def _usual(self, request: Message) -> Saying:
        match request.method:
            case "INVITE" if self._offers():  # glare (14.2): both have offered, both are told to wait
                return 491
            case "INVITE" | "UPDATE":
                return 200, _session(request)
            case "REFER":
                return 202
            case _:
                return 200

    def _say(self, request: Message, saying: Saying) -> None:
        if saying is None:
            return
        if isinstance(saying, bytes):
            self.phone.serve(request, saying)
            return
        status, more = (saying, ()) if isinstance(saying, int) else saying
        if request.method == "INVITE":
            self.say(status, more, cseq=request.cseq)
            return
        body = self.phone.media.answer(request.body) if request.method == "UPDATE" and request.body else b""
        lines = (("Contact", self.phone.contact), *more)
        self.phone.serve(
            request, answer_to(request, status, tag=self.ours, more=lines, body=body if status < 300 else b"")
        )

    def ring_then_answer(self) -> None:
        self.say(180)
        self.phone.agenda.after(300, lambda: None if self.ended else self.say(200))

    def ring_reliably(self) -> None:
        """RFC 3262: until the PRACK comes, which also has it answered."""
        (invite,) = self._invites.values()
        lines = (("Contact", self.phone.contact), ("Require", "100rel"), ("RSeq", "7"))
        ringing = answer_to(invite, 180, tag=self.ours, more=lines).build()
        self._ringing = Repeater(self.phone.agenda, lambda: self.phone.send(ringing), lambda: None)

    def say(
        self, status: int, more: Lines = (), *, cseq: int = 0, tag: str = "", body: bytes | None = None
    ) -> None:
        """Answers the INVITE that waits. `tag`: another telephone's, behind the same proxy (a fork)."""
        cseq = cseq or max(self._invites, default=0)
        invite = self._invites.get(cseq)
        if invite is None:
            return
        tag = tag or self.ours
        if body is None:
            body = self.phone.media.answer(invite.body) if status == 200 else b""
        lines = (("Contact", self.phone.contact), *(self.supports if status == 200 else ()), *more)
        response = answer_to(invite, status, tag=tag if status > 100 else "", more=lines, body=body)
        if status < 200:
            self.phone.serve(invite, response)
            return
        if status == 200:
            self.status = 200
        elif not self.status:
            self._end("refused by us")
        self._repeat((cseq, tag), invite, response)

    def _repeat(self, key: tuple[int, str], invite: Message, response: Message) -> None:
        self.phone.absorb(invite)  # the repeating below says it (13.3.1.4)
        data = response.build()
        self._final[key] = Repeater(
            self.phone.agenda, lambda: self.phone.send(data), lambda: None, longest_s=T2_S
        )

    def _acknowledged(self, ack: Message) -> None:
        key = ack.cseq, ack.to_tag
        self.acknowledged.add(key)
        if (
            ack.cseq in self._invites and self._invites[ack.cseq].to_tag
        ):  # the first may have more answers: forks
            del self._invites[ack.cseq]
        if key in self._final:  # its own ACK (17.2.1): that of a 200 says nothing of a 407
            self._final.pop(key).stop()
        if ack.body:
            self.phone.media.settle(ack.body)

    def _cancelled(self, cancel: Message) -> None:
        self.asked.append(cancel)
        said = self.answers.get("CANCEL", lambda _: 200)(cancel)
        if said == 200:
            self.phone.serve(cancel, answer_to(cancel, 200, tag=self.ours))
            if cancel.cseq in self._invites and not self.status:
                self.say(487, cseq=cancel.cseq)


def _session(request: Message) -> Lines:
    """RFC 4028 section 9: what was asked for is agreed to."""
    wanted = request.header("Session-Expires")
    return (("Require", "timer"), ("Session-Expires", wanted)) if wanted else ()
