"""Damages what a phone and a server say about passwords and bindings: `fuzz_sip_auth.py --seconds N --seed S`.

Fails on any exception, on a binding for anybody but the one user whose password was used, on registers beyond their
limits, on more answers than questions, on a password's digest to anybody but its realm, and on anything left over.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Account,
    Admission,
    Algorithm,
    Authenticator,
    Guard,
    Plan,
    Registrar,
    SipCallId,
    Uri,
    UserAgent,
    WrongState,
)
from mediasrv.sip.auth.digest import ha1
from mediasrv.sip.auth.registrar import RegistrarLimits
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator

PHONE, SERVER = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
ALICE = Uri.parse("sip:alice@pbx.example")
STEPS_A_RUN = 300
CONTACTS = 3
LONG_ENOUGH_S = 100_000.0
SPICES = (
    b'"', b"\\", b'\\"', b",", b"=", b'realm="x"', b", nc=00000002", b", stale=true", b", qop=auth-int", b"Digest ",
    b"\r\nContact: *", b"\r\nExpires: 0", b"\r\nContact: <sip:a@b>;expires=4294967296", b"\r\nPath: <sip:p;lr>",
    b"\r\nMin-Expires: 86400", b"\r\nRetry-After: 99999999", b";q=9e9", b";expires=1", b"\x00", b"\xff", "é".encode(),
    b"\r\nAuthorization: Digest x", b"\r\nTo: <sip:bob@pbx.example>", b"\r\nWWW-Authenticate: Digest realm=x, nonce=y",
)  # fmt: skip


class Passwords:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1(algorithm, username, realm, "secret") if username in ("alice", "bob") else None


class Run:
    """A phone that registers and calls, a server that asks, and the damage between them."""

    def __init__(self, seed: int) -> None:
        self.mind = Mutator(seed, SPICES)
        tokens = SeededTokens(seed)
        self.registrar = Registrar(["pbx.example"], limits=RegistrarLimits(addresses=5, contacts=CONTACTS))
        guard = Guard(
            lambda request, source: Admission.CHALLENGE, Authenticator("pbx.example", Passwords(), tokens)
        )
        self.phone = UserAgent(PHONE, SeededTokens(seed + 1))
        self.server = UserAgent(SERVER, tokens, guard=guard, registrar=self.registrar)
        self.account = Account("pbx.example", "alice", "secret")
        self.now = 0.0
        self.calls: list[SipCallId] = []

    def run(self) -> None:
        plan = Plan(ALICE, Uri.parse("sip:pbx.example"), (SERVER,), self.account, 60)
        self.phone.registrations.begin(plan, 0.0)
        for _ in range(STEPS_A_RUN):
            self.now += self.mind.random.choice((0.0, 0.01, 0.6, 5.0, 40.0))
            self._do_something()
            for agent in (self.phone, self.server):
                agent.handle_deadline(self.now)
            self._exchange(self.phone, PHONE, self.server)
            self._exchange(self.server, SERVER, self.phone)
            self._look_after()
        self._end()

    def _do_something(self) -> None:
        deed = self.mind.random.random()
        if deed < 0.1 and self.phone.statistics().calls < 20:
            self.calls.append(
                self.phone.invite(
                    ALICE,
                    destination=SERVER,
                    from_uri=ALICE,
                    body=b"offer",
                    now=self.now,
                    account=self.account,
                )
            )
        elif deed < 0.2 and self.calls:
            self.phone.bye(self.mind.random.choice(self.calls), self.now)

    def _exchange(self, sender: UserAgent, source: tuple[str, int], receiver: UserAgent) -> None:
        for data, to in sender.datagrams_to_send(self.now):
            if b"Digest username" in data and not data.startswith(b"SIP/2.0"):  # a response only says back
                assert b'realm="pbx.example"' in data
                assert to == SERVER
            before = len(receiver._core.outbox)
            wire = self.mind.mutate(data) if self.mind.random.random() < 0.5 else data
            receiver.receive(wire, source, self.now)
            assert len(receiver._core.outbox) - before <= 2  # a 100 and a refusal, or an ACK and a new try

    def _look_after(self) -> None:
        for agent in (self.phone, self.server):
            while (event := agent.next_event()) is not None:
                if agent is self.server and hasattr(event, "request"):
                    with suppress(WrongState):
                        agent.respond(
                            event.call, self.mind.random.choice((200, 486)), self.now, body=b"answer"
                        )
        assert len(self.registrar) <= 1, "a binding for somebody else"
        assert len(self.registrar.lookup(ALICE, self.now)) <= CONTACTS

    def _end(self) -> None:
        self.phone.registrations.leave_all(self.now)
        for agent in (self.phone, self.server):
            for call in list(agent._core.calls):
                agent.bye(call, self.now)
            until = self.now + LONG_ENOUGH_S
            while (at := agent.next_deadline()) is not None and at < until:
                agent.handle_deadline(at)
                agent.datagrams_to_send(at)
            left = agent.statistics()
            assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0), left
            assert len(agent.registrations) == 0
        self.registrar.handle_deadline(self.now + LONG_ENOUGH_S)
        assert len(self.registrar) == 0


if __name__ == "__main__":
    sys.exit(campaign("fuzz_sip_auth", lambda seed: Run(seed).run(), f"{STEPS_A_RUN} steps", __doc__))
