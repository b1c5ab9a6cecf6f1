"""Calls over a network that loses, repeats and reorders: what was lost, and what came of it; nothing is ever left."""

from __future__ import annotations

from contextlib import suppress

import pytest

from mediasrv.sip import (
    Acknowledged,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    IncomingCall,
    Reinvite,
    ReinviteDone,
    Rejected,
    WrongState,
)  # fmt: skip
from tests.sip.network import ALICE, ANSWER, BOB, Network, Peer, losing

SEEDS = range(60)


def answer_at_once(net: Network, peer: Peer, event: object) -> None:
    if isinstance(event, IncomingCall | Reinvite):
        peer.agent.respond(event.call, 200, net.now, body=ANSWER)


def answering_network(*rules, **chances) -> Network:
    net = Network(**chances)
    net.acquaint()
    net.rules += rules
    net.reactions.append(answer_at_once)
    return net


def test_a_lost_invite_is_sent_again() -> None:
    net = answering_network(losing(b"INVITE", times=2))
    hers = net.call()
    net.run(10.0)
    assert net.alice.last(Answered).call == hers
    assert len(net.sent(ALICE, b"INVITE")) == 3
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_lost_200_is_sent_again_until_it_is_acknowledged() -> None:
    net = answering_network(losing(b"SIP/2.0 200", times=3))
    hers = net.call()
    net.run(10.0)
    assert net.alice.last(Answered).call == hers
    assert len(net.sent(BOB, b"SIP/2.0 200")) == 4
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_lost_ack_is_sent_again_for_every_200() -> None:
    net = answering_network(losing(b"ACK", times=3))
    hers = net.call()
    net.run(10.0)
    assert len(net.bob.said(Acknowledged)) == 1
    assert len(net.alice.said(Answered)) == 1
    assert len(set(net.sent(ALICE, b"ACK"))) == 1
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_call_that_is_never_acknowledged_is_hung_up() -> None:
    net = answering_network(losing(b"ACK"))
    net.call()
    net.run()
    assert net.bob.last(Ended).cause is EndCause.NO_ACK
    assert net.alice.last(Ended).cause is EndCause.BYE
    net.assert_nothing_left()


def test_who_has_acknowledged_once_is_told_the_end_of_a_later_call_as_often_as_it_takes() -> None:
    """The 200 of that call, or its ACK, is lost; then its BYE is, again and again: it is repeated for 32 s."""
    net = Network()
    net.established()
    net.rules.append(losing(b"ACK"))
    net.rules.append(losing(b"BYE", times=6))
    net.call()
    net.run(1.0)
    net.bob.agent.respond(2, 200, net.now, body=ANSWER)
    net.run(80.0)
    assert len(set(net.sent(BOB, b"BYE"))) == 1
    assert len(net.sent(BOB, b"BYE")) == 7
    assert net.alice.last(Ended).cause is EndCause.BYE


def test_a_caller_who_vanishes_after_the_invite_leaves_nothing() -> None:
    net = answering_network(losing(b"ACK", b"SIP/2.0"), losing(b"INVITE", times=0))
    net.rules.insert(0, lambda source, to, data: source == BOB)
    net.call()
    net.run()
    assert net.bob.last(Ended).cause is EndCause.NO_ACK
    assert net.alice.last(Rejected).status == 408
    net.assert_nothing_left()


def test_a_lost_bye_is_sent_again_and_its_repetitions_are_absorbed() -> None:
    net = answering_network(losing(b"BYE", times=2))
    hers = net.call()
    net.run(1.0)
    net.rules.append(losing(b"SIP/2.0 200", times=2))
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert len(net.bob.said(Ended)) == 1
    assert len(net.sent(ALICE, b"BYE")) == 5
    net.assert_nothing_left()


def test_a_bye_that_nobody_answers_ends_the_call_all_the_same() -> None:
    net = answering_network(losing(b"BYE"))
    hers = net.call()
    net.run(1.0)
    net.alice.agent.bye(hers, net.now)
    net.run(60.0)
    assert net.alice.agent.statistics().dialogs == 0
    net.bob.agent.bye(1, net.now)
    net.run()
    net.assert_nothing_left()


