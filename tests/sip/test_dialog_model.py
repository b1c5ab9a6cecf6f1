"""A call in which both sides do whatever comes to their minds, over a network that loses, repeats and reorders.

The model is what must hold whatever happened: nothing is told of a call after its end, each thing begun is told done
at most once, keys arrive in order, and when all is over nothing is left. Hypothesis chooses the deeds and shrinks them.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mediasrv.sip import Answered, Cancelled, Ended, Key, KeyPressed, Rejected, Uri, WrongState
from mediasrv.sip.events import KeySent, ReferProgress, Referred, UpdateDone
from tests.sip.network import BOB, Network, Peer

ENDS = (Ended, Cancelled, Rejected)
SIDES = st.booleans()
CAROL = Uri.parse("sip:carol@192.0.2.3")


class Conversation(RuleBasedStateMachine):
    @initialize(
        seed=st.integers(0, 10**6),
        loss=st.sampled_from([0.0, 0.1, 0.3]),
        offers=st.booleans(),
        session_s=st.booleans(),
    )
    def dial(self, seed: int, loss: float, offers: bool, session_s: bool) -> None:
        self.net = Network(seed, loss=loss, repeat=0.2, delay_s=(0.0, 0.8))
        if not session_s:
            self.net.alice.agent._core.timers = type(self.net.alice.agent._core.timers)(session_s=0.0)
        self.keys: dict[str, list[str]] = {"alice": [], "bob": []}
        self.begun = {"update": 0, "refer": 0}
        self.hers = self.net.alice.agent.invite(
            Uri.parse("sip:bob@192.0.2.2"), destination=BOB, from_uri=Uri.parse("sip:alice@192.0.2.1"),
            body=b"v=0 offer" if offers else b"", now=0.0,
        )  # fmt: skip
        self.net.run(1.0)

    def side(self, hers: bool) -> tuple[Peer, int]:
        return (self.net.alice, self.hers) if hers else (self.net.bob, 1)

    @rule(seconds=st.floats(0.0, 5.0))
    def time_passes(self, seconds: float) -> None:
        self.net.run(seconds)

    @rule()
    def half_an_hour_passes(self) -> None:
        self.net.run(1_800.0)

    @rule(status=st.sampled_from([180, 183]), reliable=st.booleans(), describes=st.booleans())
    def bob_rings(self, status: int, reliable: bool, describes: bool) -> None:
        with suppress(WrongState):
            body = b"v=0 early" if describes else b""
            self.net.bob.agent.respond(1, status, self.net.now, body=body, reliable=reliable)

    @rule(hers=SIDES, status=st.sampled_from([200, 200, 200, 488]))
    def somebody_answers(self, hers: bool, status: int) -> None:
        peer, call = self.side(hers)
        with suppress(WrongState):
            peer.agent.respond(call, status, self.net.now, body=b"v=0 answer" if status == 200 else b"")

    @rule()
    def alice_answers_late_offers(self) -> None:
        with suppress(WrongState):
            self.net.alice.agent.confirm(self.hers, b"v=0 hers", self.net.now)
        with suppress(WrongState):
            self.net.alice.agent.acknowledge(self.hers, self.net.now, body=b"v=0 hers")

    @rule(hers=SIDES, offers=st.booleans())
    def somebody_updates(self, hers: bool, offers: bool) -> None:
        peer, call = self.side(hers)
        with suppress(WrongState):
            peer.agent.in_dialog(call).updates.begin(b"v=0 change" if offers else b"", self.net.now)
            self.begun["update"] += 1

    @rule(hers=SIDES, status=st.sampled_from([200, 488]))
    def somebody_decides_an_update(self, hers: bool, status: int) -> None:
        peer, call = self.side(hers)
        with suppress(WrongState):
            peer.agent.in_dialog(call).updates.answer(
                status, b"v=0 yes" if status == 200 else b"", self.net.now
            )

    @rule(hers=SIDES)
    def somebody_reinvites(self, hers: bool) -> None:
        peer, call = self.side(hers)
        with suppress(WrongState):
            peer.agent.reinvite(call, b"v=0 hold", self.net.now)

    @rule(hers=SIDES, key=st.sampled_from("0123456789"))
    def somebody_presses(self, hers: bool, key: str) -> None:
        peer, call = self.side(hers)
        with suppress(WrongState):
            peer.agent.in_dialog(call).infos.send(Key(key), self.net.now)
            self.keys["alice" if hers else "bob"].append(key)

    @rule(hers=SIDES, subscribe=st.booleans())
    def somebody_refers(self, hers: bool, subscribe: bool) -> None:
        peer, call = self.side(hers)
        with suppress(WrongState):
            peer.agent.in_dialog(call).subscriptions.refer(CAROL, None, None, subscribe, self.net.now)
            self.begun["refer"] += 1

    @rule(hers=SIDES, accepts=st.booleans(), status=st.sampled_from([180, 200, 486]))
    def somebody_decides_a_referral(self, hers: bool, accepts: bool, status: int) -> None:
        peer, call = self.side(hers)
        for asked in peer.said(Referred):
            with suppress(WrongState):
                transfer = peer.agent.in_dialog(call).referrals.find(asked.referral)
                with suppress(WrongState):
                    transfer.accept(self.net.now) if accepts else transfer.decline(603, self.net.now)
                transfer.progress(status, self.net.now)

    @rule(hers=SIDES)
    def somebody_hangs_up(self, hers: bool) -> None:
        peer, call = self.side(hers)
        peer.agent.bye(call, self.net.now)

    @rule()
    def alice_gives_up(self) -> None:
        self.net.alice.agent.cancel(self.hers, self.net.now)

    @invariant()
    def nothing_is_told_of_a_call_after_its_end(self) -> None:
        for peer in self.net.peers.values():
            over: set[int] = set()
            for event in peer.events:
                assert event.call not in over, (peer.address, event)
                if isinstance(event, ENDS):
                    over.add(event.call)

    @invariant()
    def what_was_begun_is_told_done_at_most_once(self) -> None:
        told = [event for peer in self.net.peers.values() for event in peer.events]
        assert sum(isinstance(event, UpdateDone) for event in told) <= self.begun["update"]
        finals = [event for event in told if isinstance(event, ReferProgress) and event.final]
        assert len(finals) <= self.begun["refer"]
        assert sum(isinstance(event, Answered) for event in told) <= 1

    @invariant()
    def keys_arrive_in_order(self) -> None:
        for name, sender, hearer in (
            ("alice", self.net.alice, self.net.bob),
            ("bob", self.net.bob, self.net.alice),
        ):
            heard = [event.key.key for event in hearer.said(KeyPressed)]
            decided = [event.status for event in sender.said(KeySent)]
            taken = [key for key, status in zip(self.keys[name], decided, strict=False) if status == 200]
            on_its_way = self.keys[name][len(decided) : len(decided) + 1]
            assert heard in (taken, taken + on_its_way)

    def teardown(self) -> None:
        net = self.net
        net.run(300.0)
        for peer, call in (self.side(True), self.side(False)):
            with suppress(WrongState):
                peer.agent.respond(call, 480, net.now)
            peer.agent.bye(call, net.now)
        net.run(2_000.0)
        net.assert_nothing_left()
        self.nothing_is_told_of_a_call_after_its_end()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=120,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
