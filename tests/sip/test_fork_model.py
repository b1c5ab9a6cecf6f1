"""One INVITE of ours that rings many phones: they ring, answer, refuse and repeat themselves in any order.

A proxy on the way has passed the INVITE on to several, over a network that loses and repeats. The model is what must
hold whatever they do: one answer at most is told, every answer is acknowledged each time it comes, every phone that
answered in vain is hung up on, a reliable ring is confirmed in its own early dialog, and nothing is left. Hypothesis
chooses the deeds and shrinks them.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Answered,
    Ended,
    Headers,
    Limits,
    Rejected,
    Request,
    Response,
    SipEvent,
    Uri,
    UserAgent,
)
from mediasrv.sip.grammar.parse import parse

US, PROXY = ("192.0.2.1", 5060), ("192.0.2.99", 5060)
PHONES = [f"phone{n}" for n in range(5)]
PHONE = st.sampled_from(PHONES)
ANSWERS_TAKEN_S = 30.0  # a 2xx is looked for as long as its transaction lives: 64*T1 (RFC 6026)
LONG_ENOUGH_S = 2_000.0


class ForkedCall(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 10**6), deaf=st.sets(PHONE))
    def dial(self, seed: int, deaf: set[str]) -> None:
        """`deaf` phones never answer what we ask them."""
        self.now, self.deaf = 0.0, deaf
        self.agent = UserAgent(US, SeededTokens(seed))
        self.call = self.agent.invite(
            Uri.parse("sip:all@pbx.example"), destination=PROXY, from_uri=Uri.parse("sip:us@192.0.2.1"),
            body=b"offer", now=0.0,
        )  # fmt: skip
        ((wire, _),) = self.agent.datagrams_to_send(0.0)
        invite = parse(wire, Limits())
        assert isinstance(invite, Request)
        self.invite = invite
        self.events: list[SipEvent] = []
        self.brought: list[bytes] = []  # to us, and may come again
        self.answered_at: dict[str, float] = {}  # first 200 of each phone
        self.answers, self.acks = 0, 0
        self.hung_up: set[str] = set()
        self.rang_reliably: set[tuple[str, int]] = set()
        self.confirmed: set[tuple[str, int]] = set()
        self.refused = False

    @property
    def over(self) -> bool:
        return any(isinstance(event, Ended | Rejected) for event in self.events)

    def looked_for(self, at: float) -> bool:
        return at < min(self.answered_at.values()) + ANSWERS_TAKEN_S

    # ---- what the phones do

    def bring(self, status: int, phone: str, *more: tuple[str, str], to: Request | None = None) -> None:
        request = to or self.invite
        kept = [line for line in request.headers if line[0] in ("Via", "From", "Call-ID", "CSeq")]
        tagged = request.to if request.to.tag else request.to.tagged(phone)
        lines = [*kept, ("To", str(tagged)), ("Contact", f"<sip:{phone}@192.0.2.99>"), *more]
        self.deliver(Response(status, "X", Headers(lines)).build())

    def deliver(self, wire: bytes) -> None:
        self.brought = [*self.brought[-20:], wire]
        self.agent.receive(wire, PROXY, self.now)
        self.follow_up()

    @rule(phone=PHONE, status=st.sampled_from([180, 183]))
    def rings(self, phone: str, status: int) -> None:
        self.bring(status, phone)

    @rule(phone=PHONE, rseq=st.integers(1, 3))
    def rings_reliably(self, phone: str, rseq: int) -> None:
        self.rang_reliably.add((phone, rseq))
        self.bring(183, phone, ("Require", "100rel"), ("RSeq", str(rseq)))

    @rule(phone=PHONE)
    def answers_the_call(self, phone: str) -> None:
        if self.refused:
            return
        if (
            not self.answered_at and self.over
        ):  # our INVITE has run out of time, and nobody looks for an answer
            self.refused = True
            return
        self.answered_at.setdefault(phone, self.now)
        before = self.acks
        self.bring(200, phone)
        if self.looked_for(self.now):
            assert self.acks == before + 1, "an answer was not acknowledged"

    @rule(status=st.sampled_from([404, 486, 487, 500, 603]))
    def all_refuse(self, status: int) -> None:
        if not self.answered_at:
            self.refused = True
            self.bring(status, "nobody")

    @rule(which=st.integers(0, 20))
    def the_network_repeats_itself(self, which: int) -> None:
        if self.brought:
            self.agent.receive(self.brought[which % len(self.brought)], PROXY, self.now)
            self.follow_up()

    # ---- what we do

    @rule()
    def we_give_up(self) -> None:
        self.agent.cancel(self.call, self.now)
        self.follow_up()

    @rule()
    def we_hang_up(self) -> None:
        self.agent.bye(self.call, self.now)
        self.follow_up()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 40.0, 200.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.agent.next_deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            self.agent.handle_deadline(self.now)
            self.follow_up()
        self.now = until

    # ---- what comes of it

    def follow_up(self) -> None:
        while (event := self.agent.next_event()) is not None:
            self.events.append(event)
        for wire, _ in self.agent.datagrams_to_send(self.now):
            message = parse(wire, Limits())
            if isinstance(message, Request):
                self.take(message)

    def take(self, request: Request) -> None:
        phone = request.to.tag
        if request.method == "ACK":
            self.acks += 1
        elif request.method == "PRACK":
            rseq = int((request.headers.text("RAck") or "0").split()[0])
            assert (phone, rseq) in self.rang_reliably, "a ring was confirmed that never came"
            self.confirmed.add((phone, rseq))
        elif request.method == "BYE":
            assert phone in self.answered_at, "a phone that never answered was hung up on"
            self.hung_up.add(phone)
        if request.method not in ("ACK", "INVITE") and phone not in self.deaf:
            self.bring(200, phone or "proxy", to=request)

    @invariant()
    def one_answer_at_most_is_told(self) -> None:
        assert sum(isinstance(event, Answered) for event in self.events) <= 1
        assert sum(isinstance(event, Ended | Rejected) for event in self.events) <= 1

    def teardown(self) -> None:
        early = {phone for phone, at in self.answered_at.items() if self.looked_for(at)}
        winners = sum(isinstance(event, Answered) for event in self.events)
        live = self.agent.statistics().calls and winners
        assert len(early - self.hung_up) <= (1 if live else 0), "a phone was left in a call that nobody has"
        self.agent.cancel(self.call, self.now)
        self.agent.bye(self.call, self.now)
        self.follow_up()
        self.time_passes(LONG_ENOUGH_S)
        left = self.agent.statistics()
        assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0), left


TestForkedCall = ForkedCall.TestCase
TestForkedCall.settings = settings(
    max_examples=150,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
