"""Transactions: the tables of tables.py at work, and the two registers in which messages find theirs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, cast

from mediasrv.sip.errors import WrongState
from mediasrv.sip.events import EndCause
from mediasrv.sip.grammar.fields import MAGIC_COOKIE
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.hop import DATAGRAM_BYTES_MAX, WEBSOCKETS, Address, Hop, Locals, is_reliable
from mediasrv.sip.limits import Limits, Timers
from mediasrv.sip.schedule import Schedule
from mediasrv.sip.tables import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    Action,
    Event,
    Machine,
    State,
    first_interval_s,
    next_interval_s,
)

Send = Callable[[bytes, Address], None]
RECEIVED = {"provisional": Event.PROVISIONAL, "success": Event.SUCCESS, "failure": Event.FAILURE}
REPEATS = (Event.TIMER_A, Event.TIMER_E, Event.TIMER_G)
STREAMLESS_S = 600.0  # how long a refusal of TCP is believed
STREAMLESS_MAX = 256
SENT = {"provisional": Event.SEND_PROVISIONAL, "success": Event.SEND_SUCCESS, "failure": Event.SEND_FAILURE}


class TransactionUser(Protocol):
    """Who sent the request of a client transaction, or decides about the INVITE of a server's."""

    def responded(self, response: Response, source: Address, now: float) -> None: ...
    def failed(self, cause: EndCause, now: float) -> None:
        """TIMEOUT or TRANSPORT: no final response will come."""


class Transaction:
    """One row of state; `kept` is what it would send again."""

    __slots__ = (
        "_intervals_s", "_layer", "_reliable", "by_datagram", "destination", "kept", "key", "machine", "request",
        "resends_left", "state", "tag", "twin_key", "user",
    )  # fmt: skip

    def __init__(
        self, layer: Transactions, machine: Machine, key: Hashable, destination: Address, now: float
    ) -> None:
        self._layer, self.machine, self.key, self.destination = layer, machine, key, destination
        self._reliable = is_reliable(destination)
        self.by_datagram: tuple[Request, Address] | None = None  # how to go on when the stream cannot be had
        self.state = machine.first
        self.kept = b""
        self.request: Request | None = None  # a client's INVITE, from which an ACK or CANCEL is made
        self.user: TransactionUser | None = None
        self.tag = ""  # ours in the responses of a server
        self.twin_key: Hashable = None  # what a copy that came another way would share (8.2.2.2)
        self.resends_left: int | None = None  # None: as many as the RFC wants
        self._intervals_s: dict[Event, float] = {}
        self._run_clocks(now)

    def apply(
        self,
        event: Event,
        now: float,
        *,
        wire: bytes = b"",
        response: Response | None = None,
        source: Address | None = None,
    ) -> None:
        step = self.machine.steps[self.state].get(event)
        if step is None:
            raise WrongState(f"{self.machine.name}: {event.name} in {self.state.name}")
        if step.next is not self.state:
            self.state = step.next
            self._run_clocks(now)
        for action in step.actions:
            self._act(action, wire, response, source, now)
        if self.state is State.TERMINATED:
            self._layer.forget(self)

    def fire(self, name: Hashable, now: float) -> None:
        timer = cast("Event", name)
        if timer in REPEATS and self.resends_left is not None:
            if self.resends_left == 0:
                return
            self.resends_left -= 1
        state = self.state
        again = next_interval_s(timer, state, self._intervals_s.pop(timer), self._layer.timers)
        if again is not None:
            self._start(timer, again, now)
        self.apply(timer, now)

    def go_on_by_datagram(self, request: Request, destination: Address, now: float) -> None:
        """Section 18.1.1: too large for a datagram, but the peer takes no stream."""
        self.by_datagram, self._reliable, self.destination = None, False, destination
        request = self._layer.locals.addressed(request, destination)
        self.request = request if self.request is not None else None
        self.kept = request.build()
        self._run_clocks(now)
        self._layer.send(self.kept, destination)

    def _act(
        self, action: Action, wire: bytes, response: Response | None, source: Address | None, now: float
    ) -> None:
        if action is Action.SEND:
            self.kept = wire
            self._layer.send(wire, self.destination)
        elif action is Action.RESEND:
            if self.kept:
                resend = self._layer.send if self.resends_left is None else self._layer.repeat
                resend(self.kept, self.destination)
        elif action is Action.ACKNOWLEDGE and self.request and response:
            self.kept = acknowledge_failure(self.request, response).build()
            self._layer.send(self.kept, self.destination)
        elif self.user is not None:
            self._tell(self.user, action, response, source, now)

    def _tell(
        self,
        user: TransactionUser,
        action: Action,
        response: Response | None,
        source: Address | None,
        now: float,
    ) -> None:
        if action is Action.DELIVER and response and source:
            user.responded(response, source, now)
        elif action is Action.TELL_TIMEOUT:
            user.failed(EndCause.TIMEOUT, now)
        elif action is Action.TELL_TRANSPORT:
            user.failed(EndCause.TRANSPORT, now)

    def _run_clocks(self, now: float) -> None:
        wanted = self.machine.clocks.get(self.state, ())
        for timer in [timer for timer in self._intervals_s if timer not in wanted]:
            del self._intervals_s[timer]
            self._layer.schedule.clear(self, timer)
        for timer in wanted:
            if timer in self._intervals_s:
                continue
            first_s = first_interval_s(timer, self._layer.timers, reliable=self._reliable)
            if first_s is not None:
                self._start(timer, first_s, now)

    def _start(self, timer: Event, interval_s: float, now: float) -> None:
        self._intervals_s[timer] = interval_s
        self._layer.schedule.set(self, timer, now + interval_s)


