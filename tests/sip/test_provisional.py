"""Reliable provisional responses: PRACK both ways, what is repeated, what waits, and who gives up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mediasrv.sip import Answered, Cancelled, EndCause, Ended, IncomingCall, Progress, Rejected, WrongState
from mediasrv.sip.dialogs.offers import Open
from mediasrv.sip.dialogs.provisional import Arrival, RAck, ReliableArrivals
from mediasrv.sip.errors import Malformed
from mediasrv.sip.events import KeyPressed, ProgressConfirmed, UpdateDone, UpdateOffered
from mediasrv.sip.grammar.keys import Key
from mediasrv.sip.session import NO_PRACK
from tests.sip.network import ALICE, ANSWER, BOB, OFFER, Network, losing
from tests.sip.test_dialogs import THERE, Caller, Limits, answer_to, outgoing, parse


def ringing(net: Network, status: int = 183, body: bytes = ANSWER, offer: bytes = OFFER) -> tuple[int, int]:
    """Bob has sent a reliable provisional response."""
    hers = net.call(offer)
    net.run(0.1)
    his = net.bob.last(IncomingCall).call
    net.bob.agent.respond(his, status, net.now, body=body, reliable=True)
    return hers, his


def test_early_media_is_confirmed_and_the_answer_follows() -> None:
    net = Network()
    hers, his = ringing(net)
    net.run(1.0)
    assert net.alice.last(Progress).body == ANSWER
    assert net.alice.last(Progress).reliable
    assert net.bob.last(ProgressConfirmed) == ProgressConfirmed(his, 183, b"")
    net.bob.agent.respond(his, 200, net.now)
    net.run(1.0)
    assert net.alice.last(Answered).call == hers
    assert len(net.sent(ALICE, b"PRACK")) == 1
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_lost_183_is_repeated_at_doubling_pauses_until_its_prack() -> None:
    net = Network()
    net.acquaint()
    net.rules.append(losing(b"SIP/2.0 183", times=4))
    hers, _ = ringing(net)
    net.run(60.0)
    at = [when for when, source, _, data in net.log if source == BOB and data.startswith(b"SIP/2.0 183")]
    assert [round(later - sooner, 6) for sooner, later in pairwise(at)] == [
        0.5,
        1.0,
        2.0,
        4.0,
    ]
    assert len(net.alice.said(Progress)) == 1
    net.alice.agent.cancel(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_lost_prack_is_sent_again_and_told_once() -> None:
    net = Network()
    net.rules.append(losing(b"PRACK", times=2))
    hers, _ = ringing(net)
    net.run(20.0)
    assert len(net.bob.said(ProgressConfirmed)) == 1
    assert len(net.alice.said(Progress)) == 1
    net.alice.agent.cancel(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_without_a_prack_the_invite_is_refused_with_504() -> None:
    net = Network()
    net.rules.append(losing(b"PRACK"))
    hers, his = ringing(net)
    net.run()
    assert net.bob.last(Ended) == Ended(his, EndCause.TIMEOUT, NO_PRACK)
    assert net.alice.last(Rejected).status == 504
    assert net.alice.last(Rejected).call == hers
    net.assert_nothing_left()


def test_a_200_waits_for_the_prack_of_a_description() -> None:
    net = Network()
    net.acquaint()
    net.rules.append(losing(b"SIP/2.0 183", times=2))
    hers, his = ringing(net)
    net.bob.agent.respond(his, 200, net.now)
    with pytest.raises(WrongState):
        net.bob.agent.respond(his, 200, net.now)
    with pytest.raises(WrongState):
        net.bob.agent.respond(his, 180, net.now)
    net.run(1.0)
    assert not net.alice.said(Answered)
    net.run(5.0)
    assert net.alice.last(Answered).call == hers
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_200_does_not_wait_for_a_ring_that_describes_nothing() -> None:
    net = Network()
    net.rules.append(losing(b"PRACK", times=1))
    hers, his = ringing(net, 180, b"")
    net.run(0.1)
    net.bob.agent.respond(his, 200, net.now, body=ANSWER)
    net.run(0.1)
    assert net.alice.last(Answered).body == ANSWER
    net.run(10.0)  # the PRACK that comes late is answered all the same
    assert net.bob.said(ProgressConfirmed)
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_reliable_responses_go_one_after_another() -> None:
    net = Network()
    net.rules.append(losing(b"PRACK", times=1))
    hers, his = ringing(net, 180, b"")
    net.bob.agent.respond(his, 183, net.now, body=ANSWER, reliable=True)
    net.run(0.2)
    assert [event.status for event in net.alice.said(Progress)] == [180]
    net.run(5.0)
    assert [event.status for event in net.alice.said(Progress)] == [180, 183]
    net.alice.agent.cancel(hers, net.now)
    net.run()
    assert net.bob.last(Cancelled)
    net.assert_nothing_left()


def test_a_200_waits_for_a_description_that_waits_for_a_ring_before_it() -> None:
    net = Network()
    hers, his = ringing(net, 180, b"")
    net.bob.agent.respond(his, 183, net.now, body=ANSWER, reliable=True)
    net.bob.agent.respond(his, 200, net.now)
    net.run(1.0)
    assert [(event.status, event.body) for event in net.alice.said(Progress)] == [(180, b""), (183, ANSWER)]
    assert net.alice.last(Answered).call == hers
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_cancel_overrules_a_200_that_waits_for_its_prack() -> None:
    net = Network()
    net.rules.append(losing(b"PRACK", times=1))
    hers, his = ringing(net)
    net.bob.agent.respond(his, 200, net.now)
    net.run(0.1)
    net.alice.agent.cancel(hers, net.now)
    net.run()
    assert net.bob.last(Cancelled).call == his
    assert net.alice.last(Rejected).status == 487
    net.assert_nothing_left()


def test_an_offer_in_the_183_is_answered_in_the_prack() -> None:
    net = Network()
    hers, his = ringing(net, body=b"v=0 his offer", offer=b"")
    net.run(1.0)
    assert net.alice.last(Progress).answer_due
    net.alice.agent.confirm(hers, b"v=0 her answer", net.now)
    net.run(1.0)
    assert net.bob.last(ProgressConfirmed).body == b"v=0 her answer"
    net.bob.agent.respond(his, 200, net.now)
    net.run(1.0)
    assert net.alice.last(Answered).call == hers
    assert len(net.sent(ALICE, b"ACK")) == 1  # at once: nothing is owed any more
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_an_update_changes_the_session_before_it_is_answered() -> None:
    net = Network()
    hers, his = ringing(net)
    net.run(1.0)
    net.alice.agent.in_dialog(hers).updates.begin(b"v=0 moved", net.now)
    net.run(1.0)
    assert net.bob.last(UpdateOffered) == UpdateOffered(his, b"v=0 moved")
    net.bob.agent.in_dialog(his).updates.answer(200, b"v=0 all right", net.now)
    net.run(1.0)
    assert net.alice.last(UpdateDone) == UpdateDone(hers, 200, b"v=0 all right")
    net.bob.agent.respond(his, 200, net.now)
    net.run(1.0)
    net.alice.agent.in_dialog(hers).infos.send(Key("5"), net.now)  # numbers go on from the early dialog's
    net.run(1.0)
    assert net.bob.last(KeyPressed).key == Key("5")
    net.bob.agent.bye(his, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_peer_that_requires_it_gets_every_ring_reliably() -> None:
    caller = Caller()
    caller.send("INVITE", Require="100rel")
    call = caller.event().call
    caller.agent.respond(call, 180, 1.0)
    [ring] = caller.sent()
    assert ring.headers.text("Require") == "100rel"
    rseq = int(ring.headers.text("RSeq"))
    caller.tag = ring.to.tag
    assert caller.statuses("PRACK", RAck=f"{rseq + 1} 1 INVITE") == [481]
    assert caller.statuses("PRACK", RAck=f"{rseq} 7 INVITE") == [481]
    assert caller.statuses("PRACK", RAck="nonsense") == [400]
    assert caller.statuses("PRACK") == [400]
    assert caller.statuses("PRACK", RAck=f"{rseq} 1 INVITE") == [200]
    assert caller.statuses("PRACK", RAck=f"{rseq} 1 INVITE") == [481]
    assert caller.event() == ProgressConfirmed(call, 180, b"")


def test_a_peer_that_does_not_know_it_cannot_be_told_reliably() -> None:
    caller = Caller()
    caller.send("INVITE")
    call = caller.event().call
    with pytest.raises(WrongState):
        caller.agent.respond(call, 180, 1.0, reliable=True)
    caller.agent.respond(call, 180, 1.0)
    assert caller.sent()[0].headers.text("RSeq") is None


def test_a_prack_that_offers_something_new_waits_for_an_answer() -> None:
    caller = Caller()
    caller.send("INVITE", Supported="100rel")
    call = caller.event().call
    caller.agent.respond(call, 183, 1.0, body=b"answer", reliable=True)
    [ring] = caller.sent()
    caller.tag = ring.to.tag
    assert caller.statuses("PRACK", RAck=f"{ring.headers.text('RSeq')} 1 INVITE", body="v=0 new") == []
    assert caller.event() == ProgressConfirmed(call, 183, b"")
    assert caller.event() == UpdateOffered(call, b"v=0 new")
    caller.agent.in_dialog(call).updates.answer(200, b"v=0 fine", 1.0)
    [answer] = caller.sent()
    assert (answer.status, answer.cseq.method, answer.body) == (200, "PRACK", b"v=0 fine")
    assert caller.agent.in_dialog(call).offers.state is Open.STABLE


def provisional(invite, rseq: int | str, tag: str = "one") -> bytes:
    data = answer_to(invite, 183, tag)
    return data.replace(b"CSeq:", f"Require: 100rel\r\nRSeq: {rseq}\r\nCSeq:".encode())


def pracks(agent) -> list[str]:
    sent = [parse(data, Limits()) for data, _ in agent.datagrams_to_send(1.0)]
    return [each.headers.text("RAck") for each in sent if each.method == "PRACK"]


def test_reliable_responses_are_acknowledged_in_order_and_once() -> None:
    agent, _, invite = outgoing()
    for rseq in (7, 7, 9, 8, 7, 9):
        agent.receive(provisional(invite, rseq), THERE, 1.0)
    assert pracks(agent) == ["7 1 INVITE", "8 1 INVITE", "9 1 INVITE"]


def test_each_fork_has_an_order_of_its_own_and_they_are_bounded() -> None:
    agent, _, invite = outgoing()
    for n in range(20):
        agent.receive(provisional(invite, 100 + n, f"tag{n}"), THERE, 1.0)
    assert len(pracks(agent)) == Limits().forks
    agent.receive(answer_to(invite, 200, "tag3"), THERE, 1.0)
    agent.receive(answer_to(invite, 200, "tag4"), THERE, 1.0)
    sent = [parse(data, Limits()) for data, _ in agent.datagrams_to_send(1.0)]
    assert [(each.method, each.to.tag) for each in sent] == [
        ("ACK", "tag3"),
        ("ACK", "tag4"),
        ("BYE", "tag4"),
    ]
    assert sent[-1].cseq.number == 3  # its PRACK was 2


@pytest.mark.parametrize("rseq", ["", "x", "-1", str(2**40)])
def test_a_reliable_response_without_a_number_is_dropped(rseq: str) -> None:
    agent, _, invite = outgoing()
    agent.receive(provisional(invite, rseq), THERE, 1.0)
    assert pracks(agent) == []
    assert agent.next_event() is None


def test_arrivals_are_told_apart() -> None:
    arrivals = ReliableArrivals()
    assert [arrivals.take(n) for n in (5, 5, 7, 6, 7, 3)] == [
        Arrival.NEXT, Arrival.AGAIN, Arrival.AHEAD, Arrival.NEXT, Arrival.NEXT, Arrival.AGAIN,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "1", "1 2", "1 2 INVITE x", "99999999999 1 INVITE", "-1 1 INVITE"])
def test_an_rack_that_names_nothing_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        RAck.parse(text)
