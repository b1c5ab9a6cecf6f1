"""SIP on a UDP socket, and on the streams beside it: one task drives the user agent, and calls come out of `incoming`.

The loop waits for a datagram or the core's next deadline, whichever is first. What a call does to the core in
between is sent by the task that did it, and moves the loop's deadline. Neither a fault in the core nor an error of
the socket ends the loop quietly: each is counted and logged, and only a row of them without a success in between
ends it, loudly.
"""

from __future__ import annotations

import errno
import logging
import math
from collections.abc import Callable
from typing import TypeVar

import trio

from mediasrv.clock import Clock
from mediasrv.endpoints.datagram import DatagramSocket
from mediasrv.endpoints.lag import LATE_S, LOOK_S, Lag
from mediasrv.endpoints.nat.stun import binding_answer, is_stun
from mediasrv.endpoints.resolution import Finder, NumericOnly
from mediasrv.endpoints.sip_call import HeaderLines, SipCall
from mediasrv.endpoints.streams import Connections, StreamLimits, Streams
from mediasrv.endpoints.traffic import Seen, Traffic, TrafficOfCalls
from mediasrv.sip import (
    USUAL_HOPS,
    Account,
    Address,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    Hop,
    IncomingCall,
    Plan,
    ProbeDone,
    ProbeId,
    Progress,
    RegistrationEvent,
    RegistrationId,
    Rejected,
    SipCallId,
    SipEvent,
    SipStatistics,
    Unregistered,
    Uri,
    UserAgent,
)
from mediasrv.sip.core import StatelessReply
from mediasrv.sip.framing import PING, Unframeable
from mediasrv.telemetry import Counters

WAITING_CALLS_MAX = 256
FAULTS_IN_A_ROW_MAX = 20
BURST_MAX = 15  # datagrams besides the first, before calls have their turn
# What means that nothing will ever get there; anything else (full buffers, a refusal of something earlier) is left to
# the retransmissions.
NO_WAY_THERE = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EMSGSIZE,
    errno.EACCES,
    errno.EPERM,
    errno.EINVAL,
}
RETRY_AFTER_S = 5
UNHEARD = (408, 503)  # without a header: nobody has sent it (RFC 3261 section 8.1.3.1)

T = TypeVar("T")
_log = logging.getLogger(__name__)


def _nobody(event: RegistrationEvent) -> None:
    """Is told."""