def test_an_invite_that_nobody_answers_times_out() -> None:
    net = Network()
    net.rules.append(losing(b"INVITE"))
    hers = net.call()
    net.run()
    assert net.alice.last(Rejected) == Rejected(
        hers, 408, "Request Timeout", net.alice.last(Rejected).headers
    )
    assert len(net.sent(ALICE, b"INVITE")) == 7
    net.assert_nothing_left()


def test_a_lost_refusal_is_sent_again_until_its_ack() -> None:
    net = Network()
    net.rules.append(losing(b"SIP/2.0 486", times=2))
    net.reactions.append(
        lambda net, peer, event: (
            peer.agent.respond(event.call, 486, net.now) if isinstance(event, IncomingCall) else None
        )
    )
    net.call()
    net.run()
    assert net.alice.last(Rejected).status == 486
    assert len(net.sent(BOB, b"SIP/2.0 486")) == 3
    net.assert_nothing_left()


def test_a_refusal_to_a_stranger_who_never_acknowledges_is_repeated_a_few_times_only() -> None:
    net = Network()
    net.rules.append(lambda source, to, data: source == ALICE and data.startswith((b"ACK", b"CANCEL")))
    net.reactions.append(
        lambda net, peer, event: (
            peer.agent.respond(event.call, 403, net.now) if isinstance(event, IncomingCall) else None
        )
    )
    net.call()
    net.run()
    assert len(net.sent(BOB, b"SIP/2.0 403")) == 1 + 3
    net.assert_nothing_left()


def test_late_2xx_after_cancel_is_acked_and_byed() -> None:
    net = Network()
    hers = net.call()
    net.run(0.1)
    his = net.bob.last(IncomingCall).call
    net.bob.agent.respond(his, 200, net.now, body=ANSWER)  # crosses
    net.alice.agent.cancel(hers, net.now)
    net.run()
    assert net.alice.last(Rejected).status == 487
    assert not net.alice.said(Answered)
    assert net.bob.last(Ended).cause is EndCause.BYE
    assert len(net.sent(ALICE, b"ACK")) == 1
    net.assert_nothing_left()


def test_a_cancel_that_overtakes_its_invite_finds_nothing_and_is_repeated_by_nobody() -> None:
    net = Network()
    net.rules.append(losing(b"CANCEL"))
    hers = net.call()
    net.run(0.1)
    net.alice.agent.cancel(hers, net.now)
    net.run(100.0)
    assert net.alice.last(Rejected).status == 487  # after 64*T1: section 9.1
    net.bob.agent.respond(net.bob.last(IncomingCall).call, 200, net.now)
    net.run()
    assert net.bob.last(Ended).cause is EndCause.NO_ACK
    net.assert_nothing_left()


def test_a_call_that_only_rings_is_cancelled_after_the_ring_time() -> None:
    net = Network()
    net.call()
    net.run(0.1)
    net.bob.agent.respond(net.bob.last(IncomingCall).call, 180, net.now)
    net.run(300.0)
    assert net.alice.last(Rejected).status == 487
    assert net.bob.last(Cancelled)
    net.run()
    net.assert_nothing_left()


def test_a_bye_that_overtakes_the_answer_ends_the_call() -> None:
    net = answering_network(losing(b"SIP/2.0 200", times=10**6), losing(b"INVITE", times=0))
    net.rules = [lambda source, to, data: data.startswith(b"SIP/2.0 200") and b"INVITE\r\n" in data]
    hers = net.call()
    net.run()
    assert net.bob.last(Ended).cause is EndCause.NO_ACK
    assert net.alice.last(Rejected).call == hers
    net.assert_nothing_left()


