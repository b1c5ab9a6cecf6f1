"""RFC 4475 and RFC 5118, point by point, at the door: what leaves the socket, what is told, and what is left."""

from __future__ import annotations

import pytest

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Admission,
    Algorithm,
    Answered,
    Authenticator,
    Guard,
    IncomingCall,
    Progress,
    Registrar,
    Uri,
    UserAgent,
)
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.hop import Address
from tests.sip.torture.invalid import INVALID
from tests.sip.torture.ipv6 import IPV6
from tests.sip.torture.meaning import APPLICATIONS, COMPATIBILITY, TRANSACTIONS
from tests.sip.torture.point import Outcome, Point
from tests.sip.torture.valid import VALID

HERE, THERE = ("192.0.2.2", 5060), ("192.0.2.1", 5060)
HERE_6, THERE_6 = ("2001:db8::10", 5060), ("2001:db8::9:1", 5060)
DOMAINS = ("pbx.example", "[2001:db8::10]")
RFC_4475 = (*VALID, *INVALID, *TRANSACTIONS, *APPLICATIONS, *COMPATIBILITY)


class Nobody:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return None


def admission(request: Request, source: Address) -> Admission:
    return Admission.CHALLENGE if "Authorization" in request.headers else Admission.WELCOME


class Door:
    """A user agent with a registrar, and a call of its own that rings."""

    def __init__(self, here: tuple[str, int], there: tuple[str, int]) -> None:
        tokens = SeededTokens(1)
        guard = Guard(admission, Authenticator("pbx.example", Nobody(), tokens))
        self.there = there
        self.agent = UserAgent(here, tokens, guard=guard, registrar=Registrar(DOMAINS))
        self.agent.invite(
            Uri.parse("sip:bob@pbx.example"), destination=there, from_uri=Uri.parse("sip:us@pbx.example"),
            body=b"v=0\r\n", now=0.0,
        )  # fmt: skip
        ((invite, _),) = self.agent.datagrams_to_send(0.0)
        self._named = dict(line.split(b": ", 1) for line in invite.partition(b"\r\n\r\n")[0].splitlines()[1:])
        self.before = self.agent.statistics()

    def send(self, data: bytes) -> list[bytes]:
        for mark, name in ((b"{via}", b"Via"), (b"{from}", b"From"), (b"{call_id}", b"Call-ID")):
            data = data.replace(mark, self._named[name])
        self.agent.receive(data, self.there, 0.0)
        sent = self.agent.datagrams_to_send(0.0)
        assert all(to == self.there for _, to in sent)
        return [answer for answer, _ in sent]

    def events(self) -> list[type]:
        found = []
        while (event := self.agent.next_event()) is not None:
            found.append(type(event))
        return found


def statuses(answers: list[bytes]) -> list[int]:
    return [int(answer.split(b" ")[1]) for answer in answers if answer.startswith(b"SIP/2.0 ")]


def check(point: Point, door: Door) -> None:
    answers = door.send(point.data)
    if point.verdict not in (200, Outcome.TAKEN):  # what a registrar lists is for those whom a policy lets in
        assert sum(map(len, answers)) <= len(point.data)
    events, after = door.events(), door.agent.statistics()
    if isinstance(point.verdict, int):
        assert (statuses(answers), events) == ([point.verdict], [])
        lines = answers[0].decode("utf-8", "surrogateescape").split("\r\n")
        assert set(point.says) <= set(lines), lines
        assert after.calls == door.before.calls
    elif point.verdict is Outcome.CALL:
        assert (statuses(answers), events) == ([100], [IncomingCall])
    elif point.verdict is Outcome.TAKEN:
        assert (statuses(answers), len(events)) == ([], 1)
        assert events[0] in (Progress, Answered)
    else:
        assert (answers, events) == ([], [])
        assert sum(after.counts.values()) == sum(door.before.counts.values()) + 1
        assert (after.transactions, after.deadlines) == (door.before.transactions, door.before.deadlines)


@pytest.mark.parametrize("point", RFC_4475, ids=lambda point: f"{point.section} {point.name}")
def test_rfc_4475_point_gets_what_it_deserves(point: Point) -> None:
    check(point, Door(HERE, THERE))


@pytest.mark.parametrize("point", IPV6, ids=lambda point: f"{point.section} {point.name}")
def test_rfc_5118_point_gets_what_it_deserves(point: Point) -> None:
    check(point, Door(HERE_6, THERE_6))


def test_every_point_of_rfc_4475_and_every_section_of_rfc_5118_is_there() -> None:
    sections = {
        "3.1.1": 13,
        "3.1.2": 19,
        "3.2": 1,
        "3.3": 15,
        "3.4": 1,
    }
    expected = [f"{section}.{n + 1}" for section, count in sections.items() for n in range(count)]
    assert len(expected) == 49
    assert [point.section for point in RFC_4475] == expected
    assert {point.section for point in IPV6} == {f"4.{n + 1}" for n in range(10)}


@pytest.mark.parametrize("point", RFC_4475, ids=lambda point: f"{point.section} {point.name}")
def test_a_torture_message_cut_anywhere_is_answered_at_most_once(point: Point) -> None:
    """Cut off within its head: never a call, never a second datagram, never a fault of ours."""
    head = point.data.partition(b"\r\n\r\n")[0]
    for end in range(0, len(head), 7):
        door = Door(HERE, THERE)
        assert len(door.send(head[:end])) <= 1
        assert door.events() == []
