"""What passes on the wire for one call, written down: its messages in its timeline, everything in its capture.

The timeline has a line for each message, without its text; the capture, where one is asked for, has each message and
each packet whole, as a pcap file that Wireshark opens. It holds what callers say: whoever switches it on knows that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from mediasrv.telemetry import RecordSink, Timeline, pcap

NS_PER_S = 1_000 * NS_PER_MS
SECRET_MARGIN_NS = 100 * NS_PER_MS  # a key that ends what is secret is told of some packets longer
ByteSink = Callable[[CallId, bytes], bool]
"""Takes a piece of a call's capture; False: it was dropped."""


class Capture:
    """Of one call: all of its legs in one file."""

    def __init__(self, call: CallId, clock: Clock, into: ByteSink, local: tuple[str, int]) -> None:
        self._call, self._into, self._local = call, into, local
        self._begun = False
        self._unix_offset_ns = round(clock.wall().timestamp() * NS_PER_S) - clock.now_ns()

    def message(self, seen: Seen) -> None:
        peer = seen.peer[0], seen.peer[1]
        self._write(self._framed(seen.at_ns, self._local, peer, seen.sent, seen.data))

    def packets(self, packets: Sequence[CapturedPacket]) -> None:
        """Those that were collected together are written together."""
        self._write(b"".join([self._framed(*packet) for packet in packets]))

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
        if self.capture is not None and not self.timeline.secret:
            self.capture.message(seen)

    def _capture_packets(self, packets: Sequence[CapturedPacket]) -> None:
        """They are collected a while after they passed: what is secret by then, or was when they did, is left out."""
        if self.capture is None or self.timeline.secret:
            return
        if (until_ns := self.timeline.secret_until_ns) is not None:
            packets = [packet for packet in packets if packet.at_ns > until_ns + SECRET_MARGIN_NS]
        if packets:
            self.capture.packets(packets)

    def _note(self, seen: Seen) -> None:
        peer = seen.peer
        self.timeline.note(
            "sip", at_ns=seen.at_ns, sent=seen.sent, line=seen.first_line, cseq=seen.cseq,
            peer=f"{peer[0]}:{peer[1]}", transport=transport_of(peer), octets=len(seen.data),
        )  # fmt: skip
