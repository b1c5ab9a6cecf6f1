"""A forged source address makes us send to somebody else: no more than was sent to us, while we know no better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Account,
    Acknowledged,
    Address,
    Answered,
    EndCause,
    Ended,
    IncomingCall,
    Limits,
    Uri,
    UserAgent,
)
from mediasrv.sip.auth.client import Answerer
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.outside.trust import Trust
from tests.sip.attacks.victim import REALM, STRANGER, Victim
from tests.sip.network import ALICE, ANSWER, BOB, OFFER, Network, losing
from tests.sip.torture.point import SDP, plain

METHODS = (
    "INVITE",
    "REGISTER",
    "OPTIONS",
    "BYE",
    "CANCEL",
    "INFO",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "X",
)
TINY = (
    "{method} sip:a@b.c SIP/2.0\r\nv:SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1\r\nf:<sip:a@b.c>;tag=1\r\n"
    "t:<sip:a@b.c>\r\ni:1\r\nCSeq:1 {method}\r\nm:<sip:a@203.0.113.9>\r\n\r\n"
)


@pytest.mark.parametrize("padding_bytes", [0, 20, 80, 200, 400, 800])
@pytest.mark.parametrize("method", METHODS)
def test_a_stranger_gets_no_more_bytes_than_he_sent(method: str, padding_bytes: int) -> None:
    victim = Victim()
    for request in (TINY.format(method=method).encode(), plain(f"{method} sip:alice@pbx.example SIP/2.0")):
        question = request.replace(b"\r\n\r\n", b"\r\nX-Padding: " + b"x" * padding_bytes + b"\r\n\r\n")
        answers = [data for data, _ in victim.hit(question)]
        assert sum(map(len, answers)) <= len(question)
        victim.net.run(60.0)
        assert victim.net.sent(BOB, b"SIP/2.0 4") == []
    victim.assert_unharmed()


def test_a_stranger_whose_request_has_room_is_offered_all_algorithms_and_others_the_usual_one() -> None:
    victim = Victim()
    small = plain("INVITE sip:bob@pbx.example SIP/2.0", body=SDP)
    (tight,) = victim.hit(small)
    (wide,) = victim.hit(small.replace(b"\r\n\r\n", b"\r\nUser-Agent: " + b"x" * 300 + b"\r\n\r\n"))
    offered = [parse(data, Limits()).headers.texts("WWW-Authenticate") for data, _ in (tight, wide)]
    assert [["SHA-256" in line for line in lines] for lines in offered] == [[False], [True, False]]


def forged_invite(net: Network) -> bytes:
    net.call()
    net.flush()
    (invite,) = net.sent(ALICE, b"INVITE")
    return invite


def described(invite: bytes, size: int) -> bytes:
    """With a description of so many bytes."""
    body = (OFFER * size)[:size]
    return invite.replace(b"\r\n\r\n" + OFFER, b"\r\n\r\n" + body).replace(
        b"Content-Length: %d" % len(OFFER), b"Content-Length: %d" % size
    )


def to_nobody(net: Network) -> list[bytes]:
    """Whatever is sent, now and later, reaches nobody who would answer it."""
    net.rules.append(lambda source, to, data: True)
    net.run()
    net.assert_nothing_left()
    return [data for _, source, _, data in net.log if source == BOB]


@pytest.mark.parametrize("more", [(), (180,), (180, 183)])
@pytest.mark.parametrize("size", [200, 300, 600, 1_200])
def test_an_answer_that_nobody_acknowledges_stays_within_three_times_what_came(
    size: int, more: tuple[int, ...]
) -> None:
    """The INVITE came from a trunk's address, or so it says: it is answered, and nothing ever comes back."""
    net = Network()
    invite = described(forged_invite(Network()), size)
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    call = bob.next_event().call
    for status in more:
        bob.respond(call, status, 0.0)
    bob.respond(call, 200, 0.0, body=(ANSWER * size)[:size])
    sent = to_nobody(net)
    assert 1 <= sum(data.startswith(b"SIP/2.0 200") for data in sent) <= 1 + Limits().unproven_answers
    assert sum(map(len, sent)) <= 3 * len(invite)


def test_a_late_offer_to_a_stranger_is_made_once_and_its_call_ends_by_itself() -> None:
    """A small INVITE, and a 200 that carries our offer: it pays for no repetition, nor for a BYE."""
    net = Network()
    invite = described(forged_invite(Network()), 0)
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    call = bob.next_event().call
    bob.respond(call, 200, 0.0, body=(OFFER * 1_200)[:1_200])
    sent = to_nobody(net)
    assert [data[:11] for data in sent] == [b"SIP/2.0 100", b"SIP/2.0 200"]
    assert sum(map(len, sent)) > 3 * len(invite)
    assert net.bob.last(Ended).cause is EndCause.NO_ACK
    assert not bob.statistics().calls


