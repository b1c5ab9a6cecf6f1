"""Requests inside a dialog, routes, forks, and what a stranger cannot do to a call."""

from __future__ import annotations

import pytest

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Acknowledged,
    Answered,
    Cancelled,
    EndCause,
    Ended,
    IncomingCall,
    Limits,
    Reinvite,
    Rejected,
    Uri,
    UserAgent,
    WrongState,
)
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.hop import Address
from mediasrv.sip.session import NO_WAY_BACK

HERE, THERE, ELSEWHERE = ("192.0.2.2", 5060), ("192.0.2.1", 5060), ("198.51.100.66", 5060)
OURS = Uri.parse("sip:us@192.0.2.2")


class Caller:
    """A peer written by hand, one message at a time."""

    def __init__(
        self, *vias: str, contact: str = "<sip:alice@192.0.2.1>", routes: str = "", body: str = "v=0"
    ) -> None:
        self.agent = UserAgent(HERE, SeededTokens(1))
        self.vias, self.contact, self.routes, self.body = vias, contact, routes, body
        self.tag, self.cseq, self.branch = "", 0, 0

    def send(
        self, method: str, *, cseq: int | None = None, source: Address = THERE, branch: str = "", **more: str
    ) -> list[Response | Request]:
        if cseq is None:
            self.cseq += method not in ("ACK", "CANCEL")
            cseq = self.cseq
        self.branch += 1
        branch = branch or f"z9hG4bK{self.branch}"
        body = more.pop("body", self.body if method == "INVITE" else "")
        to = f"<sip:us@192.0.2.2>{';tag=' + self.tag if self.tag else ''}"
        lines = [
            f"{method} sip:us@192.0.2.2 SIP/2.0",
            *(f"Via: {via}" for via in (f"SIP/2.0/UDP 192.0.2.1;branch={branch}", *self.vias)),
            "From: <sip:alice@192.0.2.1>;tag=alice", f"To: {more.pop('to', to)}", "Call-ID: call",
            f"CSeq: {cseq} {method}", f"Contact: {self.contact}",
            *([f"Record-Route: {self.routes}"] if self.routes else []),
            *(f"{name.replace('_', '-')}: {value}" for name, value in more.items()),
            *(["Content-Type: application/sdp"] if body else []),
        ]  # fmt: skip
        self.agent.receive(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), source, 1.0)
        return self.sent()

    def sent(self) -> list[Response | Request]:
        return [parse(data, Limits()) for data, self.to in self.agent.datagrams_to_send(1.0)]

    def statuses(self, *arguments, **more) -> list[int]:
        return [each.status for each in self.send(*arguments, **more)]

    def event(self):
        return self.agent.next_event()

    def established(self) -> Caller:
        self.send("INVITE")
        self.call = self.event().call
        self.agent.respond(self.call, 200, 1.0, body=b"answer")
        self.tag = self.sent()[0].to.tag
        self.send("ACK")
        self.event()
        return self


def test_an_old_cseq_is_out_of_order() -> None:
    caller = Caller().established()
    [answer] = caller.send("OPTIONS", cseq=1)
    assert answer.status == 500
    assert int(answer.headers.text("Retry-After")) < 10
    assert caller.statuses("OPTIONS", cseq=7) == [200]
    assert caller.statuses("OPTIONS", cseq=6) == [500]


def test_a_repeated_request_gets_the_same_answer_again() -> None:
    caller = Caller().established()
    first = caller.send("OPTIONS", cseq=5, branch="z9hG4bKsame")
    assert caller.send("OPTIONS", cseq=5, branch="z9hG4bKsame") == first


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("INFO", {}, 200),
        ("INFO", {"Info_Package": "foo"}, 469),
        ("UPDATE", {}, 200),
        ("OPTIONS", {}, 200),
        ("MESSAGE", {}, 405),
        ("REFER", {}, 400),
        ("NOTIFY", {}, 489),
        ("PRACK", {}, 400),
        ("INFO", {"body": "v=0"}, 415),
        ("OPTIONS", {"Require": "foo"}, 420),
    ],
)
def test_what_is_asked_inside_a_call_is_answered(method: str, more: dict[str, str], status: int) -> None:
    caller = Caller().established()
    assert caller.statuses(method, **more) == [status]
    assert caller.agent.statistics().calls == 1


def test_dtmf_in_info_is_accepted() -> None:
    caller = Caller().established()
    data = (
        b"INFO sip:us@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKinfo\r\nCall-ID: call\r\n"
        b"From: <sip:alice@192.0.2.1>;tag=alice\r\nTo: <sip:us@192.0.2.2>;tag=%s\r\nCSeq: 9 INFO\r\n"
        b"Content-Type: application/dtmf-relay\r\n\r\nSignal=1\r\n" % caller.tag.encode()
    )
    caller.agent.receive(data, THERE, 1.0)
    assert [answer.status for answer in caller.sent()] == [200]


