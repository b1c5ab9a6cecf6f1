"""What passes on the wire for one call, written down: its messages in its timeline, everything in its capture.

The timeline has a line for each message, without its text; the capture, where one is asked for, has each message and
each packet whole, as a pcap file that Wireshark opens. It holds what callers say: whoever switches it on knows that.

What is secret is not in it. A key may be told when some of its packets have passed, or its INFO has, so all waits for
half a second before it is written, or until the call's record is, behind which nothing can become secret any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from mediasrv.call import CallRecord
from mediasrv.clock import NS_PER_MS, Clock
from mediasrv.endpoints import SipCall
from mediasrv.endpoints.traffic import Seen
from mediasrv.ids import CallId, TenantId
from mediasrv.legs import CallInfo, Ending
from mediasrv.media import CapturedPacket, StreamFace
from mediasrv.sip.hop import transport_of
from mediasrv.telemetry import Kind, RecordSink, SecretWhile, Timeline, pcap
from mediasrv.telemetry.secret_while import BEFORE_NS

NS_PER_S = 1_000 * NS_PER_MS
KEY = b"INFO "  # the request that may be one
MOST_KEYS = 64  # that are known again when they are sent once more
ByteSink = Callable[[CallId, bytes], bool]
"""Takes a piece of a call's capture; False: it was dropped."""


class Capture:
    """Of one call: all of its legs in one file."""

    def __init__(self, call: CallId, clock: Clock, into: ByteSink, local: tuple[str, int]) -> None:
        self._call, self._into, self._local = call, into, local
        self._secret, self._keys = SecretWhile(), deque[bytes](maxlen=MOST_KEYS)
        self._waiting = deque[Seen | CapturedPacket]()
        self._clock = clock
        self._begun = self._is_over = False
        self._unix_offset_ns = round(clock.wall().timestamp() * NS_PER_S) - clock.now_ns()

    def take(self, passed: Sequence[Seen | CapturedPacket], last_secret_ns: tuple[int, int] | None) -> None:
        """`last_secret_ns`: from when until when the call was secret last, or is."""
        if last_secret_ns is not None:
            self._secret.mark(*last_secret_ns)
        self._waiting.extend(passed)
        self._let_go()

    def heard_record(self, kind: Kind, _: Mapping[str, object]) -> None:
        """That of the call is the last."""
        if kind == "call":
            self._is_over = True
            self._let_go()

    def _let_go(self) -> None:
        """Those that wait no longer are written together."""
        until_ns = self._clock.now_ns() - BEFORE_NS
        pieces: list[bytes] = []
        while self._waiting and (self._is_over or self._waiting[0].at_ns < until_ns):
            passed = self._waiting.popleft()
            if isinstance(passed, Seen):
                if not self._is_secret_key(passed):
                    peer = passed.peer[0], passed.peer[1]
                    pieces.append(self._framed(passed.at_ns, self._local, peer, passed.sent, passed.data))
            elif not self._secret.has(passed.at_ns, passed.data):
                pieces.append(self._framed(*passed))
        if pieces:
            self._write(b"".join(pieces))

    def _is_secret_key(self, seen: Seen) -> bool:
        """Who has no answer sends it once more, whatever has become of the call meanwhile."""
        if not seen.data.startswith(KEY):
            return False
        if self._secret.covers(seen.at_ns):
            self._keys.append(seen.data)
        return seen.data in self._keys

    def _framed(
        self, at_ns: int, local: tuple[str, int], peer: tuple[str, int], sent: bool, data: bytes
    ) -> bytes:
        source, destination = (local, peer) if sent else (peer, local)
        return pcap.packet(at_ns + self._unix_offset_ns, source, destination, data)

    def _write(self, piece: bytes) -> None:
        self._begun = self._into(self._call, piece if self._begun else pcap.header() + piece) or self._begun


@dataclass(frozen=True, slots=True)
class Tracing:
    """For all calls; `captures` is where pieces of captures go, None when none are kept."""

    sink: RecordSink
    clock: Clock
    local: tuple[str, int]
    captures: ByteSink | None = None
    _live: WeakValueDictionary[CallId, Trace] = field(default_factory=WeakValueDictionary)

    def of(self, call_id: CallId) -> Trace | None:
        """Of a call that goes on, for its further legs."""
        return self._live.get(call_id)

    def begin(
        self, call_id: CallId, tenant: TenantId, began_ns: int | None = None, sink: RecordSink | None = None
    ) -> Trace:
        """`sink`: for the timeline, in place of everybody's."""
        capture = None
        if self.captures is not None:
            capture = Capture(call_id, self.clock, self.captures, self.local)
        timeline = Timeline(sink or self.sink, self.clock, call_id, tenant, began_ns)
        if capture is not None:
            timeline.follow(capture.heard_record)
        trace = self._live[call_id] = Trace(call_id, timeline, capture)
        return trace


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Trace:
    """Of one call, as long as it lasts and a little longer."""

    call: CallId
    timeline: Timeline
    capture: Capture | None

    def messages(self, call: SipCall) -> None:
        call.traffic.follow(self._note)
        if self.capture is not None:
            call.traffic.follow(self._capture_message)

    def packets(self, stream: StreamFace) -> None:
        if self.capture is not None:
            stream.capture(self._capture_packets)

    def refused(self, info: CallInfo, agent: str, problem: str) -> None:
        """The record of a call that came to nothing, for the operator who is asked why."""
        self.timeline.note("refused", problem=problem)
        record = CallRecord(
            id=info.id, tenant=info.tenant, agent=agent, caller=info.caller, called=info.called,
            trunk=info.trunk, began=self.timeline.wall(), direction=info.direction,
            ending=Ending.REFUSED.value, error=problem,
        )  # fmt: skip
        self.timeline.record("call", record.as_json())

    def _capture_message(self, seen: Seen) -> None:
        is_key = seen.data.startswith(KEY)
        if self.capture is not None and (is_key or not self.timeline.secret):
            self.capture.take([seen], self.timeline.last_secret_ns)

    def _capture_packets(self, packets: Sequence[CapturedPacket]) -> None:
        if self.capture is not None:
            self.capture.take(packets, self.timeline.last_secret_ns)

    def _note(self, seen: Seen) -> None:
        peer = seen.peer
        self.timeline.note(
            "sip", at_ns=seen.at_ns, sent=seen.sent, line=seen.first_line, cseq=seen.cseq,
            peer=f"{peer[0]}:{peer[1]}", transport=transport_of(peer), octets=len(seen.data),
        )  # fmt: skip