@pytest.mark.parametrize("status", [180, 183])
def test_a_provisional_answer_that_must_be_confirmed_stays_within_it_too(status: int) -> None:
    """RFC 3262 repeats it without end, and it is the caller who asks for that."""
    net = Network()
    invite = described(forged_invite(Network()), 300).replace(
        b"Supported: ", b"Require: 100rel\r\nSupported: "
    )
    assert b"Require: 100rel" in invite
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    bob.respond(bob.next_event().call, status, 0.0)
    sent = to_nobody(net)
    assert sum(data.startswith(b"SIP/2.0 18") for data in sent) >= 2
    assert sum(map(len, sent)) <= 3 * len(invite)


@pytest.mark.parametrize("times", [1, 2, 6, 30])
def test_a_forged_invite_that_is_repeated_earns_no_more_than_its_own_bytes(times: int) -> None:
    net = Network()
    invite = described(forged_invite(Network()), 300)
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    bob.respond(bob.next_event().call, 486, 0.0)
    for k in range(1, times):
        net.step(0.1 * k)
        bob.receive(invite, ALICE, net.now)
    assert sum(map(len, to_nobody(net))) <= 3 * times * len(invite)


def test_who_repeats_his_invite_is_answered_each_time() -> None:
    """An honest caller on a bad line: each repetition brings the refusal once more, as the RFC wants."""
    net = Network()
    invite = described(forged_invite(Network()), 300)
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    bob.respond(bob.next_event().call, 486, 0.0)
    bob.datagrams_to_send(0.0)
    for _ in range(10):
        bob.receive(invite, ALICE, 0.1)
        assert [data[:11] for data, _ in bob.datagrams_to_send(0.1)] == [b"SIP/2.0 486"]


@pytest.mark.parametrize("lost", [b"SIP/2.0 200", b"ACK"])
def test_the_first_call_of_an_address_survives_that_its_answer_or_its_ack_is_lost(lost: bytes) -> None:
    net = Network()
    net.rules.append(losing(lost, times=1))
    hers, his = net.established()
    assert {event.call for event in net.alice.said(Answered)} == {hers}
    assert {event.call for event in net.bob.said(Acknowledged)} == {his}


def test_whoever_answers_a_question_of_ours_is_there() -> None:
    """Only what was sent to him could have told him its branch; what comes from elsewhere proves nobody."""
    net = Network()
    bob = net.bob.agent
    bob.probes.begin(Uri.parse("sip:192.0.2.1"), ALICE, 0.0)
    ((question, _),) = bob.datagrams_to_send(0.0)
    head = question.split(b"\r\n\r\n")[0].split(b"\r\n", 1)[1]
    answer = b"SIP/2.0 200 OK\r\n" + head + b"\r\n\r\n"
    bob.receive(answer.replace(b"branch=", b"branch=z9hG4bKx"), ALICE, 0.1)
    assert not bob.has_proven(ALICE[0])
    bob.receive(answer, STRANGER, 0.1)
    assert not bob.has_proven(STRANGER[0])
    bob.receive(answer, ALICE, 0.2)
    assert bob.has_proven(ALICE[0])


@given(
    st.lists(st.tuples(st.sampled_from(("heard", "sent", "prove")), st.integers(0, 5), st.integers(0, 2_000)))
)
def test_nobody_who_has_not_proven_himself_is_sent_more_than_his_share(
    steps: list[tuple[str, int, int]],
) -> None:
    trust = Trust(hosts_max=3, bytes_back=3)
    came, went = dict.fromkeys(range(6), 0), dict.fromkeys(range(6), 0)
    for what, number, size in steps:
        place = (f"192.0.2.{number}", 5060)
        if what == "prove":
            trust.prove(place[0])
        elif what == "heard":
            trust.heard(place, size)
            came[number] += size
        elif trust.affords(place, size) and not trust.has_proven(place[0]):
            trust.sent(place, size)
            went[number] += size
        assert went[number] <= 3 * came[number]
    assert max(len(trust._proven), len(trust._left_bytes)) <= 3


