"""A forged source address makes us send to somebody else: no more than was sent to us, while we know no better."""

from __future__ import annotations

import pytest

from mediasrv.sip import Limits, UserAgent
from mediasrv.sip.grammar.parse import parse
from tests.sip.attacks.victim import STRANGER, Victim
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


def test_an_answer_that_nobody_acknowledges_is_capped_in_number_and_bytes() -> None:
    """The INVITE came from a trunk's address, or so it says: it is answered, and nothing ever comes back."""
    net = Network()
    invite = forged_invite(Network()).replace(OFFER, OFFER * 40)
    invite = invite.replace(b"Content-Length: %d" % len(OFFER), b"Content-Length: %d" % (40 * len(OFFER)))
    bob = net.bob.agent
    bob.receive(invite, ALICE, 0.0)
    call = bob.next_event().call
    bob.respond(call, 200, 0.0, body=ANSWER * 40)
    net.rules.append(lambda source, to, data: True)
    net.run()
    sent = [data for _, source, _, data in net.log if source == BOB]
    assert sum(data.startswith(b"SIP/2.0 200") for data in sent) == 1 + Limits().unproven_answers
    assert sum(data.startswith(b"BYE") for data in sent) == 1 + Limits().unproven_farewells
    assert sum(map(len, sent)) <= 8 * len(invite)
    net.assert_nothing_left()


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
    assert len(net.sent(BOB, b"SIP/2.0 486")) == 1 + Limits().unproven_resends
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
