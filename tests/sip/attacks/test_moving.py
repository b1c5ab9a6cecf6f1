"""Who has a call's tags writes from somewhere else, or says so: our requests follow only who is there."""

from __future__ import annotations

import pytest

from mediasrv.sip import EndCause, Ended, IncomingCall, Key, KeyPressed
from mediasrv.sip.hop import Address
from mediasrv.sip.limits import Limits, Timers
from tests.sip.attacks.test_amplification import forged_invite
from tests.sip.network import ALICE, ANSWER, BOB, OFFER, Network

ELSEWHERE: Address = ("192.0.2.3", 5060)
FURTHER_ON: Address = ("192.0.2.4", 5060)
BYSTANDER: Address = ("203.0.113.80", 5060)
OTHER_PORT: Address = (ALICE[0], 32_000)


def forged(net: Network, hers: int, place: Address = BYSTANDER) -> None:
    """Alice has Bob hear a key from where she is not."""
    net.alice.agent.in_dialog(hers).infos.send(Key("1"), net.now)
    net.alice.address = place
    net.flush()
    net.alice.address = ALICE
    net.run(0.1)
    assert net.bob.said(KeyPressed)


def moved(net: Network, place: Address, before: Address = ALICE) -> None:
    """Alice is there from now on, and nowhere else."""
    alice = net.peers.pop(before)
    alice.address, net.peers[place] = place, alice


def sent_to(net: Network, place: Address) -> list[bytes]:
    return [data for _, source, to, data in net.log if (source, to) == (BOB, place)]


def requests_to(net: Network, place: Address) -> set[str]:
    return {data.split(b" ")[0].decode() for data in sent_to(net, place)} - {"SIP/2.0"}


def test_a_forged_source_inside_a_call_moves_none_of_our_requests() -> None:
    net = Network()
    hers, his = net.established()
    forged(net, hers)
    net.bob.agent.reinvite(his, OFFER, net.now)
    net.run(0.5)
    net.bob.agent.bye(his, net.now)
    net.run(1.0)
    assert requests_to(net, BYSTANDER) == {"OPTIONS"}
    assert requests_to(net, ALICE) >= {"INVITE", "BYE"}
    assert net.alice.last(Ended).cause is EndCause.BYE


@pytest.mark.parametrize("messages", [1, 2, 5])
def test_who_is_named_by_a_forged_source_is_asked_for_no_more_bytes_than_three_times_what_came(
    messages: int,
) -> None:
    net = Network()
    hers, _ = net.established()
    for _ in range(messages):
        forged(net, hers)
        net.run(2.0)
    net.run()
    came = sum(len(data) for _, source, to, data in net.log if (source, to) == (BYSTANDER, BOB))
    assert came > 0
    assert sum(map(len, sent_to(net, BYSTANDER))) <= 3 * came


def test_an_honest_peer_on_another_host_is_asked_there_and_then_followed() -> None:
    net = Network()
    hers, his = net.established()
    moved(net, ELSEWHERE)
    net.peers[ELSEWHERE].agent.in_dialog(hers).infos.send(Key("1"), net.now)
    net.run(1.0)
    net.bob.agent.bye(his, net.now)
    net.run(1.0)
    assert requests_to(net, ELSEWHERE) == {"OPTIONS", "BYE"}
    assert net.peers[ELSEWHERE].last(Ended).cause is EndCause.BYE
    net.run()
    net.assert_nothing_left()


def test_one_who_offers_sound_from_another_host_is_answered_first_and_then_followed() -> None:
    net = Network()
    hers, his = net.established()
    moved(net, ELSEWHERE)
    net.peers[ELSEWHERE].agent.reinvite(hers, OFFER, net.now)
    net.run(1.0)
    assert requests_to(net, ELSEWHERE) == set()
    net.bob.agent.respond(his, 200, net.now, body=ANSWER)
    net.run(1.0)
    assert requests_to(net, ELSEWHERE) == {"OPTIONS"}
    net.bob.agent.bye(his, net.now)
    net.run(1.0)
    assert net.peers[ELSEWHERE].last(Ended).cause is EndCause.BYE


