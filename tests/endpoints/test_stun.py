"""STUN: RFC 5769's vectors, whatever comes to the port, and the question that we ask ourselves, in virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.endpoints import SipEndpoint
from mediasrv.endpoints.nat.discovery import REFRESH_S, NoAnswer, keep_watch, seen_as
from mediasrv.endpoints.nat.stun import binding_answer, binding_request, is_stun, mapped_address
from mediasrv.ids import SeededTokens
from mediasrv.sip import UserAgent
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork

OURS, SERVER = ("127.0.0.1", 5060), ("192.0.2.53", 3478)
# RFC 5769 sections 2.2 and 2.3, without the attributes after XOR-MAPPED-ADDRESS (software, integrity, fingerprint).
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
SOFTWARE = bytes.fromhex("8022000b7465737420766563746f7220")
IPV4 = bytes.fromhex("0101001c2112a442") + TRANSACTION + SOFTWARE + bytes.fromhex("002000080001a147e112a643")
IPV6 = (
    bytes.fromhex("010100282112a442")
    + TRANSACTION
    + SOFTWARE
    + bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
)
REQUEST = bytes.fromhex("000100002112a442") + TRANSACTION


def test_the_vectors_of_rfc_5769_are_read() -> None:
    assert mapped_address(IPV4, REQUEST) == ("192.0.2.1", 32853)
    assert mapped_address(IPV6, REQUEST) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)


def test_the_vectors_of_rfc_5769_are_written() -> None:
    answer = binding_answer(REQUEST, ("192.0.2.1", 32853))
    assert answer is not None
    assert answer[8:] == TRANSACTION + IPV4[36:]
    answer = binding_answer(REQUEST, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))
    assert answer is not None
    assert answer[8:] == TRANSACTION + IPV6[36:]


def test_an_answer_with_the_older_attribute_is_read_too() -> None:
    old = (
        bytes.fromhex("0101000c2112a442")
        + TRANSACTION
        + bytes.fromhex("00010008000113c4")
        + bytes([192, 0, 2, 9])
    )
    assert mapped_address(old, REQUEST) == ("192.0.2.9", 5060)


def test_attributes_that_may_be_ignored_are_and_others_are_refused_by_name() -> None:
    optional = REQUEST[:2] + b"\0\x10" + REQUEST[4:] + SOFTWARE
    assert (binding_answer(optional, OURS) or b"")[:2] == b"\x01\x01"
    demanding = REQUEST[:2] + b"\0\x08" + REQUEST[4:] + b"\0\x06\0\x01x\0\0\0"  # a user name
    refusal = binding_answer(demanding, OURS) or b""
    assert refusal[:2] == b"\x01\x11"
    assert refusal[20:] == b"\0\x09\0\x04\0\0\x04\x14" + b"\0\x0a\0\x02\0\x06\0\0"


@pytest.mark.parametrize(
    "data",
    [
        REQUEST[:19],
        REQUEST + b"\0",
        REQUEST[:2] + b"\0\x04" + REQUEST[4:],  # says four bytes more than it has
        REQUEST[:2] + b"\0\x04" + REQUEST[4:] + b"\x80\x22\xff\xff",  # an attribute beyond the end
        REQUEST[:2] + b"\xff\xfc" + REQUEST[4:] + bytes(0xFFFC),
        REQUEST[:4] + b"\0\0\0\0" + REQUEST[8:],  # RFC 3489's, without the cookie
        b"\x01\x01" + REQUEST[2:],  # an answer to nobody's question
        b"\0\x11" + REQUEST[2:],  # an indication
    ],
)
def test_what_is_no_binding_request_is_not_answered(data: bytes) -> None:
    assert binding_answer(data, OURS) is None


def test_an_answer_to_somebody_else_is_none() -> None:
    assert mapped_address(IPV4, binding_request(SeededTokens(3))) is None


@given(st.binary(max_size=200))
def test_no_bytes_whatsoever_do_harm(noise: bytes) -> None:
    for data in (noise, REQUEST + noise, IPV4[:20] + noise, REQUEST[:2] + len(noise).to_bytes(2, "big") + REQUEST[4:] + noise):  # fmt: skip  # noqa: E501
        binding_answer(data, OURS)
        mapped_address(data, REQUEST)


def test_sip_is_not_taken_for_stun() -> None:
    assert not is_stun(b"OPTIONS sip:a@b SIP/2.0\r\n")
    assert not is_stun(b"\r\n\r\n")


async def test_a_question_is_repeated_with_doubling_pauses_until_it_is_given_up(autojump_clock) -> None:
    network = FakeNetwork()
    socket, began = await network.open(OURS), trio.current_time()
    sent_at = []
    network.loses = lambda data, to: bool(sent_at.append(trio.current_time() - began)) or True
    await network.open(SERVER)
    with pytest.raises(NoAnswer):
        await seen_as(socket, SERVER, SeededTokens(1))
    assert sent_at == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]  # RFC 5389 section 7.2.1
    assert trio.current_time() - began == 39.5


async def test_only_the_servers_own_answer_counts(autojump_clock) -> None:
    network = FakeNetwork()
    socket, server, liar = (
        await network.open(OURS),
        await network.open(SERVER),
        await network.open(("192.0.2.66", 1)),
    )

    async def answer() -> None:
        request, source = await server.receive()
        liar.send(binding_answer(request, ("203.0.113.66", 5060)) or b"", source)
        server.send(b"SIP/2.0 200 OK\r\n\r\n", source)
        socket.report(111)  # ECONNREFUSED
        server.send(binding_answer(request, ("203.0.113.7", 5060)) or b"", source)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        assert await seen_as(socket, SERVER, SeededTokens(1)) == ("203.0.113.7", 5060)


async def test_a_new_address_is_told_and_a_silent_server_changes_nothing(autojump_clock) -> None:
    answers = iter([("203.0.113.1", 1), NoAnswer("silent"), ("203.0.113.2", 1)])
    told: list[tuple[float, str]] = []

    async def ask() -> tuple[str, int]:
        answer = next(answers)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    began = trio.current_time()
    with trio.move_on_after(3.5 * REFRESH_S):
        await keep_watch(ask, lambda host: told.append(((trio.current_time() - began) / REFRESH_S, host)))
    assert told == [(1, "203.0.113.1"), (3, "203.0.113.2")]


async def test_a_telephone_is_told_its_address_and_a_stranger_gets_no_more_than_he_sent(
    autojump_clock,
) -> None:
    network, phone = FakeNetwork(), ("127.0.0.2", 5070)
    padded = REQUEST[:2] + b"\0\x10" + REQUEST[4:] + SOFTWARE
    core = UserAgent(OURS, SeededTokens(1))
    async with trio.open_nursery() as nursery:
        end = SipEndpoint(await network.open(OURS), core, TrioClock())
        await nursery.start(end.run)
        socket = await network.open(phone)
        for request in (REQUEST, padded):  # only the second is as long as its answer
            socket.send(request, OURS)
            await trio.testing.wait_all_tasks_blocked()
        answers = [data for source, to, data in network.wire if to == phone]
        assert [mapped_address(data, REQUEST) for data in answers] == [phone]
        core._core.prove(phone[0])
        socket.send(REQUEST, OURS)
        await trio.testing.wait_all_tasks_blocked()
        answers = [data for source, to, data in network.wire if to == phone]
        assert [mapped_address(data, REQUEST) for data in answers] == [phone, phone]
        assert end.counters.snapshot()["sip_stun"] == {"ignored": 1, "answered": 2}
        nursery.cancel_scope.cancel()
