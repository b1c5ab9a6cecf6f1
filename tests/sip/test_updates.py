"""UPDATE, keys and redirections: what crosses, what waits, what is refused, and what is bounded."""

from __future__ import annotations

import pytest

from mediasrv.sip import Ended, IncomingCall, Limits, Reinvite, Rejected, Timers, Uri, WrongState
from mediasrv.sip.events import EndCause, KeyPressed, KeySent, Redirected, UpdateDone, UpdateOffered
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.keys import Key
from mediasrv.sip.grammar.redirects import TARGETS_MAX, redirect_targets
from tests.sip.network import ALICE, ANSWER, BOB, OFFER, Network, losing
from tests.sip.test_dialogs import Caller


def test_an_offer_in_update_waits_for_its_answer() -> None:
    caller = Caller().established()
    assert caller.statuses("UPDATE", body="v=0 hold") == []
    assert caller.event() == UpdateOffered(caller.call, b"v=0 hold")
    with pytest.raises(WrongState):
        caller.agent.in_dialog(caller.call).updates.answer(200, b"", 1.0)
    caller.agent.in_dialog(caller.call).updates.answer(200, b"v=0 held", 1.0)
    [answer] = caller.sent()
    assert (answer.status, answer.body) == (200, b"v=0 held")
    assert answer.headers.text("Contact")
    with pytest.raises(WrongState):
        caller.agent.in_dialog(caller.call).updates.answer(200, b"again", 1.0)


def test_a_second_update_while_the_first_waits_is_put_off() -> None:
    caller = Caller().established()
    caller.send("UPDATE", body="v=0 hold")
    [answer] = caller.send("UPDATE", body="v=0 more")
    assert answer.status == 500
    assert int(answer.headers.text("Retry-After")) < 10
    assert caller.statuses("INVITE") == [500]


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_offers_that_cross_are_glare(method: str) -> None:
    caller = Caller()
    caller.send("INVITE", Allow="UPDATE")
    caller.call = caller.event().call
    caller.agent.respond(caller.call, 200, 1.0, body=b"answer")
    caller.tag = caller.sent()[0].to.tag
    caller.send("ACK")
    caller.agent.in_dialog(caller.call).updates.begin(b"v=0 ours", 1.0)
    caller.sent()
    assert caller.statuses(method, body="v=0 theirs") == [491]
    assert caller.statuses("UPDATE", body="") == [200]  # offers nothing


def test_our_re_invite_and_their_update_are_glare() -> None:
    caller = Caller().established()
    caller.agent.reinvite(caller.call, b"v=0 ours", 1.0)
    caller.sent()
    assert caller.statuses("UPDATE", body="v=0 theirs") == [491]


def test_an_update_that_nobody_decides_is_refused_in_time() -> None:
    caller = Caller().established()
    caller.send("UPDATE", body="v=0 hold")
    caller.agent.handle_deadline(1.0 + Timers().decide_s)
    assert [each.status for each in caller.sent()] == [504]
    assert caller.statuses("UPDATE", body="v=0 hold") == []


def test_a_hang_up_answers_the_update_that_waits() -> None:
    caller = Caller().established()
    caller.send("UPDATE", body="v=0 hold")
    assert sorted(caller.statuses("BYE")) == [200, 487]


def test_update_is_not_sent_to_a_peer_that_does_not_take_it() -> None:
    caller = Caller().established()
    with pytest.raises(WrongState):
        caller.agent.in_dialog(caller.call).updates.begin(b"v=0", 1.0)


def test_update_moves_the_other_end() -> None:
    caller = Caller().established()
    caller.contact = "<sip:alice@192.0.2.1:9999>"
    assert caller.statuses("UPDATE") == [200]
    caller.agent.bye(caller.call, 1.0)
    caller.sent()
    assert caller.to == ("192.0.2.1", 9999)


def test_an_update_that_nobody_answers_ends_the_call() -> None:
    net = Network()
    hers, _ = net.established()
    net.rules.append(losing(b"UPDATE"))
    net.alice.agent.in_dialog(hers).updates.begin(b"v=0 moved", net.now)
    net.run()
    assert net.alice.last(Ended).cause is EndCause.TIMEOUT
    assert not net.alice.said(UpdateDone)
    net.assert_nothing_left()


