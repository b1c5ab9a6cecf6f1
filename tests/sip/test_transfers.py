"""REFER, its NOTIFYs and Replaces: who decides, what is told, and what a stranger cannot make us do."""

from __future__ import annotations

import pytest

from mediasrv.sip import Ended, IncomingCall, Limits, Timers, Uri, WrongState
from mediasrv.sip.events import ReferProgress, Referred
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.replaces import Replaces
from tests.sip.network import ALICE, ANSWER, BOB, Network, losing
from tests.sip.test_dialogs import Caller

CAROL = Uri.parse("sip:carol@192.0.2.3")


def refer(net: Network, call: int, **more) -> int:
    wanted = {"replaces": None, "referred_by": None, "subscribe": True} | more
    return net.alice.agent.in_dialog(call).subscriptions.refer(CAROL, now=net.now, **wanted)


def told(net: Network) -> list[tuple[int, bool]]:
    return [(event.status, event.final) for event in net.alice.said(ReferProgress)]


def test_a_blind_transfer_is_accepted_and_its_progress_is_told() -> None:
    net = Network()
    hers, his = net.established()
    referral = refer(net, hers)
    net.run(1.0)
    asked = net.bob.last(Referred)
    assert (asked.call, asked.target, asked.replaces, asked.subscribed) == (his, CAROL, None, True)
    assert asked.referred_by == "<sip:alice@192.0.2.1>"
    transfer = net.bob.agent.in_dialog(his).referrals.find(asked.referral)
    transfer.accept(net.now)
    net.run(1.0)
    transfer.progress(180, net.now)
    net.run(1.0)
    transfer.progress(200, net.now)
    net.run(1.0)
    assert told(net) == [(100, False), (180, False), (200, True)]
    assert net.alice.last(ReferProgress) == ReferProgress(hers, referral, 200, "OK", True)
    assert not net.alice.said(Ended)
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_nobody_is_called_for_a_refer_that_nobody_accepts() -> None:
    net = Network()
    hers, _ = net.established()
    refer(net, hers)
    net.run(30.0)
    assert told(net) == [(603, True)]
    assert not net.sent(BOB, b"INVITE")
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_declined_refer_is_told_with_its_status() -> None:
    net = Network()
    hers, his = net.established()
    refer(net, hers)
    net.run(1.0)
    transfer = net.bob.agent.in_dialog(his).referrals.find(net.bob.last(Referred).referral)
    transfer.decline(403, net.now)
    with pytest.raises(WrongState):
        transfer.accept(net.now)
    net.run(1.0)
    assert told(net) == [(403, True)]
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_without_a_subscription_only_the_acceptance_is_told() -> None:
    net = Network()
    hers, his = net.established()
    refer(net, hers, subscribe=False)
    net.run(1.0)
    assert not net.bob.last(Referred).subscribed
    transfer = net.bob.agent.in_dialog(his).referrals.find(net.bob.last(Referred).referral)
    transfer.accept(net.now)
    transfer.progress(200, net.now)
    net.run(1.0)
    assert told(net) == [(202, True)]
    assert not net.sent(BOB, b"NOTIFY")
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_lost_notifies_are_sent_again_and_only_the_last_state_follows() -> None:
    net = Network()
    hers, his = net.established()
    refer(net, hers)
    net.run(1.0)
    transfer = net.bob.agent.in_dialog(his).referrals.find(net.bob.last(Referred).referral)
    net.rules.append(losing(b"NOTIFY", times=2))
    transfer.accept(net.now)
    for status in (180, 183, 486):
        transfer.progress(status, net.now)
    net.run(20.0)
    assert told(net) == [(100, False), (486, True)]
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_transfer_of_which_nothing_more_is_told_ends_by_itself_on_both_sides() -> None:
    net = Network()
    hers, his = net.established()
    refer(net, hers)
    net.run(1.0)
    net.bob.agent.in_dialog(his).referrals.find(net.bob.last(Referred).referral).accept(net.now)
    net.run(2 * Timers().referral_s)
    assert told(net) == [(100, False), (408, True)]
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_hang_up_answers_the_refer_that_waits_and_leaves_nothing() -> None:
    net = Network()
    hers, his = net.established()
    refer(net, hers)
    net.run(1.0)
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert told(net) == []  # the call is over: nobody asks any more
    with pytest.raises(WrongState):
        net.bob.agent.in_dialog(his)
    net.assert_nothing_left()


