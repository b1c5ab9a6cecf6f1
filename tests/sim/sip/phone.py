"""A telephone, or a proxy or trunk that behaves like one: transactions, as RFC 3261 section 17 has them.

It keeps every rule of the RFC unless a story tells it not to. It is no task: it is moments in the agenda. Dialogs are
`talk`'s; here a request is sent until it is answered, and an answer is given again as often as its request comes.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from mediasrv.clock import NS_PER_S
from tests.sim.deterministic import Agenda
from tests.sim.network import Address
from tests.sim.sip.media import Media
from tests.sim.sip.message import Lines, Message, answer_to
from tests.sim.sip.repeating import PATIENCE_S, T2_S, Repeater
from tests.sim.sip.talk import Talk
from tests.sim.sip.wires import Wire

COOKIE = "z9hG4bK"


class Exchange:
    """One request of the telephone's: sent until somebody answers; `status` is 0 until the last word."""

    def __init__(
        self, phone: Phone, request: Message, to: Address, answered: Callable[[Message], None]
    ) -> None:
        self.request, self.status, self.timed_out = request, 0, False
        self.responses: list[Message] = []
        self._phone, self._to, self._answered = phone, to, answered
        self._done_ns = 0
        data = request.build()
        longest_s = PATIENCE_S if request.method == "INVITE" else T2_S
        self._repeater = Repeater(
            phone.agenda, lambda: phone.wire.send(data, to), self._give_up, longest_s=longest_s
        )
        if phone.wire.transport != "UDP":
            self._repeater.stop()

    @property
    def over(self) -> bool:
        return self.status != 0 or self.timed_out

    @property
    def final(self) -> Message:
        """The first last word; another may have come late, from a fork or out of order."""
        return next(response for response in self.responses if response.status >= 200)

    def take(self, response: Message) -> None:
        self.responses.append(response)
        if response.status >= 200 or self.request.method == "INVITE":
            self._repeater.stop()
        if response.status >= 200:
            self.status = self.status or response.status
        self._answered(response)

    def abandon(self) -> None:
        self._repeater.stop()

    def _give_up(self) -> None:
        self.timed_out = True


class Phone:
    """`media` is its sound; `takes_call` decides what becomes of a call to it."""

    def __init__(
        self, agenda: Agenda, wire: Wire, server: Address, draws: random.Random, media: Media, user: str
    ) -> None:
        self.agenda, self.wire, self.server, self.draws, self.media = agenda, wire, server, draws, media
        self.user = user
        self.talks: dict[str, Talk] = {}
        self.heard: list[tuple[float, Message]] = []
        self.unreadable = 0
        self.takes_call: Callable[[Talk], None] = lambda talk: talk.ring_then_answer()
        self.takes_other: Callable[[Message], int | tuple[int, Lines] | bytes | None] = lambda request: 481
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        self._served: dict[tuple[str, str], bytes] = {}
        wire.plug_in(self.hear)

    def now_s(self) -> float:
        return self.agenda.clock.now_ns() / NS_PER_S

    def token(self) -> str:
        return f"{self.draws.getrandbits(40):x}"

    # ---- calls

    def dial(
        self,
        number: str = "100",
        *,
        body: bytes | None = None,
        more: Lines = (),
        refreshes: str = "",
        updates: bool = True,
    ) -> Talk:
        """`refreshes`: who shall keep the session alive, "uac" or "uas", every 90 s; `updates`: with UPDATE."""
        talk = Talk(self, self.token(), f"sip:{number}@{self.server[0]}", updates=updates)
        self.talks[talk.call_id] = talk
        timer = (("Session-Expires", f"90;refresher={refreshes}"),) if refreshes else ()
        talk.invite(self.media.description() if body is None else body, (*timer, *more))
        return talk

    def restart(self) -> None:
        """Everything that it knew is gone; it is there again at once."""
        for exchange in self._exchanges.values():
            exchange.abandon()
        for talk in self.talks.values():
            talk.abandon()
        self.talks, self._exchanges, self._served = {}, {}, {}
        self.takes_other = lambda request: 481
        self.media.stop()

    # ---- messages out

    def via(self, branch: str) -> tuple[str, str]:
        host, port = self.wire.inside
        return "Via", f"SIP/2.0/{self.wire.transport} {host}:{port};rport;branch={branch}"

    @property
    def contact(self) -> str:
        host, port = self.wire.inside
        transport = "" if self.wire.transport == "UDP" else f";transport={self.wire.transport.lower()}"
        return f"<sip:{self.user}@{host}:{port}{transport}>"

    def branch(self) -> str:
        return COOKIE + self.token()

    def request(
        self,
        request: Message,
        answered: Callable[[Message], None] = lambda _: None,
        to: Address | None = None,
    ) -> Exchange:
        exchange = Exchange(self, request, to or self.server, answered)
        self._exchanges[request.branch, request.method] = exchange
        return exchange

    def send(self, message: Message | bytes, to: Address | None = None) -> None:
        data = message if isinstance(message, bytes) else message.build()
        self.wire.send(data, to or self.server)

    def serve(self, request: Message, response: Message | bytes) -> None:
        """Answers, now and whenever that request comes again."""
        data = response if isinstance(response, bytes) else response.build()
        self._served[request.branch, request.method] = data
        self.send(data)

    def absorb(self, request: Message) -> None:
        """Says nothing to it however often it comes."""
        self._served[request.branch, request.method] = b""

    # ---- messages in

    def hear(self, data: bytes) -> None:
        try:
            message = Message.read(data)
            method, _ = message.method, message.cseq
        except (ValueError, IndexError):  # an answer to rubbish has as little sense
            self.unreadable += 1
            return
        self.heard.append((self.now_s(), message))
        if not message.is_request:
            exchange = self._exchanges.get((message.branch, method))
            if exchange is not None:
                exchange.take(message)
            return
        again = self._served.get((message.branch, method))
        if again is None:
            self._take_request(message)
        elif again:
            self.send(again)

    def _take_request(self, request: Message) -> None:
        talk = self.talks.get(request.call_id)
        if talk is None and request.method == "INVITE" and not request.to_tag:
            talk = self.talks[request.call_id] = Talk.of_caller(self, request)
            self.takes_call(talk)
        elif talk is not None:
            talk.take_request(request)
        elif request.method != "ACK":
            self._take_other(request)

    def _take_other(self, request: Message) -> None:
        said = self.takes_other(request)
        if isinstance(said, bytes):
            self.serve(request, said)
        elif said is not None:
            status, more = (said, ()) if isinstance(said, int) else said
            self.serve(request, answer_to(request, status, tag=self.token(), more=more))

    # ---- what it has heard

    def count(self, method: str) -> int:
        """Requests with that method, repetitions included."""
        return sum(message.is_request and message.method == method for _, message in self.heard)

    def statuses(self, method: str) -> list[int]:
        """Of the responses to requests with that method, repetitions included."""
        return [
            message.status for _, message in self.heard if not message.is_request and message.method == method
        ]