def test_a_stranger_who_does_not_know_the_tags_cannot_end_a_call() -> None:
    caller = Caller().established()
    assert caller.statuses("BYE", to="<sip:us@192.0.2.2>;tag=guess", source=ELSEWHERE) == [481]
    assert caller.statuses("BYE", to="<sip:us@192.0.2.2>", source=ELSEWHERE) == [481]
    assert caller.agent.statistics().calls == 1


def test_a_second_invite_while_the_first_waits_is_put_off() -> None:
    caller = Caller().established()
    assert caller.statuses("INVITE") == [100]
    assert isinstance(caller.event(), Reinvite)
    assert caller.statuses("INVITE") == [500]


def test_a_re_invite_before_the_ack_is_put_off() -> None:
    caller = Caller()
    caller.send("INVITE")
    caller.agent.respond(caller.event().call, 200, 1.0)
    caller.tag = caller.sent()[0].to.tag
    assert caller.statuses("INVITE") == [491]


def test_a_cancelled_re_invite_leaves_the_call_up() -> None:
    caller = Caller().established()
    caller.send("INVITE", branch="z9hG4bKre")
    assert isinstance(caller.event(), Reinvite)
    assert caller.statuses("CANCEL", branch="z9hG4bKre") == [200, 487]
    assert caller.event() is None
    assert caller.agent.statistics().calls == 1


def test_cancel_of_an_answered_call_changes_nothing() -> None:
    caller = Caller()
    caller.send("INVITE", branch="z9hG4bKfirst")
    caller.agent.respond(caller.event().call, 200, 1.0)
    caller.sent()
    assert caller.statuses("CANCEL", branch="z9hG4bKfirst") == [200]
    assert caller.event() is None


def test_a_late_cancel_of_the_first_invite_does_not_reach_the_re_invite() -> None:
    caller = Caller()
    caller.send("INVITE", branch="z9hG4bKfirst")
    call = caller.event().call
    caller.agent.respond(call, 200, 1.0, body=b"answer")
    caller.tag = caller.sent()[0].to.tag
    caller.send("ACK")
    caller.event()
    caller.send("INVITE", branch="z9hG4bKre")
    assert isinstance(caller.event(), Reinvite)
    caller.tag = ""
    assert caller.statuses("CANCEL", branch="z9hG4bKfirst", cseq=1) == [200]
    caller.agent.respond(call, 200, 1.0, body=b"still wanted")
    assert [each.body for each in caller.sent()] == [b"still wanted"]


def test_the_answer_to_cancel_has_the_tag_of_the_invites() -> None:
    caller = Caller()
    caller.send("INVITE", branch="z9hG4bKfirst")
    cancelled, terminated = caller.send("CANCEL", branch="z9hG4bKfirst")
    assert cancelled.to.tag == terminated.to.tag != ""


def test_bye_before_the_answer_ends_the_invite_too() -> None:
    caller = Caller()
    caller.send("INVITE")
    call = caller.event().call
    caller.agent.respond(call, 180, 1.0)
    caller.tag = caller.sent()[0].to.tag
    assert caller.statuses("BYE") == [200, 487]
    assert caller.event() == Cancelled(call)
    assert caller.agent.statistics().calls == 0


def test_the_ack_may_come_without_an_ack_timer_and_from_another_port() -> None:
    caller = Caller()
    caller.send("INVITE")
    caller.agent.respond(caller.event().call, 200, 1.0)
    caller.tag = caller.sent()[0].to.tag
    caller.send("ACK", source=(THERE[0], 40_000))
    assert caller.event() is not None


