"""A call between two user agents over a network that behaves."""

from __future__ import annotations

import pytest

from mediasrv.sip import (
    Acknowledged,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    IncomingCall,
    Progress,
    Reinvite,
    ReinviteDone,
    Rejected,
    Uri,
    WrongState,
)  # fmt: skip
from tests.sip.network import ALICE, ANSWER, BOB, OFFER, Network


def test_a_call_is_offered_answered_acknowledged_and_hung_up() -> None:
    net = Network()
    hers = net.call()
    net.run(0.1)
    incoming = net.bob.last(IncomingCall)
    assert incoming.request.body == OFFER
    assert incoming.source == ALICE
    assert incoming.request.from_.uri.user == "alice"
    net.bob.agent.respond(incoming.call, 180, net.now)
    net.run(1.0)
    assert net.alice.last(Progress).status == 180
    net.bob.agent.respond(incoming.call, 200, net.now, body=ANSWER)
    net.run(1.0)
    assert net.alice.events[-1] == Answered(hers, ANSWER)
    assert net.bob.events[-1] == Acknowledged(incoming.call, b"")
    net.alice.agent.bye(hers, net.now, reason='Q.850;cause=16;text="enough said"')
    net.run()
    assert net.alice.last(Ended).cause is EndCause.LOCAL
    assert net.bob.last(Ended) == Ended(incoming.call, EndCause.BYE, 'Q.850;cause=16;text="enough said"')
    net.assert_nothing_left()


def test_nothing_is_sent_twice_when_nothing_is_lost() -> None:
    net = Network()
    _, his = net.established()
    net.bob.agent.bye(his, net.now)
    net.run()
    starts = [data.partition(b"\r\n")[0].decode().removesuffix(" SIP/2.0") for _, _, _, data in net.log]
    assert starts == [
        "INVITE sip:bob@192.0.2.2", "SIP/2.0 100 Trying", "SIP/2.0 200 OK", "ACK sip:192.0.2.2:5060",
        "BYE sip:192.0.2.1:5060", "SIP/2.0 200 OK",
    ]  # fmt: skip


def test_the_answering_side_hangs_up() -> None:
    net = Network()
    hers, his = net.established()
    net.bob.agent.bye(his, net.now)
    net.run()
    assert net.alice.last(Ended) == Ended(hers, EndCause.BYE)
    assert net.bob.last(Ended) == Ended(his, EndCause.LOCAL)
    net.assert_nothing_left()


def test_under_overload_new_calls_are_told_to_come_again_and_those_that_are_there_go_on() -> None:
    net = Network()
    hers, his = net.established()
    net.bob.agent.overloaded = True
    another = net.call()
    net.run(0.1)
    refused = net.alice.last(Rejected)
    assert (refused.call, refused.status) == (another, 503)
    assert refused.retry_after_s
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert net.bob.last(Ended).call == his
    net.bob.agent.overloaded = False
    net.established()


def test_a_refusal_tells_status_reason_and_headers() -> None:
    net = Network()
    hers = net.call()
    net.run(0.1)
    his = net.bob.last(IncomingCall).call
    net.bob.agent.respond(his, 503, net.now, reason="Full House", headers=[("Retry-After", "7")])
    net.run()
    refused = net.alice.last(Rejected)
    assert (refused.call, refused.status, refused.reason) == (hers, 503, "Full House")
    assert refused.headers.text("retry-after") == "7"
    net.assert_nothing_left()


def test_a_caller_who_gives_up_cancels() -> None:
    net = Network()
    hers = net.call()
    net.run(0.1)
    his = net.bob.last(IncomingCall).call
    net.alice.agent.cancel(hers, net.now)
    net.run(1.0)
    assert net.bob.events[-1] == Cancelled(his)
    assert net.alice.last(Rejected).status == 487
    with pytest.raises(WrongState):
        net.bob.agent.respond(his, 200, net.now)
    net.run()
    net.assert_nothing_left()


def test_cancel_waits_for_the_first_provisional_response() -> None:
    net = Network()
    hers = net.call()
    net.alice.agent.cancel(hers, net.now)
    net.flush()
    assert net.sent(ALICE, b"CANCEL") == []
    net.run()
    assert len(net.sent(ALICE, b"CANCEL")) == 1
    assert net.alice.last(Rejected).status == 487
    net.assert_nothing_left()


