"""Messages find the call that they belong to by their Call-ID, from the first to what follows the end."""

from __future__ import annotations

import pytest

from mediasrv.endpoints.traffic import ENDED_REMEMBERED, MESSAGES_MAX, STRANGE_MESSAGES, Seen, TrafficOfCalls

PEER = ("192.0.2.7", 5060)


def seen(call_id: str = "abc", sent: bool = False, name: str = "Call-ID", at_ns: int = 0) -> Seen:
    data = f"OPTIONS sip:x SIP/2.0\r\nCSeq: 3 OPTIONS\r\n{name}: {call_id}\r\n\r\n".encode()
    return Seen(at_ns, sent, PEER, data)


def test_the_message_that_made_the_call_is_its_first() -> None:
    calls = TrafficOfCalls()
    first = seen(at_ns=7)
    calls.take(first)
    traffic = calls.begin("abc")
    assert traffic.began_ns == 7
    told: list[Seen] = []
    traffic.follow(told.append)
    later = seen(sent=True)
    calls.take(later)
    assert told == [first, later]


def test_what_made_no_call_is_forgotten_with_its_step() -> None:
    calls = TrafficOfCalls()
    calls.take(seen())
    calls.step()
    assert calls.begin("abc").began_ns is None


@pytest.mark.parametrize("name", ["Call-ID", "call-id", "CALL-ID", "i", "I", "Call-ID "])
def test_the_name_of_the_header_may_be_short_and_of_any_case(name: str) -> None:
    calls = TrafficOfCalls()
    traffic = calls.begin("abc")
    calls.take(seen(name=name))
    assert traffic.began_ns == 0


def test_each_call_has_its_own_messages_and_rubbish_is_nobodys() -> None:
    calls = TrafficOfCalls()
    told: dict[str, list[Seen]] = {"a": [], "b": []}
    for call_id, into in told.items():
        calls.begin(call_id).follow(into.append)
    for message in (seen("a"), seen("b"), seen("b"), Seen(0, False, PEER, b"\0\xff rubbish"), seen("c")):
        calls.take(message)
    assert {call_id: len(messages) for call_id, messages in told.items()} == {"a": 1, "b": 2}


def test_messages_after_the_end_are_still_the_calls_until_many_others_have_ended() -> None:
    calls = TrafficOfCalls()
    told: list[Seen] = []
    traffic = calls.begin("abc")
    traffic.follow(told.append)
    calls.end("abc", traffic)
    calls.take(seen())
    assert len(told) == 1
    for number in range(ENDED_REMEMBERED):
        calls.end(str(number), calls.begin(str(number)))
    calls.take(seen())
    assert len(told) == 1


def test_a_message_tells_its_first_line_and_what_it_answers() -> None:
    assert (seen().first_line, seen().cseq) == ("OPTIONS sip:x SIP/2.0", "3 OPTIONS")
    assert (Seen(0, False, PEER, b"\xff").first_line, Seen(0, False, PEER, b"").cseq) == ("\ufffd", "")


def test_what_is_repeated_after_the_end_of_a_call_that_nobody_follows_is_not_kept() -> None:
    """A refused caller could otherwise have us keep his largest datagrams, for each of a thousand calls."""
    calls = TrafficOfCalls()
    calls.take(seen(at_ns=1))
    traffic = calls.begin("abc")
    calls.end("abc", traffic)
    for at_ns in range(2, 10):
        calls.take(seen(at_ns=at_ns))
    told: list[Seen] = []
    traffic.follow(told.append)  # who explains a refusal follows it when it is over
    assert [each.at_ns for each in told] == [1]
    calls.take(seen(at_ns=10))
    assert [each.at_ns for each in told] == [1, 10]


@pytest.mark.parametrize("ended", [False, True])
def test_what_only_bears_a_call_s_id_is_kept_up_to_a_number_and_what_is_its_own_always(ended: bool) -> None:
    calls = TrafficOfCalls()
    told: list[Seen] = []
    traffic = calls.begin("abc")
    traffic.follow(told.append)
    if ended:
        calls.end("abc", traffic)
    noted = [calls.take(seen(), belongs=False) for _ in range(STRANGE_MESSAGES + 5)]
    assert noted == [True] * STRANGE_MESSAGES + [False] * 5
    assert calls.take(seen(at_ns=9))
    assert len(told) == STRANGE_MESSAGES + 1
    assert told[-1].at_ns == 9


def test_a_second_call_of_the_same_id_takes_nothing_away_from_the_first() -> None:
    calls = TrafficOfCalls()
    first: list[Seen] = []
    others: list[Seen] = []
    calls.begin("abc").follow(first.append)
    second = calls.begin("abc")
    second.follow(others.append)
    calls.take(seen())
    calls.end("abc", second)  # nor does its end, which leaves nothing to a third
    calls.begin("abc").follow(others.append)
    calls.take(seen())
    assert (len(first), others) == (2, [])


def test_a_peer_that_floods_its_own_call_is_noted_up_to_a_number() -> None:
    calls = TrafficOfCalls()
    told: list[Seen] = []
    calls.begin("abc").follow(told.append)
    noted = [calls.take(seen()) for _ in range(MESSAGES_MAX + 5)]
    assert (sum(noted), len(told)) == (MESSAGES_MAX, MESSAGES_MAX)
