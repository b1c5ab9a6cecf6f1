"""The engine's thread, played by the agenda: it wakes at every slot, and its packets go to the virtual network."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from mediasrv.errors import LocalError
from mediasrv.media.engine import Engine, SentPacket
from mediasrv_native.errors import StaleHandle
from tests.sim.network import Address, Network

IDLE_NS = 20_000_000  # without a stream there is nothing to be punctual for
RESTING_NS = 1_000_000_000

Coming = tuple[int, int, bytes, Address, Address]  # when it arrives, its number, data, source, to


class EngineThread:
    """Moves datagrams between `network` and the engine in manual mode, at the engine's own times.

    Nobody but the engine looks at a datagram that arrives, and it not before its next slot: so arrivals are no moments
    of the agenda's, and lie here until then.
    """

    def __init__(self, engine: Engine, network: Network, host: str) -> None:
        self._engine, self._network, self._agenda = engine, network, network.agenda
        self._idle_ns = IDLE_NS
        self._coming: list[Coming] = []  # a heap
        self._expected = 0  # datagrams
        self._due = 0, 0  # when it wakes, and how many were expected as that was settled
        self._stepped_ns = 0
        self.stray = 0  # datagrams to a port of ours that no stream holds
        network.attach_mailbox(host, self._expect)
        self._agenda.at(self._agenda.clock.now_ns(), self._wake)

    def rest(self) -> None:
        """No call will come any more: what is over need not be looked at so often."""
        self._idle_ns = RESTING_NS

    def _expect(self, at_ns: int, data: bytes, source: Address, to: Address) -> None:
        heapq.heappush(self._coming, (at_ns, self._expected, data, source, to))
        self._expected += 1

    def _wake(self) -> None:
        try:
            self._step()
            next_ns = self._engine.next_tick_ns()
        except LocalError:  # the engine was closed: here its thread would have been joined
            return
        idle_ns = 0 if self._engine.streams() else self._idle_for_ns()
        due_ns = max(self._agenda.clock.now_ns() + idle_ns, next_ns)
        self._due = due_ns, self._expected
        self._agenda.at(due_ns, self._wake)

    def _idle_for_ns(self) -> int:
        """To the last of the moments at which an idle thread looks before anything else can happen: what is ordered
        then must not find slots that are still to be made up for."""
        quiet_ns = self._agenda.quiet_until_ns() - self._agenda.clock.now_ns()
        return max(1, (quiet_ns - 1) // self._idle_ns) * self._idle_ns

    def _step(self) -> None:
        now_ns, engine = self._agenda.clock.now_ns(), self._engine
        self._receive(self._due)
        if engine.next_tick_ns() >= now_ns and engine.streams():
            packets = self._run_slots()
        else:  # nobody to be punctual for, or late: everything that was due, at once
            engine.step(now_ns)
            self._stepped_ns = now_ns
            packets = engine.packets()
        for packet in packets:
            host, port = packet.stream.local
            apart = packet.is_rtcp and packet.stream.spec.rtcp == "port"
            self._network.send(packet.data, (host, port + apart), packet.to)

    def _run_slots(self) -> Sequence[SentPacket]:
        """Up to whatever else is going to happen: most slots concern nobody but the engine, and stay in it."""
        agenda, engine, coming = self._agenda, self._engine, self._coming
        quiet_until_ns = agenda.quiet_until_ns()
        while True:
            heard_ns = coming[0][0] if coming else quiet_until_ns
            self._stepped_ns = engine.step_on(min(heard_ns, quiet_until_ns))
            agenda.clock.jump_to(self._stepped_ns)
            packets, next_ns = engine.packets(), engine.next_tick_ns()
            if packets or agenda.has_woken() or next_ns >= quiet_until_ns:
                return packets
            self._receive((next_ns, self._expected))

    def _receive(self, due: tuple[int, int]) -> None:
        """Gives the engine what will have arrived at a slot; what is sent at its very moment is too late for it."""
        while self._coming and self._coming[0] < due:
            at_ns, _, data, source, to = heapq.heappop(self._coming)
            stream = next((stream for stream in self._engine.streams() if stream.local == to), None)
            try:
                if stream is not None:
                    self._engine.push(stream, data, source, max(at_ns, self._stepped_ns))
                    continue
            except StaleHandle:  # it is being closed: its socket hears nothing more
                pass
            self.stray += 1
