"""The engine's thread, played by the agenda: it wakes at every slot, and its packets go to the virtual network."""

from __future__ import annotations

from collections.abc import Sequence

from mediasrv.errors import LocalError
from mediasrv.media.engine import Engine, SentPacket
from mediasrv_native.errors import StaleHandle
from tests.sim.network import Address, Network

IDLE_NS = 20_000_000  # without a stream there is nothing to be punctual for
RESTING_NS = 1_000_000_000


class EngineThread:
    """Moves datagrams between `network` and the engine in manual mode, at the engine's own times."""

    def __init__(self, engine: Engine, network: Network, host: str) -> None:
        self._engine, self._network, self._agenda = engine, network, network.agenda
        self._idle_ns = IDLE_NS
        self.stray = 0  # datagrams to a port of ours that no stream holds
        network.attach_host(host, self._on_datagram)
        self._agenda.at(self._agenda.clock.now_ns(), self._wake)

    def rest(self) -> None:
        """No call will come any more: what is over need not be looked at so often."""
        self._idle_ns = RESTING_NS

    def _wake(self) -> None:
        try:
            self._step()
        except LocalError:  # the engine was closed: here its thread would have been joined
            return
        idle_ns = 0 if self._engine.streams() else self._idle_ns
        self._agenda.at(max(self._agenda.clock.now_ns() + idle_ns, self._engine.next_tick_ns()), self._wake)

    def _step(self) -> None:
        now_ns, engine = self._agenda.clock.now_ns(), self._engine
        if engine.streams() and engine.next_tick_ns() >= now_ns:
            packets = self._run_slots()
        else:  # nobody to be punctual for, or late: everything that was due, at once
            engine.step(now_ns)
            packets = engine.packets()
        for packet in packets:
            host, port = packet.stream.local
            apart = packet.is_rtcp and packet.stream.spec.rtcp == "port"
            self._network.send(packet.data, (host, port + apart), packet.to)

    def _run_slots(self) -> Sequence[SentPacket]:
        """Up to whatever else is going to happen: most slots concern nobody but the engine, and stay in it."""
        agenda, engine = self._agenda, self._engine
        quiet_until_ns = agenda.quiet_until_ns()
        while True:
            agenda.clock.jump_to(engine.step_on(quiet_until_ns))
            packets = engine.packets()
            if packets or agenda.has_woken() or engine.next_tick_ns() >= quiet_until_ns:
                return packets

    def _on_datagram(self, data: bytes, source: Address, to: Address) -> None:
        stream = next((stream for stream in self._engine.streams() if stream.local == to), None)
        try:
            if stream is not None:
                self._engine.push(stream, data, source, self._agenda.clock.now_ns())
                return
        except StaleHandle:  # it is being closed: its socket hears nothing more
            pass
        self.stray += 1
