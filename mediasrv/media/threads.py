"""One thread of the engine, as trio sees it: its native pool, its books, and the task that hears what it says.

The streams of a call stay on one thread, where they share a slot and can hear each other. So a group that has streams
here has all of them here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from mediasrv.errors import AtCapacity
from mediasrv.media.admission import Admission, Share
from mediasrv.media.native_settings import settings_of
from mediasrv.media.ports import Port, SharedPort
from mediasrv.media.spec import StreamSpec
from mediasrv.media.statistics import EngineStatistics
from mediasrv.media.streams import Orders, Recordings, Stream
from mediasrv_native import engine as native
from mediasrv_native.engine import Captured, NativeEngine
from mediasrv_native.errors import QueueFull
from mediasrv_native.speech import SileroWeights

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings

EVENTS_AT_ONCE = 256
GROUPS = 2**32
COLLECT_S = (
    0.05  # pause between looks at what was captured: a look for each packet costs as much as the packet
)


class EngineThread:
    def __init__(
        self, engine: NativeEngine, admission: Admission, weights: SileroWeights | None, *, manual: bool,
        captures: bool = False, make_stream: Callable[..., Stream] = Stream,
    ) -> None:  # fmt: skip
        self.native, self.admission, self.manual = engine, admission, manual
        self._weights, self._make_stream = weights, make_stream
        self.streams: dict[int, Stream] = {}
        self._orders = Orders()
        self._recordings = Recordings(engine, self._orders, manual=manual)
        self._captures = captures

    def holds(self, group: int) -> bool:
        return any(stream.group == group % GROUPS for stream in self.streams.values())

    def start(self, nursery: trio.Nursery) -> None:
        if not self.manual:
            self.native.start()
            nursery.start_soon(self._listen)
            nursery.start_soon(self._orders.insist)
            if self._captures:
                nursery.start_soon(self._collect)

    async def _listen(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self.native.eventfd)
            os.eventfd_read(self.native.eventfd)
            self.dispatch()

    async def _collect(self) -> None:
        while True:
            await trio.sleep(COLLECT_S)
            self._hand_over()

    def _hand_over(self) -> None:
        while captured := self.native.captured():
            by_stream: dict[int, list[Captured]] = {}
            for each in captured:
                by_stream.setdefault(each.stream, []).append(each)
            for handle, those in by_stream.items():
                if (stream := self.streams.get(handle)) is not None:
                    stream.take_captured(those)

    @property
    def orders_wait(self) -> bool:
        """Some found no room: they are given again whenever the engine is heard."""
        return self._orders.waiting

    def dispatch(self) -> None:
        """Tells the streams what happened, and the engine what it had no room for."""
        self._orders.again()
        if self._captures and self.manual:  # nobody collects
            self._hand_over()
        while events := self.native.events(EVENTS_AT_ONCE):
            for event in events:
                stream = self.streams.get(event.stream)
                if event.kind == native.EVENT_RECORDING:
                    result = self._recordings.over(event)
                    if stream is not None:
                        stream.recorded(result, event.at_ns)
                elif event.kind == native.EVENT_REMOVED:
                    self._let_go(event.stream)
                elif stream is not None:
                    stream.take(event)
        for datagram in self.native.datagrams():
            if (stream := self.streams.get(datagram.stream)) is not None:
                stream.take_datagram(datagram.data, datagram.source)

    def _let_go(self, handle: int) -> None:
        if self._captures:  # its last packets are among them
            self._hand_over()
        self.native.reclaim(handle)
        stream = self.streams.pop(handle)
        stream.gone()

    def add(
        self, spec: StreamSpec, drawn: Settings, group: int, host: str, port: SharedPort, share: Share
    ) -> Stream:
        """A live stream, whose own `port` is then; `drawn`: what nobody may guess of it."""
        group %= GROUPS
        try:
            handle = self._add(spec, drawn, group, port)
        except QueueFull:
            port.close()
            raise AtCapacity("every stream of the pool is in use") from None
        except BaseException:
            port.close()
            raise
        stream = self._make_stream(
            self.native, self._orders, handle, spec, (host, port), share, self._recordings, group
        )
        self.streams[handle] = stream
        return stream

    def _add(self, spec: StreamSpec, drawn: Settings, group: int, port: Port) -> int:
        settings = settings_of(spec, self._weights) | drawn
        rtcp_fd = port.rtcp_fd if spec.rtcp == "port" else -1
        return self.native.add(rtp_fd=port.fd, rtcp_fd=rtcp_fd, group=group, **settings)

    def statistics(self) -> EngineStatistics:
        return EngineStatistics.of(self.native.statistics())

    def leave(self) -> None:
        """Joins the thread, tells the streams that it is over, and only then frees what the thread had used."""
        self.native.stop()
        if self._captures:
            self._hand_over()
        self.dispatch()
        for stream in self.streams.values():
            stream.gone()
        self.streams.clear()
        self.native.close()
