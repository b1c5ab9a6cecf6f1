"""An engine without a thread or a socket that does again, moment by moment, what another one did.

It goes on only as far as whoever reaches over its border had found it then. What was ordered is obeyed at the moment at
which it was obeyed; a packet comes between the same two ticks; a tick is as late as it was. What it then sends must be
what was sent.

`loosen`: what is done is no longer what was done. From then on packets come and ticks fall at their times still, but
orders are obeyed at the next moment, and behind the last one come ticks on time and nothing more is heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from mediasrv.clock import NS_PER_MS
from mediasrv.ids import SeededTokens
from mediasrv.media.admission import Admission
from mediasrv.media.again.moments import Birth, Moment, MomentKind
from mediasrv.media.again.witnessed import REACHES, SEED_STEP
from mediasrv.media.native_settings import settings_of
from mediasrv.media.ports import PortRange, SharedPort, VirtualPorts
from mediasrv.media.spec import Cost
from mediasrv.media.streams import Recordings, Stream
from mediasrv.media.streams.orders import Orders
from mediasrv.media.vad_weights import vad_weights
from mediasrv_native.engine import NativeEngine, NativeEvent
from mediasrv_native.errors import StaleHandle, WrongState

FIRST_HANDLE = 1 << 32
OVERTAKING = 4  # moments, while events are taken
FRAME_NS = 20 * NS_PER_MS
FOR_EVER = 2**63


@dataclass(frozen=True, slots=True)
class SentOtherwise:
    """What left at a moment is not what left then; None: nothing."""

    number: int
    at_ns: int
    then: bytes | None
    now: bytes | None


class RepeatedEngine:
    """`found`: how many moments were over at the reach that comes next; None: as time has it.

    `now_ns`: what time it is; `digest`: by which what was sent is known again.
    """

    def __init__(
        self,
        birth: Birth,
        moments: Iterable[Moment],
        found: Callable[[], int | None],
        now_ns: Callable[[], int],
        digest: Callable[[bytes], bytes],
    ) -> None:
        self._found, self._now_ns, self._digest = found, now_ns, digest
        self._native = NativeEngine(
            capacity=1, manual=True, seed=(birth.seed - FIRST_HANDLE * SEED_STEP) % 2**64
        )
        self._deeds: deque[Moment] = deque()
        self._sent: dict[int, deque[bytes]] = {}
        for moment in moments:
            if moment.kind is MomentKind.SENT:
                self._sent.setdefault(moment.number, deque()).append(moment.data)
            else:
                self._deeds.append(moment)
        self._told: deque[NativeEvent] = deque()
        self._tick_ns = 0
        self.is_loose = False
        self.sent = 0
        self.differences: list[SentOtherwise] = []
        drawn = {
            "ssrc": birth.ssrc, "first_sequence": birth.first_sequence,
            "first_timestamp": birth.first_timestamp, "unix_offset_ns": birth.unix_offset_ns,
        }  # fmt: skip
        weights = vad_weights("") if birth.confirms else None
        self.handle = self._native.add(rtp_fd=-1, group=0, **(settings_of(birth.spec, weights) | drawn))  # type: ignore[arg-type]
        assert self.handle == FIRST_HANDLE, "the first stream of a pool has its first place"
        for name in REACHES:
            setattr(self, name, self._reach(getattr(self._native, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def close(self) -> None:
        self._native.stop()
        self._native.close()

    # ---- the border
    def _reach(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def reach(stream: int, *arguments: Any) -> Any:
            self.catch_up(self._found())
            return method(stream, *arguments)

        return reach

    def catch_up(self, moments: int | None) -> None:
        """To when so many moments were over; None: to the present."""
        if moments is None or self.is_loose:
            self._run_until(self._now_ns())
            return
        while self._deeds and self._deeds[0].number <= moments:
            self._do(self._deeds.popleft())

    def tell(self, events: int, stream: Stream) -> bool:
        """Hands so many events to the stream (all, when it is loose); False: there were not as many.

        They may have been taken while the next moment had begun: then it has a part in them.
        """
        self._told.extend(self._native.events())
        for _ in range(OVERTAKING):
            if self.is_loose or len(self._told) >= events or not self._deeds:
                break
            self._do(self._deeds.popleft())
            self._told.extend(self._native.events())
        count = len(self._told) if self.is_loose else min(events, len(self._told))
        for _ in range(count):
            stream.take(self._told.popleft())
        return count == events

    def leave(self) -> None:
        """The stream goes, and what was done until then is done."""
        self._native.remove(self.handle)
        if not self.is_loose:
            self.catch_up(FOR_EVER)

    # ---- what is done
    def _do(self, deed: Moment) -> None:
        if deed.kind is MomentKind.TICKED:
            self._tick_ns = deed.due_ns
        try:
            self._native.again(self.handle, deed.native(self.handle))
        except WrongState:
            self.loosen()
        except StaleHandle:
            return
        self._compare(deed)

    def _compare(self, deed: Moment) -> None:
        then = self._sent.pop(deed.number, deque())
        for packet in self._native.packets():
            was = then.popleft() if then else None
            self.sent += 1
            if was != self._digest(packet.data):
                self.differences.append(SentOtherwise(deed.number, deed.at_ns, was, packet.data))
        self.differences += [SentOtherwise(deed.number, deed.at_ns, was, None) for was in then]

    # ---- loose
    def loosen(self) -> None:
        self.is_loose = True

    def next_ns(self) -> int:
        """When it does something next; not before it is loose."""
        if self._deeds:
            return self._deeds[0].at_ns
        return self._tick_ns + FRAME_NS

    def _run_until(self, now_ns: int) -> None:
        while self.next_ns() <= now_ns:
            if self._deeds:
                deed = self._deeds.popleft()
            else:
                deed = Moment(0, MomentKind.TICKED, self.next_ns(), self.next_ns())
            self._obey(deed.at_ns)
            if deed.kind is not MomentKind.OBEYED:
                self._do(deed)

    def _obey(self, at_ns: int) -> None:
        order = Moment(0, MomentKind.OBEYED, at_ns).native(self.handle)
        while True:
            try:
                self._native.again(self.handle, order)
            except (WrongState, StaleHandle):
                return


def repeated_stream(engine: RepeatedEngine, birth: Birth) -> Stream:
    """The stream that trio's tasks had, over that engine."""
    host, number = birth.local
    native = cast("NativeEngine", engine)
    port = SharedPort(VirtualPorts(PortRange(number, number + 1), SeededTokens(0)).open(rtcp_mux=True))
    share = Admission(1, 1_000.0).reserve(Cost(1, 1.0)).take()
    orders = Orders()
    recordings = Recordings(native, orders, manual=True)
    return Stream(native, orders, engine.handle, birth.spec, (host, port), share, recordings, 0)