def test_a_re_invite_that_nobody_answers_ends_the_call() -> None:
    net = answering_network()
    hers = net.call()
    net.run(1.0)
    net.rules.append(losing(b"INVITE"))
    net.alice.agent.reinvite(hers, b"hold", net.now)
    net.run()
    assert net.alice.last(Ended).cause is EndCause.TIMEOUT
    assert net.bob.last(Ended).cause is EndCause.BYE
    net.assert_nothing_left()


def test_a_peer_that_has_forgotten_the_call_ends_it() -> None:
    net = answering_network()
    hers = net.call()
    net.run(1.0)
    net.peers[BOB] = Network(seed=99).bob  # restarted
    net.alice.agent.reinvite(hers, b"hold", net.now)
    net.run()
    assert net.alice.last(Ended).cause is EndCause.TIMEOUT
    net.assert_nothing_left()


def test_a_destination_that_is_gone_ends_what_waits_for_it_at_once() -> None:
    net = Network()
    net.rules.append(losing(b"INVITE"))
    net.call()
    net.flush()
    net.alice.agent.transport_failed(BOB, net.now)
    net.flush()
    assert net.alice.last(Rejected).status == 503
    net.assert_nothing_left()


def react_somehow(net: Network, peer: Peer, event: object) -> None:
    mind, agent = net.random, peer.agent
    if isinstance(event, IncomingCall):
        status = mind.choice([180, 200, 200, 200, 486, 0])
        if status:
            agent.respond(event.call, status, net.now, body=b"sdp" if status < 300 else b"")
    elif isinstance(event, Reinvite):
        agent.respond(event.call, mind.choice([200, 488]), net.now, body=b"sdp")
    elif isinstance(event, Answered) and mind.random() < 0.9:
        with suppress(WrongState):  # when the offer was ours
            agent.acknowledge(event.call, net.now, body=b"answer")


def do_something(net: Network, peer: Peer, call: int) -> None:
    agent, now = peer.agent, net.now
    deeds = (
        lambda: agent.bye(call, now),
        lambda: agent.cancel(call, now),
        lambda: agent.reinvite(call, b"change", now),
        lambda: agent.respond(call, net.random.choice([183, 200, 404]), now),
        lambda: None,
    )
    with suppress(WrongState):
        net.random.choice(deeds)()


def whatever_happens(net: Network) -> None:
    """Alice and Bob do what comes to their minds, a few seconds each; then both want it over."""
    mind = net.random
    hers = net.call(body=mind.choice([b"offer", b"offer", b""]))
    net.reactions.append(react_somehow)
    for _ in range(mind.randint(1, 6)):
        net.run(mind.uniform(0.0, 3.0))
        do_something(net, *mind.choice([(net.alice, hers), (net.bob, 1)]))
    net.run(60.0)
    for peer, call in ((net.alice, hers), (net.bob, 1)):
        with suppress(WrongState):
            peer.agent.respond(call, 480, net.now)
        peer.agent.bye(call, net.now)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_nothing_is_left_whatever_happens(seed: int, loss: float) -> None:
    net = Network(seed, loss=loss, repeat=0.2, delay_s=(0.0, 0.8))
    whatever_happens(net)
    net.run(2_000.0)
    net.assert_nothing_left()
    for peer in net.peers.values():
        ends = [event for event in peer.events if isinstance(event, Ended | Cancelled | Rejected)]
        assert len(ends) == len({event.call for event in ends}), "a call ended twice"


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    def run() -> list:
        net = Network(seed, loss=0.3, repeat=0.2, delay_s=(0.0, 0.8))
        whatever_happens(net)
        net.run(2_000.0)
        return net.log

    assert run() == run()


def test_reinvite_done_is_told_once_however_often_its_200_comes() -> None:
    net = answering_network(losing(b"ACK", times=0))
    hers = net.call()
    net.run(1.0)
    net.rules.append(losing(b"ACK", times=2))
    net.alice.agent.reinvite(hers, b"hold", net.now)
    net.run(10.0)
    assert len(net.alice.said(ReinviteDone)) == 1
    assert len(net.bob.said(Reinvite)) == 1
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()
