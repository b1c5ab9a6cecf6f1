"""Two user agents and a network between them, in virtual time, that loses and reorders as a seed says."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from mediasrv.ids import SeededTokens
from mediasrv.sip import IncomingCall, Limits, SipEvent, Timers, Uri, UserAgent
from mediasrv.sip.hop import Address

ALICE: Address = ("192.0.2.1", 5060)
BOB: Address = ("192.0.2.2", 5060)
OFFER, ANSWER = b"v=0 offer\r\n", b"v=0 answer\r\n"
LONG_ENOUGH_S = 400.0  # all timers of a call that goes wrong, one after another


@dataclass
class Peer:
    address: Address
    agent: UserAgent
    events: list[SipEvent] = field(default_factory=list)

    def said(self, kind: type) -> list[SipEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type):
        found = self.said(kind)
        assert found, f"no {kind.__name__} among {self.events}"
        return found[-1]


class Network:
    """`rules` see every datagram first and may swallow it; then chance has its say."""

    def __init__(
        self,
        seed: int = 0,
        *,
        loss: float = 0.0,
        repeat: float = 0.0,
        delay_s: tuple[float, float] = (0.01, 0.01),
    ) -> None:
        self.random = random.Random(seed)
        self.loss, self.repeat, self.delay_s = loss, repeat, delay_s
        self.now = 0.0
        self.rules = []
        self.reactions = []
        self.log: list[tuple[float, Address, Address, bytes]] = []
        self._flying: list[tuple[float, int, Address, Address, bytes]] = []
        self._serial = 0
        self.peers = {
            address: Peer(
                address, UserAgent(address, SeededTokens(seed * 2 + i), limits=Limits(), timers=Timers())
            )
            for i, address in enumerate((ALICE, BOB))
        }

    @property
    def alice(self) -> Peer:
        return self.peers[ALICE]

    @property
    def bob(self) -> Peer:
        return self.peers[BOB]

    def call(self, body: bytes = OFFER) -> int:
        return self.alice.agent.invite(
            Uri.parse("sip:bob@192.0.2.2"), destination=BOB, from_uri=Uri.parse("sip:alice@192.0.2.1"),
            body=body, now=self.now,
        )  # fmt: skip

    def acquaint(self) -> None:
        """They have talked before: to who was never there, less is repeated (attacks/test_amplification.py)."""
        for peer in self.peers.values():
            for host, _ in self.peers:
                peer.agent._core.prove(host)

    def established(self) -> tuple[int, int]:
        """A call from Alice that Bob has answered: her id and his."""
        hers = self.call()
        self.run(1.0)
        his = self.bob.last(IncomingCall).call
        self.bob.agent.respond(his, 200, self.now, body=ANSWER)
        self.run(1.0)
        return hers, his

    def flush(self) -> None:
        for peer in self.peers.values():
            while (event := peer.agent.next_event()) is not None:
                peer.events.append(event)
                for reaction in self.reactions:
                    reaction(self, peer, event)
            for data, to in peer.agent.datagrams_to_send(self.now):
                self._send(peer.address, to, data)

    def _send(self, source: Address, to: Address, data: bytes) -> None:
        self.log.append((self.now, source, to, data))
        if any(rule(source, to, data) for rule in self.rules) or self.random.random() < self.loss:
            return
        for _ in range(2 if self.random.random() < self.repeat else 1):
            self._serial += 1
            at = self.now + self.random.uniform(*self.delay_s)
            heapq.heappush(self._flying, (at, self._serial, source, to, data))

    def step(self, until: float) -> bool:
        """To the next thing that happens; False when nothing does before `until`."""
        self.flush()
        times = [self._flying[0][0]] if self._flying else []
        times += [at for peer in self.peers.values() if (at := peer.agent.next_deadline()) is not None]
        if not times or min(times) > until:
            self.now = max(self.now, until)
            return False
        self.now = max(self.now, min(times))
        while self._flying and self._flying[0][0] <= self.now:
            _, _, source, to, data = heapq.heappop(self._flying)
            if to in self.peers:
                self.peers[to].agent.receive(data, source, self.now)
        for peer in self.peers.values():
            if (at := peer.agent.next_deadline()) is not None and at <= self.now:
                peer.agent.handle_deadline(self.now)
        return True

    def run(self, seconds: float = LONG_ENOUGH_S) -> None:
        until = self.now + seconds
        while self.step(until):
            pass

    def sent(self, who: Address, start: bytes) -> list[bytes]:
        return [data for _, source, _, data in self.log if source == who and data.startswith(start)]

    def assert_nothing_left(self) -> None:
        for peer in self.peers.values():
            left = peer.agent.statistics()
            assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0), (
                peer.address,
                left,
            )


def losing(*starts: bytes, times: int = 10**9):
    """A rule: the first `times` datagrams that begin like one of `starts` are lost."""
    left = times

    def rule(source: Address, to: Address, data: bytes) -> bool:
        nonlocal left
        if left and data.startswith(starts):
            left -= 1
            return True
        return False

    return rule