@pytest.mark.parametrize(
    ("vias", "contact", "routes", "to", "line"),
    [
        # direct: the host is the one that was seen, whatever the Contact claims
        ((), "<sip:a@192.0.2.1:7000>", "", ("192.0.2.1", 7000), "sip:a@192.0.2.1:7000"),
        ((), "<sip:a@10.0.0.9:7000>", "", THERE, "sip:a@10.0.0.9:7000"),
        ((), "<sip:a@phone.example.com>", "", THERE, "sip:a@phone.example.com"),
        # through others: as the RFC says, when it is an address at all
        (("SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKp",), "<sip:a@203.0.113.5:7000>", "", ("203.0.113.5", 7000),
         "sip:a@203.0.113.5:7000"),
        (("SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKp",), "<sip:a@224.0.0.1>", "", THERE, "sip:a@224.0.0.1"),
        ((), "<sip:a@203.0.113.5>", "<sip:203.0.113.80:5070;lr>", ("203.0.113.80", 5070), "sip:a@203.0.113.5"),
        ((), "<sip:a@203.0.113.5>", "<sip:proxy.example.com;lr>", THERE, "sip:a@203.0.113.5"),
        # a strict router of old is the Request-URI
        ((), "<sip:a@203.0.113.5>", "<sip:203.0.113.80>", ("203.0.113.80", 5060), "sip:203.0.113.80"),
    ],
)  # fmt: skip
def test_requests_of_ours_go_where_the_dialog_leads(vias, contact, routes, to, line) -> None:
    caller = Caller(*vias, contact=contact, routes=routes).established()
    caller.agent.bye(caller.call, 1.0)
    [bye] = caller.sent()
    assert caller.to == to
    assert str(bye.uri) == line
    assert bye.headers.values("Route") == (
        [] if not routes else [routes] if "lr" in routes else [f"<{contact[1:-1]}>"]
    )


def test_route_sets_are_copied_into_the_answer() -> None:
    caller = Caller(routes="<sip:203.0.113.80;lr>, <sip:203.0.113.81;lr>")
    caller.send("INVITE")
    caller.agent.respond(caller.event().call, 200, 1.0)
    assert caller.sent()[0].headers.values("Record-Route") == [
        "<sip:203.0.113.80;lr>",
        "<sip:203.0.113.81;lr>",
    ]


def test_a_re_invite_moves_the_other_end() -> None:
    caller = Caller().established()
    caller.contact = "<sip:alice@192.0.2.1:9999>"
    caller.send("INVITE")
    caller.agent.respond(caller.event().call, 200, 1.0)
    caller.sent()
    caller.send("ACK")
    caller.agent.bye(caller.call, 1.0)
    caller.sent()
    assert caller.to == ("192.0.2.1", 9999)


def outgoing() -> tuple[UserAgent, int, Request]:
    agent = UserAgent(HERE, SeededTokens(1))
    call = agent.invite(
        Uri.parse("sip:bob@192.0.2.1"), destination=THERE, from_uri=OURS, body=b"offer", now=0.0
    )
    return agent, call, parse(agent.datagrams_to_send(0.0)[0][0], Limits())


def answer_to(invite: Request, status: int, tag: str, contact: str = "<sip:bob@192.0.2.1>") -> bytes:
    headers = [
        (name, f"{value};tag={tag}" if name == "To" else value)
        for name, value in invite.headers
        if name in ("Via", "From", "To", "Call-ID", "CSeq")
    ]
    response = Response(status, "X", invite.headers.__class__([*headers, ("Contact", contact)]), b"")
    return response.build()


def test_of_several_answers_the_first_wins_and_the_others_are_acknowledged_and_hung_up() -> None:
    agent, call, invite = outgoing()
    agent.receive(answer_to(invite, 200, "one"), THERE, 1.0)
    agent.receive(answer_to(invite, 200, "two"), THERE, 1.0)
    agent.receive(answer_to(invite, 200, "two"), THERE, 1.5)
    sent = [parse(data, Limits()) for data, _ in agent.datagrams_to_send(2.0)]
    assert [(each.method, each.to.tag) for each in sent] == [
        ("ACK", "one"), ("ACK", "two"), ("BYE", "two"), ("ACK", "two"),
    ]  # fmt: skip
    assert agent.next_event() == Answered(call, b"")
    assert agent.next_event() is None


def test_forks_are_bounded() -> None:
    agent, _, invite = outgoing()
    for n in range(50):
        agent.receive(answer_to(invite, 200, f"tag{n}"), THERE, 1.0)
    assert agent.statistics().dialogs == Limits().forks
    assert agent.statistics().counts["dropped.forks"] == 50 - Limits().forks


def test_a_refusal_after_an_answer_is_ignored() -> None:
    agent, call, invite = outgoing()
    agent.receive(answer_to(invite, 200, "one"), THERE, 1.0)
    agent.receive(answer_to(invite, 486, "one"), THERE, 1.0)
    assert agent.next_event() == Answered(call, b"")
    assert agent.next_event() is None


def test_a_response_with_our_branch_but_of_another_sender_is_dropped() -> None:
    agent, _, invite = outgoing()
    data = answer_to(invite, 200, "one").replace(b"UDP 192.0.2.2", b"UDP 192.0.2.77")
    agent.receive(data, ELSEWHERE, 1.0)
    assert agent.next_event() is None
    assert agent.statistics().counts["dropped.response"] == 1


