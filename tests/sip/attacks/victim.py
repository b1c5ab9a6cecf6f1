"""A user agent in the middle of a call, and the stranger who attacks it: what he gets, and what it costs."""

from __future__ import annotations

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Admission,
    Algorithm,
    Authenticator,
    Ended,
    Guard,
    Registrar,
    SipStatistics,
    UserAgent,
)
from mediasrv.sip.auth.digest import ha1
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.hop import Address, Hop
from tests.sip.network import ALICE, BOB, Network, Peer

STRANGER = ("203.0.113.9", 5060)
REALM = "pbx.example"


class Passwords:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1(algorithm, username, realm, "secret") if username == "alice" else None


def challenge_strangers(request: Request, source: Address) -> Admission:
    return Admission.WELCOME if source[0] == ALICE[0] else Admission.CHALLENGE


class Victim:
    """Bob: he takes calls from Alice's address, asks everybody else who they are, and is talking with her."""

    def __init__(self) -> None:
        self.net = Network()
        tokens = SeededTokens(99)
        guard = Guard(challenge_strangers, Authenticator(REALM, Passwords(), tokens))
        self.agent = UserAgent(
            BOB, tokens, guard=guard, registrar=Registrar([REALM]), streams={"TCP": (BOB[0], BOB[1])}
        )
        self.net.peers[BOB] = Peer(BOB, self.agent)
        self.hers, self.his = self.net.established()
        self.net.run(60.0)  # until nothing of how it began is remembered
        self.before = self.statistics()

    def statistics(self) -> SipStatistics:
        return self.agent.statistics()

    def hit(self, data: bytes, source: Address = STRANGER) -> list[tuple[bytes, Address]]:
        """What leaves the socket when this comes."""
        self.agent.receive(data, source, self.net.now)
        return self.agent.datagrams_to_send(self.net.now)

    def statuses(self, data: bytes, source: Address = STRANGER) -> list[int]:
        return [int(sent.split(b" ")[1]) for sent, _ in self.hit(data, source)]

    def assert_unharmed(self) -> None:
        """The attack has left nothing behind, and the call can still be hung up."""
        left, before = self.statistics(), self.before
        assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (
            before.transactions, before.dialogs, before.calls, before.deadlines,
        )  # fmt: skip
        self.agent.bye(self.his, self.net.now)
        self.net.run()
        assert self.net.alice.last(Ended).call == self.hers
        self.net.assert_nothing_left()


def by_tcp(connection: int = 1) -> Hop:
    return Hop(STRANGER[0], 40_000, "TCP", connection)