def test_a_late_offer_is_made_in_200_and_answered_in_ack() -> None:
    net = Network()
    hers = net.call(body=b"")
    net.run(0.1)
    incoming = net.bob.last(IncomingCall)
    assert incoming.request.body == b""
    net.bob.agent.respond(incoming.call, 200, net.now, body=OFFER)
    net.run(1.0)
    assert net.alice.last(Answered).body == OFFER
    net.alice.agent.acknowledge(hers, net.now, body=ANSWER)
    net.run(1.0)
    assert net.bob.last(Acknowledged).body == ANSWER
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


@pytest.mark.parametrize("bob_offers", [False, True])
def test_either_side_can_change_the_session(bob_offers: bool) -> None:
    net = Network()
    hers, his = net.established()
    asking, id_asking, asked, id_asked = (
        (net.bob, his, net.alice, hers) if bob_offers else (net.alice, hers, net.bob, his)
    )
    asking.agent.reinvite(id_asking, b"hold", net.now)
    net.run(0.1)
    assert asked.last(Reinvite) == Reinvite(id_asked, b"hold")
    asked.agent.respond(id_asked, 200, net.now, body=b"held")
    net.run(1.0)
    assert asking.last(ReinviteDone) == ReinviteDone(id_asking, 200, b"held")
    assert asked.events[-1] == Acknowledged(id_asked, b"")
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_refused_change_leaves_the_call_as_it_was() -> None:
    net = Network()
    hers, his = net.established()
    net.alice.agent.reinvite(hers, b"video", net.now)
    net.run(0.1)
    net.bob.agent.respond(his, 488, net.now)
    net.run(1.0)
    assert net.alice.last(ReinviteDone).status == 488
    assert net.bob.agent.statistics().calls == 1
    net.bob.agent.bye(his, net.now)
    net.run()
    net.assert_nothing_left()


def test_changes_that_cross_are_both_refused_with_491() -> None:
    net = Network()
    hers, his = net.established()
    net.alice.agent.reinvite(hers, b"hers", net.now)
    net.bob.agent.reinvite(his, b"his", net.now)
    net.run(1.0)
    assert net.alice.last(ReinviteDone).status == 491
    assert net.bob.last(ReinviteDone).status == 491
    assert not net.alice.said(Reinvite)
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_both_hang_up_at_once() -> None:
    net = Network()
    hers, his = net.established()
    net.alice.agent.bye(hers, net.now)
    net.bob.agent.bye(his, net.now)
    net.run()
    assert net.alice.last(Ended).cause is EndCause.LOCAL
    assert net.bob.last(Ended).cause is EndCause.LOCAL
    net.assert_nothing_left()


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    net = Network()
    net.call()
    net.run(0.1)
    his = net.bob.last(IncomingCall).call
    net.bob.agent.respond(his, 200, net.now, body=ANSWER)
    net.bob.agent.bye(his, net.now)
    net.flush()
    assert net.sent(BOB, b"BYE") == []
    net.run()
    assert len(net.sent(BOB, b"BYE")) == 1
    net.assert_nothing_left()


def test_bye_on_a_call_that_is_not_answered_refuses_it() -> None:
    net = Network()
    net.call()
    net.run(0.1)
    his = net.bob.last(IncomingCall).call
    net.bob.agent.bye(his, net.now)
    net.run()
    assert net.alice.last(Rejected).status == 480
    net.assert_nothing_left()


def test_ending_a_call_that_is_over_does_nothing() -> None:
    net = Network()
    hers, his = net.established()
    net.alice.agent.bye(hers, net.now)
    net.run()
    sent = len(net.log)
    for agent, call in ((net.alice.agent, hers), (net.bob.agent, his)):
        agent.bye(call, net.now)
        agent.cancel(call, net.now)
    net.run()
    assert len(net.log) == sent


def test_a_call_that_goes_on_has_one_hop_less_and_none_beyond_the_last() -> None:
    net = Network()
    bob, alice = Uri.parse("sip:bob@192.0.2.2"), Uri.parse("sip:alice@192.0.2.1")
    net.alice.agent.invite(bob, destination=BOB, from_uri=alice, body=OFFER, now=net.now, hops=3)
    net.run(0.1)
    assert net.bob.last(IncomingCall).party.hops_left == 3
    with pytest.raises(WrongState):
        net.alice.agent.invite(bob, destination=BOB, from_uri=alice, body=OFFER, now=net.now, hops=0)
    assert net.alice.agent.statistics().calls == 1