def test_an_answer_with_a_broken_contact_is_no_answer() -> None:
    agent, call, invite = outgoing()
    agent.receive(answer_to(invite, 200, "one", contact="<nothing"), THERE, 1.0)
    refused = agent.next_event()
    assert isinstance(refused, Rejected)
    assert (refused.call, refused.status) == (call, 502)
    assert (agent.statistics().dialogs, agent.statistics().calls) == (0, 0)


def test_a_re_invite_that_only_ever_rings_ends_the_call_and_leaves_nothing() -> None:
    agent, call, invite = outgoing()
    agent.receive(answer_to(invite, 200, "one"), THERE, 1.0)
    agent.reinvite(call, b"hold", 2.0)
    again = next(
        message
        for data, _ in agent.datagrams_to_send(2.0)
        if (message := parse(data, Limits())).method == "INVITE"
    )
    agent.receive(answer_to(again, 180, "one").replace(b";tag=one;tag=one", b";tag=one"), THERE, 3.0)
    while (at := agent.next_deadline()) is not None:
        agent.handle_deadline(at)
    assert [type(agent.next_event()) for _ in range(2)] == [Answered, Ended]
    left = agent.statistics()
    assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0)


def test_redirects_are_handed_up_with_their_contacts() -> None:
    agent, call, invite = outgoing()
    agent.receive(answer_to(invite, 302, "one", contact="<sip:carol@192.0.2.9>"), THERE, 1.0)
    refused = agent.next_event()
    assert isinstance(refused, Rejected)
    assert (refused.call, refused.status) == (call, 302)
    assert refused.headers.text("Contact") == "<sip:carol@192.0.2.9>"


def test_an_endless_row_of_rings_fills_nothing() -> None:
    agent = UserAgent(HERE, SeededTokens(1), limits=Limits(queued_events=20))
    agent.invite(Uri.parse("sip:bob@192.0.2.1"), destination=THERE, from_uri=OURS, body=b"offer", now=0.0)
    invite = parse(agent.datagrams_to_send(0.0)[0][0], Limits())
    for _ in range(100):
        agent.receive(answer_to(invite, 180, "one"), THERE, 1.0)
    assert agent.statistics().counts["dropped.progress"] == 90


def test_requests_inside_a_call_beyond_the_limit_are_put_off_but_a_hang_up_is_heard() -> None:
    caller = Caller().established()
    caller.agent._core.transactions.limits = Limits(transactions=3)
    answers = [caller.statuses("INFO")[0] for _ in range(5)]
    assert answers[-1] == 503
    assert caller.statuses("BYE") == [200]
    assert caller.event() == Ended(caller.call, EndCause.BYE)


def test_hang_ups_that_end_nothing_are_bounded_like_everything_else() -> None:
    caller = Caller().established()
    caller.agent._core.transactions.limits = Limits(transactions=3)
    caller.agent.bye(caller.call, 1.0)
    caller.sent()
    for _ in range(10):
        caller.send("BYE")
        caller.send("BYE", cseq=1)
    assert caller.agent.statistics().transactions <= 3


@pytest.mark.parametrize("first", [True, False])
def test_a_caller_whom_no_response_reaches_is_told_of_and_leaves_nothing(first: bool) -> None:
    caller = Caller() if first else Caller().established()
    caller.send("INVITE")
    event = caller.event()
    caller.agent.transport_failed(THERE, 1.0)
    assert caller.event() == (Ended(event.call, EndCause.TRANSPORT, NO_WAY_BACK) if first else None)
    with pytest.raises(WrongState):
        caller.agent.respond(event.call, 200, 1.0, body=b"answer")
    caller.agent.bye(event.call, 1.0)
    caller.sent()
    caller.agent.handle_deadline(100.0)
    left = caller.agent.statistics()
    assert (left.transactions, left.dialogs, left.calls) == (0, 0, 0)


def test_a_body_that_is_no_description_is_nobodys_answer() -> None:
    caller = Caller()
    caller.send("INVITE", body="")
    call = caller.event().call
    caller.agent.respond(call, 200, 1.0, body=b"offer")
    caller.tag = caller.sent()[0].to.tag
    text = "ACK sip:us@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKack\r\nCall-ID: call\r\n"
    text += (
        f"From: <sip:alice@192.0.2.1>;tag=alice\r\nTo: <sip:us@192.0.2.2>;tag={caller.tag}\r\nCSeq: 1 ACK\r\n"
    )
    caller.agent.receive(f"{text}Content-Type: text/plain\r\n\r\nhello".encode(), THERE, 1.0)
    assert caller.event() == Acknowledged(call, b"")


def test_an_invite_says_where_it_came_from() -> None:
    caller = Caller()
    caller.send("INVITE", source=ELSEWHERE)
    event = caller.event()
    assert isinstance(event, IncomingCall)
    assert event.source == ELSEWHERE
