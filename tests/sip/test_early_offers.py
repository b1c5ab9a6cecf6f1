"""Offers before the answer (RFC 3262 section 5, RFC 3311 section 5): who may make one when, and what waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mediasrv.sip import Answered, Rejected, Timers, WrongState
from mediasrv.sip.dialogs.offers import Open
from mediasrv.sip.events import ProgressConfirmed, UpdateDone, UpdateOffered
from mediasrv.sip.grammar.message import Request, Response
from tests.sip.network import ANSWER, Network
from tests.sip.test_dialogs import THERE, Caller, Limits, answer_to, outgoing, parse
from tests.sip.test_provisional import ringing

MOVED = "v=0 moved"


def rung(body: bytes = b"answer", *, offer: str = "v=0", confirmed: bool = True) -> Caller:
    """A caller whom we have rung reliably."""
    caller = Caller(body=offer)
    caller.send("INVITE", Supported="100rel", Allow="UPDATE, PRACK")
    caller.call = caller.event().call
    caller.agent.respond(caller.call, 183, 1.0, body=body, reliable=True)
    [ring] = caller.sent()
    caller.tag, caller.rack = ring.to.tag, f"{ring.headers.text('RSeq')} 1 INVITE"
    if confirmed:
        assert caller.statuses("PRACK", RAck=caller.rack) == [200]
        caller.event()
    return caller


def with_ours_under_way() -> Caller:
    caller = rung()
    caller.agent.in_dialog(caller.call).updates.begin(b"v=0 ours", 1.0)
    caller.sent()
    return caller


def with_theirs_waiting() -> Caller:
    caller = rung()
    assert caller.statuses("UPDATE", body="v=0 first") == []
    return caller


@pytest.mark.parametrize(
    ("made", "statuses"),
    [
        pytest.param(rung, [], id="answered in a 183: it waits for us"),
        pytest.param(lambda: rung(b""), [500], id="the INVITE's is not answered yet"),
        pytest.param(lambda: rung(b"offer", offer="", confirmed=False), [491], id="ours stands in the 183"),
        pytest.param(with_ours_under_way, [491], id="ours is in an UPDATE"),
        pytest.param(with_theirs_waiting, [500], id="theirs is in an UPDATE that we have not answered"),
    ],
)
def test_an_offer_of_the_callers_before_the_answer(made: Callable[[], Caller], statuses: list[int]) -> None:
    caller = made()
    answers = caller.send("UPDATE", body=MOVED)
    assert [each.status for each in answers] == statuses
    assert all(each.headers.text("Retry-After") for each in answers if each.status == 500)


def callee(*, described: bool) -> tuple[Callable[[str], list[Response | Request]], Callable[[], object]]:
    """Somebody whom we have called, who rings reliably, and who may send an UPDATE."""
    agent, _, invite = outgoing()
    ring = answer_to(invite, 183, "bob").replace(b"CSeq:", b"Require: 100rel\r\nRSeq: 1\r\nCSeq:")
    if described:
        ring = (
            ring.replace(b"Content-Length: 0", b"Content-Type: application/sdp\r\nContent-Length: 10")
            + b"v=0 answer"
        )
    agent.receive(ring, THERE, 1.0)
    agent.datagrams_to_send(1.0)
    agent.next_event()

    def update(body: str) -> list[Response | Request]:
        lines = [
            "UPDATE sip:us@192.0.2.2 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKup",
            f"From: {invite.to};tag=bob", f"To: {invite.from_}", f"Call-ID: {invite.call_id}", "CSeq: 7 UPDATE",
            "Contact: <sip:bob@192.0.2.1>", "Content-Type: application/sdp", f"Content-Length: {len(body)}",
        ]  # fmt: skip
        agent.receive(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), THERE, 1.0)
        return [parse(data, Limits()) for data, _ in agent.datagrams_to_send(1.0)]

    return update, agent.next_event


@pytest.mark.parametrize(("described", "statuses"), [(True, []), (False, [491])])
def test_an_offer_of_the_callees_before_the_answer(described: bool, statuses: list[int]) -> None:
    update, next_event = callee(described=described)
    assert [each.status for each in update(MOVED)] == statuses
    event = next_event()
    assert event is None if statuses else isinstance(event, UpdateOffered) and event.fork == "bob"


@pytest.mark.parametrize(("body", "statuses"), [(b"answer", []), (b"", [500])])
def test_a_prack_confirms_whatever_becomes_of_its_offer(body: bytes, statuses: list[int]) -> None:
    caller = rung(body, confirmed=False)
    assert caller.statuses("PRACK", RAck=caller.rack, body=MOVED) == statuses
    assert caller.event() == ProgressConfirmed(caller.call, 183, b"")
    assert (caller.event() is None) is bool(statuses)
    caller.agent.handle_deadline(1.0 + Timers().t1_s)
    assert not caller.sent()  # the 183 is not said again


def test_the_200_waits_for_the_answer_to_an_offer_before_it() -> None:
    caller = with_theirs_waiting()
    caller.agent.respond(caller.call, 200, 1.0)
    assert not caller.sent()
    caller.agent.in_dialog(caller.call).updates.answer(200, b"v=0 all right", 1.0)
    assert [(each.status, each.cseq.method) for each in caller.sent()] == [(200, "UPDATE"), (200, "INVITE")]
    assert caller.agent.in_dialog(caller.call).offers.state is Open.STABLE


def test_the_200_waits_for_a_prack_with_an_offer_to_be_answered() -> None:
    caller = rung(confirmed=False)
    caller.agent.respond(caller.call, 200, 1.0)
    assert caller.statuses("PRACK", RAck=caller.rack, body=MOVED) == []
    caller.agent.in_dialog(caller.call).updates.answer(488, b"", 1.0)
    assert [(each.status, each.cseq.method) for each in caller.sent()] == [(488, "PRACK"), (200, "INVITE")]


def test_an_offer_that_nobody_decides_holds_the_200_only_so_long() -> None:
    caller = with_theirs_waiting()
    caller.agent.respond(caller.call, 200, 1.0)
    caller.agent.handle_deadline(1.0 + Timers().decide_s)
    assert [(each.status, each.cseq.method) for each in caller.sent()] == [(504, "UPDATE"), (200, "INVITE")]


@pytest.mark.parametrize("status", [200, 488])
def test_the_200_waits_for_the_answer_to_our_own_offer(status: int) -> None:
    net = Network()
    hers, his = ringing(net)
    net.run(1.0)
    net.bob.agent.in_dialog(his).updates.begin(b"v=0 ours", net.now)
    net.run(0.2)
    net.bob.agent.respond(his, 200, net.now)
    net.run(1.0)
    assert not net.alice.said(Answered)
    net.alice.agent.in_dialog(hers).updates.answer(status, b"v=0 fine" if status == 200 else b"", net.now)
    net.run(1.0)
    assert net.bob.last(UpdateDone).status == status
    assert net.alice.last(Answered).call == hers
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_caller_who_gives_up_while_his_offer_waits_leaves_nothing() -> None:
    net = Network()
    hers, his = ringing(net)
    net.run(1.0)
    net.alice.agent.in_dialog(hers).updates.begin(b"v=0 moved", net.now)
    net.run(0.2)
    net.bob.agent.respond(his, 200, net.now)
    net.alice.agent.cancel(hers, net.now)
    net.run()
    assert net.alice.last(Rejected).status == 487
    net.assert_nothing_left()


def test_our_offer_in_a_183_is_answered_in_its_prack_and_the_200_repeats_nothing() -> None:
    net = Network()
    hers, his = ringing(net, offer=b"", body=b"v=0 ours")
    net.run(0.2)
    net.alice.agent.confirm(hers, ANSWER, net.now)
    net.run(0.2)
    assert net.bob.last(ProgressConfirmed) == ProgressConfirmed(his, 183, ANSWER)
    net.bob.agent.respond(his, 200, net.now)
    net.run(1.0)
    assert net.alice.last(Answered).body == b""
    net.bob.agent.bye(his, net.now)
    net.run()
    net.assert_nothing_left()


def test_of_several_telephones_the_one_that_offers_is_answered() -> None:
    agent, call, invite = outgoing()
    for tag in ("one", "two"):
        ring = answer_to(invite, 183, tag).replace(b"CSeq:", b"Require: 100rel\r\nRSeq: 1\r\nCSeq:")
        agent.receive(ring, THERE, 1.0)
    with pytest.raises(WrongState):
        agent.in_dialog(call)
    assert agent.in_dialog(call, "two").dialog.remote.tag == "two"