def test_a_third_address_in_the_contact_of_a_forged_invite_hears_nothing() -> None:
    """Where a call comes from is where its farewell goes, too."""
    net = Network()
    invite = forged_invite(Network()).replace(
        b"Contact: <sip:192.0.2.1:5060>", b"Contact: <sip:198.51.100.7>"
    )
    assert b"198.51.100.7" in invite
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    bob.respond(bob.next_event().call, 200, 0.0, body=ANSWER)
    net.rules.append(lambda source, to, data: True)
    net.run()
    assert {to for _, source, to, _ in net.log if source == BOB} == {ALICE}
    net.assert_nothing_left()


def test_a_refusal_that_nobody_acknowledges_is_capped() -> None:
    net = Network()
    bob = net.bob.agent
    bob.receive(forged_invite(Network()), ALICE, 0.0)
    bob.respond(bob.next_event().call, 486, 0.0)
    net.rules.append(lambda source, to, data: True)
    net.run()
    assert 2 <= len(net.sent(BOB, b"SIP/2.0 486")) <= 1 + Limits().unproven_resends
    net.assert_nothing_left()


def test_who_has_acknowledged_once_is_answered_as_the_rfc_wants() -> None:
    net = Network()
    net.established()
    net.rules.append(losing(b"ACK"))
    before = len(net.sent(BOB, b"SIP/2.0 200"))
    hers = net.call()
    net.run(1.0)
    net.bob.agent.respond(2, 200, net.now, body=ANSWER)
    net.run(40.0)
    assert hers
    assert len(net.sent(BOB, b"SIP/2.0 200")) - before >= 11  # T1 doubles up to T2 until 64*T1 are over


def test_a_stranger_cannot_prove_himself_by_guessing() -> None:
    agent = UserAgent(BOB, Victim().agent._core.tokens)
    for method in ("ACK", "BYE", "PRACK"):
        agent.receive(
            plain(f"{method} sip:bob@pbx.example SIP/2.0", "To: <sip:bob@pbx.example>;tag=guess"),
            STRANGER,
            0.0,
        )
    assert agent._core.resends_towards(STRANGER[0]) is not None


def test_a_caller_who_writes_from_another_address_proves_nobody_there() -> None:
    """He has a call, so he knows our tag: that shows where he got it, and not who stands at the address he forges."""
    net = Network()
    net.established()
    net.alice.agent.reinvite(1, OFFER, net.now)
    ((reinvite, _),) = net.alice.agent.datagrams_to_send(net.now)
    bob = net.bob.agent
    bob.receive(reinvite, STRANGER, net.now)
    assert bob.has_proven(ALICE[0])
    assert not bob.has_proven(STRANGER[0])
    bob.respond(net.bob.last(IncomingCall).call, 200, net.now, body=ANSWER)
    net.run(31.0)  # until we hang up for want of an ACK
    answers = [data for _, source, to, data in net.log if (source, to) == (BOB, STRANGER)]
    assert sum(map(len, answers)) <= 3 * len(reinvite)


@pytest.mark.parametrize(("asked_at", "proven"), [(STRANGER, True), (("198.51.100.7", 5060), False)])
def test_a_password_proves_the_address_that_was_asked_for_it_and_no_other(
    asked_at: Address, proven: bool
) -> None:
    """A user may fetch a nonce where he is, and answer it in the name of somebody else's address."""
    victim = Victim()
    invite = plain("INVITE sip:bob@pbx.example SIP/2.0", body=SDP)
    ((challenge, _),) = victim.hit(invite, asked_at)
    request, response = parse(invite, Limits()), parse(challenge, Limits())
    assert isinstance(request, Request)
    assert isinstance(response, Response)
    alice = Answerer(Account(REALM, "alice", "secret"), BOB[0], SeededTokens(5))
    answer = alice.retry(request, response, BOB[0], request.cseq.number + 1, "z9hG4bKagain")
    assert answer is not None
    assert any(data.startswith(b"SIP/2.0 100") for data, _ in victim.hit(answer.build(), STRANGER))
    assert victim.agent.has_proven(STRANGER[0]) == proven


def test_an_honest_peer_who_goes_on_from_another_address_is_answered_again_until_he_acknowledges() -> None:
    net = Network()
    hers, _ = net.established()
    elsewhere = ("192.0.2.3", 5060)
    bob = net.bob.agent
    net.alice.agent.reinvite(hers, OFFER, net.now)
    ((reinvite, _),) = net.alice.agent.datagrams_to_send(net.now)
    bob.receive(reinvite, elsewhere, net.now)
    bob.respond(net.bob.last(IncomingCall).call, 200, net.now, body=ANSWER)
    net.run(1.2)  # the first answer is lost, or its ACK
    again = [data for _, _, to, data in net.log if to == elsewhere and data.startswith(b"SIP/2.0 200")]
    assert len(again) >= 2