def test_who_did_not_answer_is_asked_again_when_he_writes_again() -> None:
    net = Network()
    hers, his = net.established()
    moved(net, ELSEWHERE)
    net.rules.append(lambda source, to, data: data.startswith(b"OPTIONS"))
    infos = net.peers[ELSEWHERE].agent.in_dialog(hers).infos
    infos.send(Key("1"), net.now)
    net.run(5.0)
    net.rules.clear()
    infos.send(Key("2"), net.now)
    net.run(1.0)
    net.bob.agent.bye(his, net.now)
    net.run(1.0)
    assert net.peers[ELSEWHERE].last(Ended).cause is EndCause.BYE


def test_a_question_that_was_never_answered_does_not_close_a_newer_one() -> None:
    net = Network()
    hers, his = net.established()
    net.rules.append(lambda source, to, data: data.startswith(b"OPTIONS"))
    moved(net, ELSEWHERE)
    net.peers[ELSEWHERE].agent.in_dialog(hers).infos.send(Key("1"), net.now)
    net.run(Timers().patience_s - 0.5)
    moved(net, FURTHER_ON, ELSEWHERE)
    net.peers[FURTHER_ON].agent.in_dialog(hers).infos.send(Key("2"), net.now)
    net.run(1.0)  # the first question is given up
    (question,) = sent_to(net, FURTHER_ON)[:1]
    assert question.startswith(b"OPTIONS")
    net.peers[FURTHER_ON].agent.receive(question, BOB, net.now)
    net.run(0.1)
    assert net.bob.agent.in_dialog(his).dialog.peer == FURTHER_ON


def test_a_nat_that_takes_another_port_of_its_host_is_believed_at_once() -> None:
    net = Network()
    hers, his = net.established()
    forged(net, hers, OTHER_PORT)
    assert net.bob.agent.in_dialog(his).dialog.peer == OTHER_PORT
    assert requests_to(net, OTHER_PORT) == set()


def test_an_answer_from_where_the_peer_was_does_not_prove_the_other_place() -> None:
    net = Network()
    hers, his = net.established()
    forged(net, hers)
    (question,) = [data for data in sent_to(net, BYSTANDER) if data.startswith(b"OPTIONS")]
    net.alice.agent.receive(question, BOB, net.now)
    net.run(1.0)
    assert net.sent(ALICE, b"SIP/2.0 200")
    net.bob.agent.bye(his, net.now)
    net.run(1.0)
    assert requests_to(net, BYSTANDER) == {"OPTIONS"}


def routed_call(net: Network) -> int:
    """Bob's call with one who is there, acknowledges, and has named a bystander as the way to him."""
    bob = net.bob.agent
    invite = forged_invite(Network()).replace(
        b"Contact: ", b"Record-Route: <sip:%s;lr>\r\nContact: " % BYSTANDER[0].encode()
    )
    bob.receive(invite, ALICE, net.now)
    net.flush()
    his = net.bob.last(IncomingCall).call
    bob.respond(his, 200, net.now, body=ANSWER)
    ((answer, _),) = bob.datagrams_to_send(net.now)
    (told,) = [line for line in answer.split(b"\r\n") if line.startswith(b"To: ")]
    (asked,) = [line for line in invite.split(b"\r\n") if line.startswith(b"To: ")]
    ack = invite.replace(asked, told).replace(b"INVITE", b"ACK").replace(b"branch=", b"branch=z9hG4bKack")
    bob.receive(ack, ALICE, net.now)
    return his


@pytest.mark.parametrize("reinvites", [False, True])
def test_a_bystander_who_is_named_as_the_way_to_a_caller_is_sent_each_request_three_times_at_most(
    reinvites: bool,
) -> None:
    net = Network()
    his = routed_call(net)
    if reinvites:
        net.bob.agent.reinvite(his, OFFER, net.now)
    else:
        net.bob.agent.bye(his, net.now)
    net.rules.append(lambda source, to, data: True)
    net.run()
    requests = sent_to(net, BYSTANDER)
    for start in (b"INVITE", b"BYE"):
        assert sum(data.startswith(start) for data in requests) <= Limits().unproven_resends
    assert requests
    net.assert_nothing_left()


def test_a_way_that_has_answered_once_is_written_to_as_often_as_the_rfc_wants() -> None:
    net = Network()
    his = routed_call(net)
    net.bob.agent._core.prove(BYSTANDER[0])
    net.bob.agent.bye(his, net.now)
    net.rules.append(lambda source, to, data: True)
    net.run()
    assert len(sent_to(net, BYSTANDER)) == 11