class Transactions:
    """All of one user agent's transactions."""

    def __init__(
        self, schedule: Schedule, limits: Limits, timers: Timers, send: Send, repeat: Send, locals_: Locals
    ) -> None:
        """`repeat`: sends what may be one too many, where the other side has not proven who it is."""
        self.schedule, self.limits, self.timers, self.send, self.repeat = (
            schedule,
            limits,
            timers,
            send,
            repeat,
        )
        self.locals = locals_
        self._over: dict[Hashable, dict[Transaction, None]] = {}  # streams, and what goes down with them
        self._streamless_until: dict[Address, float] = {}  # where TCP was refused, or is not spoken
        self._clients: dict[Hashable, Transaction] = {}
        self._servers: dict[Hashable, Transaction] = {}
        self._twins: dict[Hashable, Transaction] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def full(self) -> bool:
        return len(self) >= self.limits.transactions

    def request(
        self, request: Request, destination: Address, user: TransactionUser | None, now: float
    ) -> Transaction:
        """Sends a request, and again until it is heard of."""
        machine = INVITE_CLIENT if request.method == "INVITE" else NON_INVITE_CLIENT
        key = request.via.branch, request.method
        leaving = self.locals.addressed(request, destination)
        wire = leaving.build()
        by_datagram = None
        if len(wire) > DATAGRAM_BYTES_MAX and self._takes_streams(destination, now):
            by_datagram = request, destination
            destination = Hop(destination[0], destination[1], "TCP")
            leaving = self.locals.addressed(request, destination)
            wire = leaving.build()
        transaction = self._clients[key] = Transaction(self, machine, key, destination, now)
        transaction.user, transaction.kept, transaction.by_datagram = user, wire, by_datagram
        transaction.request = leaving if request.method == "INVITE" else None
        self._index(transaction)
        self.send(wire, destination)
        return transaction

    def _takes_streams(self, destination: Address, now: float) -> bool:
        """Section 18.1.1: whether a request that is too large for a datagram can go there by TCP."""
        if isinstance(destination, Hop) or not self.locals.listens("TCP"):
            return False
        return self._streamless_until.get(destination, now) <= now

    def believe_streamless(self, destination: Address, until: float) -> None:
        """Whatever is too large for a datagram goes there as one all the same."""
        if destination not in self._streamless_until and len(self._streamless_until) >= STREAMLESS_MAX:
            del self._streamless_until[next(iter(self._streamless_until))]
        self._streamless_until[destination] = until

    def serve(self, request: Request, destination: Address, now: float) -> Transaction:
        """Opens the server side of a request that is not a repetition."""
        machine = INVITE_SERVER if request.method == "INVITE" else NON_INVITE_SERVER
        key = server_key(request)
        transaction = self._servers[key] = Transaction(self, machine, key, destination, now)
        transaction.tag = request.to.tag
        if not transaction.tag:
            transaction.twin_key = _twin_key(request)
            self._twins[transaction.twin_key] = transaction
        self._index(transaction)
        return transaction

    def merges(self, request: Request) -> bool:
        """Section 8.2.2.2: the same request is being served already, by another way through the network."""
        return not request.to.tag and _twin_key(request) in self._twins

    def respond(self, transaction: Transaction, response: Response, now: float) -> bytes:
        wire = response.build()
        transaction.apply(SENT[response.kind], now, wire=wire)
        return wire

    def server_of(self, request: Request, method: str | None = None) -> Transaction | None:
        """The transaction that a request belongs to; for ACK and CANCEL, the INVITE's (17.2.3, 9.2)."""
        return self._servers.get(server_key(request, method))

    def receive(self, response: Response, source: Address, now: float) -> Transaction | None:
        """Hands a response to its transaction (17.1.3); None when there is none."""
        transaction = self._clients.get((response.via.branch, response.cseq.method))
        if transaction is not None:
            transaction.apply(RECEIVED[response.kind], now, response=response, source=source)
        return transaction

    def transport_failed(self, destination: Address, now: float) -> None:
        """Nothing can be sent there: what was on its way there will never arrive."""
        if isinstance(destination, Hop):
            found = list(self._over.get(destination[:3], ()))
        else:
            found = [*self._clients.values(), *self._servers.values()]
        for transaction in found:
            if transaction.destination[:4] == destination[:4]:  # by whatever name
                self._fail(transaction, now)

    def connection_lost(self, connection: Hop, now: float) -> None:
        """What waits for a response over it waits in vain; one of ours finds another way, except to a browser."""
        over = list(self._over.get(connection.connection, ()))
        towards = [
            each
            for each in self._over.get(connection[:3], ())
            if each.destination[:4] == (*connection[:3], 0)
        ]
        for transaction in (*over, *towards):
            if transaction.machine.serves and connection.transport not in WEBSOCKETS:
                continue
            self._fail(transaction, now)

    def _fail(self, transaction: Transaction, now: float) -> None:
        if transaction.state is State.TERMINATED:  # another's failure has taken it along
            return
        if transaction.by_datagram is None or transaction.state is not transaction.machine.first:
            transaction.apply(Event.TRANSPORT_FAILED, now)
            return
        request, destination = transaction.by_datagram
        self._unindex(transaction)
        self.believe_streamless(destination, now + STREAMLESS_S)
        transaction.go_on_by_datagram(request, destination, now)

    def forget(self, transaction: Transaction) -> None:
        for register in (self._clients, self._servers):
            if register.get(transaction.key) is transaction:
                del register[transaction.key]
        if self._twins.get(transaction.twin_key) is transaction:
            del self._twins[transaction.twin_key]
        self._unindex(transaction)

    def _index(self, transaction: Transaction) -> None:
        for key in _ways(transaction.destination):
            self._over.setdefault(key, {})[transaction] = None

    def _unindex(self, transaction: Transaction) -> None:
        for key in _ways(transaction.destination):
            found = self._over.get(key)
            if found is not None:
                found.pop(transaction, None)
                if not found:
                    del self._over[key]