def test_open_refers_are_bounded_on_both_sides() -> None:
    net = Network()
    hers, _ = net.established()
    for _ in range(Limits().referrals):
        refer(net, hers)
    with pytest.raises(WrongState):
        refer(net, hers)
    caller = Caller().established()
    answers = [caller.statuses("REFER", Refer_To="<sip:c@192.0.2.3>") for _ in range(Limits().referrals + 1)]
    assert answers == [[]] * Limits().referrals + [[503]]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, 400),
        ({"Refer_To": "<sip:a@192.0.2.3>, <sip:b@192.0.2.3>"}, 400),
        ({"Refer_To": "<mailto:a@example.com>"}, 416),
        ({"Refer_To": "<sip:a@192.0.2.3?Replaces=nothing>"}, 400),
        ({"Refer_To": "nonsense"}, 400),
    ],
)
def test_a_refer_that_names_nobody_is_refused(more: dict[str, str], status: int) -> None:
    caller = Caller().established()
    assert caller.statuses("REFER", **more) == [status]
    assert caller.event() is None


def test_a_refer_before_the_answer_is_forbidden() -> None:
    caller = Caller()
    caller.send("INVITE")
    caller.agent.respond(caller.event().call, 180, 1.0)
    caller.tag = caller.sent()[0].to.tag
    assert caller.statuses("REFER", Refer_To="<sip:c@192.0.2.3>") == [403]


def notify(caller: Caller, event: str, state: str, body: str, kind: str = "message/sipfrag") -> list[int]:
    text = (
        f"NOTIFY sip:us@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKn{caller.cseq}\r\n"
        f"From: <sip:alice@192.0.2.1>;tag=alice\r\nTo: <sip:us@192.0.2.2>;tag={caller.tag}\r\nCall-ID: call\r\n"
        f"CSeq: {caller.cseq + 100} NOTIFY\r\nEvent: {event}\r\nSubscription-State: {state}\r\n"
        f"Content-Type: {kind}\r\n\r\n{body}"
    )
    caller.cseq += 1
    caller.agent.receive(text.encode(), ("192.0.2.1", 5060), 1.0)
    return [each.status for each in caller.sent()]


def referring() -> tuple[Caller, int]:
    caller = Caller().established()
    referral = caller.agent.in_dialog(caller.call).subscriptions.refer(CAROL, None, None, True, 1.0)
    caller.sent()
    return caller, referral


@pytest.mark.parametrize(
    ("event", "state", "body", "status"),
    [
        ("refer", "active", "SIP/2.0 180 Ringing", 200),
        ("refer;id={}", "terminated;reason=noresource", "SIP/2.0 200 OK\r\nContact: <sip:c@x>\r\n", 200),
        ("refer;id=77", "active", "SIP/2.0 180 Ringing", 481),
        ("presence", "active", "", 489),
        ("refer", "", "SIP/2.0 180 Ringing", 400),
        ("refer", "active", "200 OK", 400),
        ("refer", "active", "SIP/2.0 999 x", 400),
        ("refer;id=x", "active", "SIP/2.0 180 Ringing", 400),
    ],
)
def test_a_notify_is_answered_as_it_deserves(event: str, state: str, body: str, status: int) -> None:
    caller, referral = referring()
    assert notify(caller, event.format(referral), state, body) == [status]
    assert isinstance(caller.event(), ReferProgress) == (status == 200)