class SipEndpoint:
    """One socket, one user agent, all calls over them."""

    def __init__(
        self,
        socket: DatagramSocket,
        user_agent: UserAgent,
        clock: Clock,
        counters: Counters | None = None,
        *,
        streams: Streams | None = None,
        stream_limits: StreamLimits | None = None,
        finder: Finder | None = None,
        late_s: float = LATE_S,
    ) -> None:
        self._lag = Lag(late_s)
        self.counters = Counters() if counters is None else counters
        self._socket, self._core, self._clock = socket, user_agent, clock
        self._streams = Connections(
            streams or Streams(), self, stream_limits or StreamLimits(), self.counters
        )
        self._finder = finder or NumericOnly()
        self._calls: dict[SipCallId, SipCall] = {}
        self._probes: dict[ProbeId, trio.MemorySendChannel[int]] = {}
        self._registrations: dict[RegistrationId, Callable[[RegistrationEvent], None]] = {}
        self._traffic = TrafficOfCalls()
        self._traffic_of: dict[SipCallId, tuple[str, Traffic]] = {}  # the same calls, with their Call-IDs
        self._patience = trio.CancelScope()
        self._due: float | None = None  # of the core, which `_patience` ends at
        self._stepped = trio.Event()
        self._faults_in_a_row = 0
        # Full: the caller is told 503 at once. Nobody waits for a server that does not even look.
        self._arrivals, self._incoming = trio.open_memory_channel[SipCall](WAITING_CALLS_MAX)

    @property
    def local(self) -> tuple[str, int]:
        return self._socket.local

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    def incoming(self) -> trio.MemoryReceiveChannel[SipCall]:
        """Calls that nobody has looked at yet, oldest first; 100 Trying has been sent."""
        return self._incoming

    def send_askers_elsewhere(self) -> None:
        """Whoever asks whether we live is told that no new calls are taken."""
        self._core.leaving = True

    def refuse_calls(self) -> None:
        """Nobody looks at new calls any more: those that wait here, and all that still come, are told 503."""
        waiting = self._incoming.statistics().current_buffer_used
        for call in [self._incoming.receive_nowait() for _ in range(waiting)]:
            if call.end is None:
                self.forget(call.id)
                self._turn_away(call.id)
        self._incoming.close()
        self._follow_up()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Drives the core until cancelled; every call that is still there then is told that it is over."""
        try:
            async with trio.open_nursery() as tasks:
                await tasks.start(self._streams.run)
                tasks.start_soon(self._watch_lag)
                task_status.started()
                while True:
                    await self._step()
        finally:
            self._arrivals.close()
            for call in list(self._calls.values()):
                call.deliver(Ended(call.id, EndCause.TRANSPORT, "the endpoint was closed"))
            self._calls.clear()

    async def _watch_lag(self) -> None:
        lag = self._lag
        while True:
            due = trio.current_time() + LOOK_S
            await trio.sleep_until(due)
            before = lag.overloaded
            self._core.overloaded = lag.looked(due, trio.current_time())
            if self._core.overloaded and not before:
                self.counters.count("sip_overload", "began")
                _log.warning("more calls come than can be served: new ones are told to come again")

    def statistics(self) -> SipStatistics:
        return self._core.statistics()

    async def wait_quiet(self) -> None:
        """Until no dialog is left: the last BYE has been answered, or given up."""
        while self._core.statistics().calls:
            await self._wait_step()

    async def call(
        self,
        target: Uri,
        *,
        destination: Address | None = None,
        from_uri: Uri,
        body: bytes = b"",
        headers: HeaderLines = (),
        follow: bool = False,
        hops: int = USUAL_HOPS,
        account: Account | None = None,
        session_s: int | None = None,
        silence_s: float | None = None,
    ) -> SipCall:
        """Calls out; the answer comes through the call's `wait_answered`. `follow`: so does a redirection.

        `destination`: None: the best place that the target leads to; raises CannotResolve when there is none.
        `hops`: one less than the `party.hops_left` of a call that goes on; WrongState when there are none. `account`:
        what a trunk may ask for. `session_s`: the session interval to ask for, 0 for none.
        `silence_s`: within which somebody must be heard, or it is a 408; None: the usual 64*T1."""
        if destination is None:
            destination = (await self._finder.resolve(target))[0]
        call_id = self._core.invite(
            target,
            destination=destination,
            from_uri=from_uri,
            body=body,
            now=self._clock.now(),
            headers=headers,
            follow=follow,
            hops=hops,
            account=account,
            session_s=session_s,
            silence_s=silence_s,
        )
        traffic = self._begin_traffic(call_id, self._core.call_id(call_id))
        call = self._calls[call_id] = SipCall(call_id, self, destination, traffic=traffic)
        self._follow_up()
        return call

    def register(self, plan: Plan, told: Callable[[RegistrationEvent], None] = _nobody) -> RegistrationId:
        """Registers with a trunk, and stays registered until `unregister`; `told`: what becomes of it."""
        registration = self._core.registrations.begin(plan, self._clock.now())
        self._registrations[registration] = told
        self._follow_up()
        return registration

    def unregister(self, registration: RegistrationId) -> None:
        """Takes it back: over when it is told as Unregistered."""
        self._core.registrations.leave(registration, self._clock.now())
        self._follow_up()

    async def wait_unregistered(self) -> None:
        """Takes all registrations back: done when each trunk has answered, or does not."""
        self._core.registrations.leave_all(self._clock.now())
        self._follow_up()
        while self._core.registrations:
            await self._wait_step()

    async def _wait_step(self) -> None:
        """Until anything has been done to the core; whoever waits already shares the event."""
        if self._stepped.is_set():
            self._stepped = trio.Event()
        await self._stepped.wait()

    async def probe(self, target: Uri, destination: Address) -> int:
        """Whether somebody is there: the status that an OPTIONS is answered, or 408 or 503 when it is not."""
        answered, answer = trio.open_memory_channel[int](1)  # there is but one
        probe = self._core.probes.begin(target, destination, self._clock.now())
        self._probes[probe] = answered
        self._follow_up()
        try:
            return await answer.receive()
        finally:
            self._probes.pop(probe, None)

    def takes_no_stream(self, destination: Address) -> None:
        """What goes there is a datagram, however large: without this, TCP is tried first for what is too large."""
        self._core.takes_no_stream(destination)

    def keep_open(self, flow: Address) -> None:
        """A sign of life through the NATs on the way there (RFC 5626 section 3.5); it dials nobody, and never waits."""
        if isinstance(flow, Hop):
            self._streams.pulse(flow)
        else:
            self._send(PING, flow)

    def respond(
        self,
        call: SipCallId,
        status: int,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        reliable: bool | None = None,
    ) -> None:
        self._core.respond(
            call, status, self._clock.now(), reason=reason, headers=headers, body=body, reliable=reliable
        )
        self._follow_up()

    def act(self, deed: Callable[[UserAgent, float], T]) -> T:
        """Does one thing to the core, and sends what comes of it, even when the core refuses."""
        try:
            return deed(self._core, self._clock.now())
        finally:
            self._follow_up()

    def acknowledge(self, call: SipCallId, body: bytes) -> None:
        self._core.acknowledge(call, self._clock.now(), body=body)
        self._follow_up()

    def cancel(self, call: SipCallId) -> None:
        self._core.cancel(call, self._clock.now())
        self._follow_up()

    def bye(self, call: SipCallId, reason: str = "") -> None:
        self._core.bye(call, self._clock.now(), reason=reason)
        self._follow_up()

    def forget(self, call: SipCallId) -> None:
        """The core has no more to say about this call."""
        self._calls.pop(call, None)
        if call in self._traffic_of:
            self._traffic.end(*self._traffic_of.pop(call))

    def _begin_traffic(self, call: SipCallId, call_id: str) -> Traffic:
        traffic = self._traffic.begin(call_id)
        self._traffic_of[call] = call_id, traffic
        return traffic

    # ---- what the streams bring

    @property
    def live_streams(self) -> int:
        return len(self._streams)

    def certified(self, peer: Hop) -> frozenset[str]:
        """The names that the peer of a stream has proven with a certificate; none without one."""
        return self._streams.certified(peer)

    def message(self, data: bytes, source: Hop) -> None:
        self._feed("stream", lambda now: self._hear(data, source, now))

    def unframeable(self, broken: Unframeable, source: Hop) -> None:
        self._feed("stream", lambda now: self._core.receive_unframeable(broken, source, now))

    def unreachable(self, hop: Address) -> None:
        self._feed("stream", lambda now: self._core.transport_failed(hop, now))

    def lost(self, peer: Hop) -> None:
        self._feed("stream", lambda now: self._core.connection_lost(peer, now))

    def _feed(self, where: str, deed: Callable[[float], None]) -> None:
        """Does one thing to the core that the network caused, and all that follows from it."""
        try:
            deed(self._clock.now())
        except Exception:
            if not self._bears(where):
                raise
        else:
            self._faults_in_a_row = 0
        self._follow_up()

    async def _step(self) -> None:
        """One wait, and everything that follows from it.

        A burst is taken at once, so that under load many datagrams share what a turn of the loop costs."""
        self._due = self._core.next_deadline()
        with trio.CancelScope(deadline=self._deadline()) as self._patience:
            await self._receive()
        for _ in range(BURST_MAX):
            if not self._receive_nowait():
                break
        try:
            self._core.handle_deadline(self._clock.now())
        except Exception:
            if not self._bears("deadline"):
                raise
        self._follow_up()

    async def _receive(self) -> None:
        try:
            data, source = await self._socket.receive()
        except OSError as error:
            self._not_received(error)
        else:
            self._take(data, source)

    def _receive_nowait(self) -> bool:
        """Whether there was anything."""
        try:
            datagram = self._socket.receive_nowait()
        except OSError as error:
            self._not_received(error)
            return True
        if datagram is not None:
            self._take(*datagram)
        return datagram is not None

    def _not_received(self, error: OSError) -> None:
        """ICMP "port unreachable" arrives so on some systems: an answer to an earlier datagram, not our end."""
        self.counters.count("sip_socket_error", _name(error))
        if error.errno != errno.ECONNREFUSED and not self._bears("receive"):
            raise error

    def _take(self, data: bytes, source: tuple[str, int]) -> None:
        if is_stun(data):
            self._tell_address(data, source)
            return
        try:
            self._hear(data, source, self._clock.now())
        except Exception:
            if not self._bears("datagram"):
                raise
        else:
            self._faults_in_a_row = 0

    def _hear(self, data: bytes, source: Address, now: float) -> None:
        """Noted before anything is said to it, and also when it was a fault of ours."""
        at_ns, belongs = self._clock.now_ns(), False
        try:
            belongs = self._core.receive(data, source, now)
        finally:
            self._note(Seen(at_ns, False, source, data), belongs)

    def _note(self, seen: Seen, belongs: bool) -> None:
        if not self._traffic.take(seen, belongs=belongs):
            self.counters.count("sip_not_noted", "too_many" if belongs else "belongs_to_nothing")

    def _tell_address(self, request: bytes, source: tuple[str, int]) -> None:
        """RFC 5626 section 4.4.2: a telephone keeps its NAT open. A stranger gets no more bytes than he sent."""
        answer = binding_answer(request, source)
        if answer is None or (len(answer) > len(request) and not self._core.has_proven(source[0])):
            self.counters.count("sip_stun", "ignored")
            return
        self.counters.count("sip_stun", "answered")
        self._send(answer, source)

    def _follow_up(self) -> None:
        """Hands on what the core has to tell, and sends what it has to send, until there is no more of either.

        Without a checkpoint: a task that is cancelled here would take the datagrams of other calls with it, and leave
        its own call in doubt whether it was answered.
        """
        while True:
            while (event := self._core.next_event()) is not None:
                try:
                    self._dispatch(event)
                except Exception:
                    if not self._bears("event"):
                        raise
            outbox = self._core.datagrams_to_send(self._clock.now())
            if not outbox:
                break
            for data, to in outbox:
                self._send(data, to)
        self._traffic.step()
        if (due := self._core.next_deadline()) != self._due:
            self._due = due
            self._patience.deadline = self._deadline()
        self._stepped.set()

    def _send(self, data: bytes, to: Address) -> None:
        self._note(Seen(self._clock.now_ns(), True, to, data), not isinstance(data, StatelessReply))
        if isinstance(to, Hop):
            if not self._streams.send(data, to):
                self._core.transport_failed(to, self._clock.now())
            return
        try:
            self._socket.send(data, to)
        except OSError as error:
            self.counters.count("sip_not_sent", _name(error))
            if error.errno in NO_WAY_THERE:
                self._core.transport_failed(to, self._clock.now())

    def _dispatch(self, event: SipEvent) -> None:
        if isinstance(event, IncomingCall):
            self._arrive(event)
            return
        if isinstance(event, RegistrationEvent):
            self.counters.count("sip_registration", type(event).__name__)
            self._tell(event)
            return
        if isinstance(event, ProbeDone):
            if event.probe in self._probes:
                self._probes[event.probe].send_nowait(event.status)
            return
        call = self._calls.get(event.call)
        if call is None:
            self.counters.count("sip_event_without_call", type(event).__name__)
            return
        if call.request is None:
            self._learn(event, call.remote)
        if isinstance(event, Cancelled | Rejected | Ended):
            self.forget(event.call)
        call.deliver(event)

    def _tell(self, event: RegistrationEvent) -> None:
        told = self._registrations.get(event.registration, _nobody)
        if isinstance(event, Unregistered):
            self._registrations.pop(event.registration, None)
        told(event)

    def _learn(self, event: SipEvent, place: Address) -> None:
        """What a call of ours tells about where it went, for the next one (RFC 3263 section 4.3)."""
        if isinstance(event, Rejected) and event.status in UNHEARD and not len(event.headers):
            self._finder.failed(place)
        elif isinstance(event, Progress | Answered | Rejected):
            self._finder.answered(place)

    def _arrive(self, event: IncomingCall) -> None:
        traffic = self._begin_traffic(event.call, event.request.call_id)
        call = SipCall(
            event.call, self, event.source, event.request, event.replaces, traffic, username=event.username
        )
        try:
            self._arrivals.send_nowait(call)
        except (trio.WouldBlock, trio.BrokenResourceError):
            self.forget(event.call)
            self._turn_away(event.call)
        else:
            self._calls[event.call] = call

    def _turn_away(self, call: SipCallId) -> None:
        self.counters.count("sip_refused", "nobody_looks")
        retry = [("Retry-After", str(RETRY_AFTER_S))]
        self._core.respond(call, 503, self._clock.now(), headers=retry)

    def _deadline(self) -> float:
        """The core's next deadline, on trio's clock."""
        if self._due is None:
            return math.inf
        return trio.current_time() + max(0.0, self._due - self._clock.now())

    def _bears(self, where: str) -> bool:
        """Our own mistake, or the socket's: what met it is lost, the calls are not. False at the end of a row."""
        self.counters.count("sip_fault", where)
        self._faults_in_a_row += 1
        _log.exception("fault in the SIP endpoint", extra={"where": where})
        return self._faults_in_a_row < FAULTS_IN_A_ROW_MAX


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "unknown")
