"""The simulation itself: what it must notice, and what its network and telephones promise the stories."""

from __future__ import annotations

import pytest
import trio

from tests.sim.deterministic import Agenda, run
from tests.sim.sip import telling
from tests.sim.sip.faults import Faults, Loss
from tests.sim.sip.house import House
from tests.sim.sip.message import Message, answer_to
from tests.sim.sip.repeating import PATIENCE_S, T2_S, Repeater
from tests.sim.sip.story import STEADY, Story


def told(tell, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setitem(telling.STORIES, "test", Story("test", tell, STEADY, limit_s=60))
    return telling.tell("test", 1).violations


def test_a_call_that_is_left_behind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leaves_a_call(house: House) -> None:
        call = house.phone().dial()
        await house.until(lambda: call.up, "answered")

    broken = told(leaves_a_call, monkeypatch)
    assert "left behind: 1 calls" in broken
    assert "left behind: 1 streams" in broken
    assert "left behind: 1 ports" in broken
    assert any("have ended" in sentence for sentence in broken)
    assert any("the task" in sentence for sentence in broken)


def test_what_does_not_come_in_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits_in_vain(house: House) -> None:
        await house.until(lambda: False, "pigs fly", 3.0)

    assert told(waits_in_vain, monkeypatch) == ("not within 3 s: pigs fly",)


def test_a_story_that_takes_too_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleeps(house: House) -> None:
        await trio.sleep(61)

    assert told(sleeps, monkeypatch) == ("not over within 60 s",)


def test_a_mistake_in_a_story_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumbles(house: House) -> None:
        await trio.sleep(1)
        raise ZeroDivisionError("oops")

    (broken,) = told(stumbles, monkeypatch)
    assert "ZeroDivisionError: oops" in broken


@pytest.mark.parametrize(
    ("data", "what", "lost"),
    [
        (b"BYE sip:a SIP/2.0\r\nCSeq: 2 BYE\r\n", "BYE", True),
        (b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n", "BYE", False),
        (b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n", "200", True),
        (b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n", "200 BYE", True),
        (b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n", "200 INVITE", False),
    ],
)
def test_a_loss_takes_what_it_names_and_only_so_often(data: bytes, what: str, lost: bool) -> None:
    faults = Faults([Loss(what, 1)])
    assert [faults(data, ("a", 1), ("b", 1)) for _ in range(2)] == [lost, False]


def test_a_host_that_is_cut_off_neither_hears_nor_is_heard() -> None:
    faults = Faults(cut_off={"a"}, mute={"c"})
    assert faults(b"x", ("a", 1), ("b", 1))
    assert faults(b"x", ("b", 1), ("a", 1))
    assert faults(b"x", ("c", 1), ("b", 1))
    assert not faults(b"x", ("b", 1), ("c", 1))


@pytest.mark.parametrize(
    ("longest_s", "times"),
    [(PATIENCE_S, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]),
     (T2_S, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])],
)  # fmt: skip
def test_a_request_is_repeated_when_the_rfc_says(longest_s: float, times: list[float]) -> None:
    said: list[float] = []
    given_up: list[float] = []

    async def main(agenda: Agenda) -> None:
        began_s = agenda.clock.now()
        now_s = lambda: agenda.clock.now() - began_s  # noqa: E731
        Repeater(agenda, lambda: said.append(now_s()), lambda: given_up.append(now_s()), longest_s=longest_s)
        await trio.sleep(60)

    run(1, main)
    assert said == pytest.approx(times)
    assert given_up == pytest.approx([PATIENCE_S])


def test_what_was_due_while_the_world_was_suspended_happens_afterwards() -> None:
    happened: list[float] = []

    async def main(agenda: Agenda) -> None:
        began_s = agenda.clock.now()
        agenda.after(1_000, lambda: happened.append(agenda.clock.now() - began_s))
        agenda.suspend(5_000_000_000)
        await trio.sleep(1)

    run(1, main)
    assert happened == pytest.approx([5.0])


def test_a_message_is_read_as_it_was_written_and_answered_with_what_it_says() -> None:
    lines = (
        *(("Via", "SIP/2.0/UDP h:1;rport;branch=z9hG4bK7"), ("From", "<sip:a@h>;tag=1"), ("To", "<sip:b@h>")),
        *(("Call-ID", "c"), ("CSeq", "4 INVITE"), ("Contact", "<sip:a@h:1>")),
    )
    invite = Message("INVITE sip:b@h SIP/2.0", lines, b"v=0")
    read = Message.read(invite.build())
    assert (read.method, read.cseq, read.branch, read.contact) == ("INVITE", 4, "z9hG4bK7", "sip:a@h:1")
    assert read.body == b"v=0"
    answer = Message.read(answer_to(read, 200, tag="2").build())
    assert (answer.status, answer.method, answer.from_tag, answer.to_tag) == (200, "INVITE", "1", "2")