def test_a_notify_of_another_kind_is_not_understood() -> None:
    caller, _ = referring()
    assert notify(caller, "refer", "active", "SIP/2.0 180 Ringing", "text/plain") == [415]


def test_a_notify_after_the_end_finds_nothing() -> None:
    caller, _ = referring()
    assert notify(caller, "refer", "terminated", "SIP/2.0 486 Busy Here") == [200]
    assert notify(caller, "refer", "terminated", "SIP/2.0 200 OK") == [481]


def replacing(net: Network, his: int, early_only: bool = False) -> None:
    """Alice calls again, in place of her own call, as the one she was handed over to would."""
    named = net.bob.agent.in_dialog(his).dialog
    replaces = Replaces(named.call_id, named.local.tag, named.remote.tag, early_only)
    net.alice.agent.invite(
        Uri.parse("sip:bob@192.0.2.2"), destination=BOB, from_uri=CAROL, body=b"v=0", now=net.now,
        headers=[("Replaces", str(replaces))],
    )  # fmt: skip
    net.run(1.0)


def test_a_call_that_replaces_another_takes_its_place_when_it_is_answered() -> None:
    net = Network()
    hers, his = net.established()
    replacing(net, his)
    arrived = net.bob.last(IncomingCall)
    assert arrived.replaces == his
    assert not net.bob.said(Ended)
    net.bob.agent.respond(arrived.call, 200, net.now, body=ANSWER)
    net.run(1.0)
    assert net.alice.last(Ended).call == hers
    assert "replaced" in net.alice.last(Ended).reason_text
    net.bob.agent.bye(arrived.call, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_refused_replacement_leaves_the_call_up() -> None:
    net = Network()
    hers, his = net.established()
    replacing(net, his)
    net.bob.agent.respond(net.bob.last(IncomingCall).call, 603, net.now)
    net.run(1.0)
    assert not net.bob.said(Ended)
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_an_answered_call_is_not_replaced_when_only_an_early_one_may_be() -> None:
    net = Network()
    _, his = net.established()
    before = len(net.bob.said(IncomingCall))
    replacing(net, his, early_only=True)
    assert len(net.bob.said(IncomingCall)) == before
    assert net.sent(BOB, b"SIP/2.0 486")


@pytest.mark.parametrize(
    ("replaces", "status"),
    [("call;to-tag=x;from-tag=alice", 481), ("nonsense", 400), ("call;to-tag={};from-tag=alice", 100)],
)
def test_a_replaces_finds_a_call_only_by_both_of_its_tags(replaces: str, status: int) -> None:
    caller = Caller().established()
    tag, caller.tag = caller.tag, ""
    caller.cseq = 50
    assert caller.statuses("INVITE", Replaces=replaces.format(tag), branch="z9hG4bKother") == [status]


def test_a_call_that_only_rings_here_is_not_replaced() -> None:
    caller = Caller()
    caller.send("INVITE")
    caller.agent.respond(caller.event().call, 180, 1.0)
    tag = caller.sent()[0].to.tag
    caller.cseq = 50
    assert caller.statuses("INVITE", Replaces=f"call;to-tag={tag};from-tag=alice") == [481]


def test_an_attended_transfer_names_the_call_as_its_other_end_knows_it() -> None:
    net = Network()
    hers, his = net.established()
    replaces = net.alice.agent.replaces(hers)
    assert replaces.dialog_key == net.bob.agent.in_dialog(his).dialog.key
    refer(net, hers, replaces=replaces)
    net.run(1.0)
    assert net.bob.last(Referred).replaces == replaces
    assert net.sent(ALICE, b"REFER")


def test_a_request_of_a_stranger_outside_of_any_call_is_no_transfer() -> None:
    caller = Caller()
    assert caller.statuses("REFER", Refer_To="<sip:premium@192.0.2.3>") == [481]
    assert caller.event() is None
    assert not any(isinstance(each, Request) for each in caller.sent())