def test_a_lost_update_is_sent_again_and_told_once() -> None:
    net = Network()
    hers, his = net.established()
    net.rules.append(losing(b"UPDATE", times=2))
    net.alice.agent.in_dialog(hers).updates.begin(b"v=0 moved", net.now)
    net.run(5.0)
    assert len(net.bob.said(UpdateOffered)) == 1
    net.bob.agent.in_dialog(his).updates.answer(200, ANSWER, net.now)
    net.run(5.0)
    assert net.alice.said(UpdateDone) == [UpdateDone(hers, 200, ANSWER)]
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_lost_keys_are_sent_again_in_order() -> None:
    net = Network(seed=3, loss=0.3, delay_s=(0.0, 0.5))
    net.reactions.append(
        lambda net, peer, event: (
            peer.agent.respond(event.call, 200, net.now, body=ANSWER)
            if isinstance(event, IncomingCall | Reinvite)
            else None
        )
    )
    hers = net.call()
    net.run(30.0)
    for key in "0123456789*#":
        net.alice.agent.in_dialog(hers).infos.send(Key(key), net.now)
    net.run(300.0)
    assert [event.key.key for event in net.bob.said(KeyPressed)] == list("0123456789*#")
    assert {event.status for event in net.alice.said(KeySent)} == {200}
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_keys_of_ours_that_wait_are_bounded() -> None:
    caller = Caller().established()
    for _ in range(Limits().queued_keys):
        caller.agent.in_dialog(caller.call).infos.send(Key("1"), 1.0)
    with pytest.raises(WrongState):
        caller.agent.in_dialog(caller.call).infos.send(Key("1"), 1.0)
    assert len(caller.sent()) == 1


def redirecting(net: Network, *contacts: str) -> None:
    answers = iter(contacts)

    def react(net: Network, peer, event: object) -> None:
        if isinstance(event, IncomingCall):
            peer.agent.respond(event.call, 302, net.now, headers=[("Contact", next(answers))])

    net.reactions.append(react)


def following(net: Network) -> int:
    return net.alice.agent.invite(
        Uri.parse("sip:bob@192.0.2.2"), destination=BOB, from_uri=Uri.parse("sip:alice@192.0.2.1"), body=OFFER,
        now=net.now, follow=True,
    )  # fmt: skip


def test_a_redirection_that_leads_back_is_the_end() -> None:
    net = Network()
    redirecting(net, "<sip:carol@192.0.2.2>", "<sip:bob@192.0.2.2>")
    hers = following(net)
    net.run(1.0)
    [target] = net.alice.last(Redirected).targets
    net.alice.agent.redirect(hers, target, BOB, net.now)
    net.run()
    assert net.alice.last(Rejected).status == 302
    assert len(net.alice.said(Redirected)) == 1
    assert [data.split()[1] for data in net.sent(ALICE, b"INVITE")] == [
        b"sip:bob@192.0.2.2",
        b"sip:carol@192.0.2.2",
    ]
    net.assert_nothing_left()


def test_redirections_are_bounded() -> None:
    net = Network()
    redirecting(net, *(f"<sip:other{n}@192.0.2.2>" for n in range(50)))

    def follow(net: Network, peer, event: object) -> None:
        if isinstance(event, Redirected):
            peer.agent.redirect(event.call, event.targets[0], BOB, net.now)

    net.reactions.append(follow)
    following(net)
    net.run()
    assert len(net.bob.said(IncomingCall)) == 1 + Limits().redirects
    assert net.alice.last(Rejected).status == 302
    net.assert_nothing_left()


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_redirection_that_nobody_follows_ends_the_call(cancelled: bool) -> None:
    net = Network()
    redirecting(net, "<sip:carol@192.0.2.9>")
    hers = following(net)
    net.run(1.0)
    if cancelled:
        net.alice.agent.cancel(hers, net.now)
    net.run()
    assert net.alice.last(Rejected).status == (487 if cancelled else 302)
    with pytest.raises(WrongState):
        net.alice.agent.redirect(hers, Uri.parse("sip:carol@192.0.2.9"), BOB, net.now)
    net.assert_nothing_left()


def test_places_are_told_best_first_and_only_those_that_can_be_called() -> None:
    contacts = "<sip:a@x>;q=0.2, <sip:b@x?Route=evil>;q=0.9, <mailto:c@x>, <tel:+1555>, <sip:a@x>;q=1, <sip:d@x>;q=zz"
    told = redirect_targets(Headers([("Contact", contacts)]))
    assert [str(uri) for uri in told] == ["tel:+1555", "sip:b@x", "sip:a@x", "sip:d@x"]
    many = ", ".join(f"<sip:u{n}@x>" for n in range(99))
    assert len(redirect_targets(Headers([("Contact", many)]))) == TARGETS_MAX
    assert redirect_targets(Headers([("Contact", '"<')])) == []