def _ways(destination: Address) -> tuple[Hashable, ...]:
    """By what a transaction over a stream is found when that fails: where it leads, and its number."""
    if not isinstance(destination, Hop):
        return ()
    return (destination[:3], destination.connection) if destination.connection else (destination[:3],)


def server_key(request: Request, method: str | None = None) -> Hashable:
    """Section 17.2.3; without the magic cookie (RFC 2543) everything that names the request makes the key."""
    via = request.via
    method = method or request.method
    if via.branch.startswith(MAGIC_COOKIE) and len(via.branch) > len(MAGIC_COOKIE):
        return via.branch, via.sent_by, method
    return str(via), request.call_id, request.from_.tag, request.cseq.number, method


def _twin_key(request: Request) -> Hashable:
    return request.from_.tag, request.call_id, request.cseq


def acknowledge_failure(invite: Request, response: Response) -> Request:
    """The ACK that belongs to the transaction itself (17.1.1.3): the INVITE's branch, the response's To."""
    lines = [
        ("Via", str(invite.via)),
        ("Max-Forwards", "70"),
        *(("Route", route) for route in invite.headers.values("Route")),
        ("From", str(invite.from_)),
        ("To", str(response.to)),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} ACK"),
    ]
    return Request("ACK", invite.uri, Headers(lines))
