"""Two endpoints over a network without packets, in virtual time."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from mediasrv.endpoints import CallGone, SipCall, SipEndpoint
from mediasrv.endpoints.datagram import Address
from mediasrv.endpoints.sip import FAULTS_IN_A_ROW_MAX, WAITING_CALLS_MAX
from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Admission,
    Algorithm,
    Authenticator,
    Cancelled,
    EndCause,
    Ended,
    Guard,
    Limits,
    Plan,
    Registrar,
    Reinvite,
    Rejected,
    Uri,
    UserAgent,
    WrongState,
)
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork

SERVER: Address = ("127.0.0.1", 5060)
CALLER: Address = ("127.0.0.1", 5070)
TARGET = Uri.parse("sip:100@127.0.0.1:5060")
ANNA = Uri.parse("sip:anna@127.0.0.1:5070")
OFFER, ANSWER = b"v=0 offer", b"v=0 answer"


@asynccontextmanager
async def endpoint(network: FakeNetwork, address: Address, **limits: int) -> AsyncIterator[SipEndpoint]:
    core = UserAgent(address, SeededTokens(address[1]), limits=Limits(**limits))
    async with trio.open_nursery() as nursery:
        end = SipEndpoint(await network.open(address), core, TrioClock())
        await nursery.start(end.run)
        yield end
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def pair(network: FakeNetwork | None = None) -> AsyncIterator[tuple[SipEndpoint, SipEndpoint]]:
    network = network or FakeNetwork()
    async with endpoint(network, SERVER) as server, endpoint(network, CALLER) as caller:
        yield server, caller


async def called(caller: SipEndpoint, server: SipEndpoint, body: bytes = OFFER) -> tuple[SipCall, SipCall]:
    out = await caller.call(TARGET, destination=SERVER, from_uri=ANNA, body=body)
    return out, await server.incoming().receive()


async def answered(caller: SipEndpoint, server: SipEndpoint) -> tuple[SipCall, SipCall]:
    out, into = await called(caller, server)
    await into.answer(ANSWER)
    await out.wait_answered()
    return out, into


async def test_a_call_rings_is_answered_and_hung_up_by_the_caller(autojump_clock) -> None:
    network = FakeNetwork()
    async with pair(network) as (server, caller):
        out, into = await called(caller, server)
        assert into.offer == OFFER
        assert into.remote == CALLER
        assert into.request is not None
        assert into.request.uri.user_text == "100"
        await into.ring()
        await into.answer(ANSWER)
        assert await out.wait_answered() == ANSWER
        assert out.progress is not None
        assert out.progress.status == 180
        await out.bye("done")
        end = await into.wait_ended()
        assert isinstance(end, Ended)
        assert end.cause is EndCause.BYE
        assert server.live_calls == caller.live_calls == 0
        await trio.sleep(40)
        assert server.statistics().transactions == caller.statistics().transactions == 0
    starts = [line.split(" ")[0 if not line.startswith("SIP") else 1] for line in network.lines()]
    assert starts == ["INVITE", "100", "180", "200", "ACK", "BYE", "200"]


async def test_hanging_up_ends_the_call_on_both_sides_with_our_words(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await answered(caller, server)
        await into.bye("good-bye")
        await into.bye("again")
        end = await out.wait_ended()
        assert isinstance(end, Ended)
        assert "good-bye" in end.reason_text
        assert (await into.wait_ended()).cause is EndCause.LOCAL  # type: ignore[union-attr]
        await server.wait_quiet()
        assert server.statistics().calls == 0


async def test_all_who_wait_for_quiet_are_told(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, _ = await answered(caller, server)
        with trio.fail_after(1):
            async with trio.open_nursery() as waiting:
                for _ in range(2):
                    waiting.start_soon(server.wait_quiet)
                await trio.testing.wait_all_tasks_blocked()
                await out.bye()


async def test_a_rejected_call_is_over_for_both(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await called(caller, server)
        await into.reject(503, headers=[("Retry-After", "7")])
        with pytest.raises(CallGone) as gone:
            await out.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 503
        assert gone.value.end.headers.text("Retry-After") == "7"
        await into.reject(486)
        with pytest.raises(CallGone):
            await into.answer(ANSWER)
        assert server.live_calls == caller.live_calls == 0


async def test_a_caller_who_gives_up_is_gone_for_whoever_waits(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await called(caller, server)
        await into.ring()
        await trio.sleep(1)
        await out.cancel()
        assert isinstance(await into.wait_ended(), Cancelled)
        with pytest.raises(CallGone):
            await into.answer(ANSWER)
        with pytest.raises(CallGone):
            await into.wait_reinvite()
        assert server.live_calls == 0


async def test_an_answer_that_nobody_acknowledges_ends_the_call(autojump_clock) -> None:
    network = FakeNetwork()
    network.loses = lambda data, to: data.startswith(b"ACK")
    async with pair(network) as (server, caller):
        _, into = await called(caller, server)
        with pytest.raises(CallGone) as gone:
            await into.answer(ANSWER)
        assert isinstance(gone.value.end, Ended)
        assert gone.value.end.cause is EndCause.NO_ACK


async def test_what_is_lost_is_sent_again(autojump_clock) -> None:
    network = FakeNetwork()
    seen: set[bytes] = set()

    def first_of_each(data: bytes, to: Address) -> bool:
        new = data not in seen
        seen.add(data)
        return new

    async with pair(network) as (server, caller):
        _, known = await answered(caller, server)  # nobody is sent to so often who has never been there
        await known.bye()
        network.loses = first_of_each
        out, into = await answered(caller, server)
        await into.bye()
        assert isinstance(await out.wait_ended(), Ended)


async def test_a_late_offer_is_ours_and_the_ack_has_the_answer(autojump_clock) -> None:
    async with pair() as (server, caller):
        out, into = await called(caller, server, body=b"")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(acknowledge_late, out)
            assert await into.answer(OFFER) == ANSWER


async def acknowledge_late(out: SipCall) -> None:
    assert await out.wait_answered() == OFFER
    await out.acknowledge(ANSWER)


async def test_a_reinvite_is_answered_within_the_call(autojump_clock) -> None:
    network = FakeNetwork()
    async with pair(network) as (server, caller):
        out, into = await answered(caller, server)
        caller_core = caller._core
        caller_core.reinvite(out.id, b"v=0 hold", trio.current_time())
        caller._follow_up()
        assert await into.wait_reinvite() == b"v=0 hold"
        await into.accept_reinvite(b"v=0 held")
        await trio.sleep(1)
        caller_core.reinvite(out.id, b"v=0 nonsense", trio.current_time())
        caller._follow_up()
        await into.wait_reinvite()
        await into.refuse_reinvite(488)
        await trio.testing.wait_all_tasks_blocked()
        assert into.end is None
        await out.bye()
        with pytest.raises(CallGone):
            await into.wait_reinvite()


async def test_calls_that_nobody_looks_at_are_refused_at_once(autojump_clock) -> None:
    network = FakeNetwork()
    async with pair(network) as (server, caller):
        for _ in range(WAITING_CALLS_MAX + 1):
            last = await caller.call(TARGET, destination=SERVER, from_uri=ANNA, body=OFFER)
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(CallGone) as gone:
            await last.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status == 503
        assert server.counters.of("sip_refused", "nobody_looks") == 1


async def test_errors_of_the_network_are_counted_and_survived(autojump_clock) -> None:
    network = FakeNetwork()
    async with pair(network) as (server, caller):
        for _ in range(FAULTS_IN_A_ROW_MAX + 5):
            network.sockets[SERVER].report(errno.ECONNREFUSED)
        network.sockets[SERVER].report(errno.ENETDOWN)
        await answered(caller, server)
        assert server.counters.of("sip_socket_error", "ECONNREFUSED") == FAULTS_IN_A_ROW_MAX + 5
        assert server.counters.of("sip_socket_error", "ENETDOWN") == 1


async def test_a_destination_without_a_way_ends_the_call_at_once(autojump_clock) -> None:
    network = FakeNetwork()
    async with pair(network) as (_, caller):
        network.sockets[CALLER].send_error = errno.ENETUNREACH
        began = trio.current_time()
        out = await caller.call(TARGET, destination=SERVER, from_uri=ANNA, body=OFFER)
        with pytest.raises(CallGone):
            await out.wait_answered()
        assert trio.current_time() == began
        assert caller.counters.of("sip_not_sent", "ENETUNREACH") >= 1


async def test_a_re_invite_that_was_cancelled_cannot_be_answered_and_the_next_one_can(autojump_clock) -> None:
    network = FakeNetwork()
    async with pair(network) as (server, caller):
        out, into = await answered(caller, server)
        caller._core.reinvite(out.id, b"v=0 withdrawn", trio.current_time())
        caller._follow_up()
        reinvite = network.wire[-1][2]
        assert await into.wait_reinvite() == b"v=0 withdrawn"
        network.sockets[SERVER].arrive(cancel_of(reinvite), CALLER)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(WrongState):
            await into.accept_reinvite(b"v=0 answer")
        await trio.sleep(1)
        caller._core.reinvite(out.id, b"v=0 next", trio.current_time())
        caller._follow_up()
        assert await into.wait_reinvite() == b"v=0 next"
        await into.accept_reinvite(b"v=0 answer")
        assert into.end is None


def cancel_of(invite: bytes) -> bytes:
    """RFC 3261 section 9.1, done to a request on the wire."""
    lines = invite.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [line for line in lines if not line.startswith((b"Content-", b"Allow"))]
    return b"\r\n".join(kept).replace(b"INVITE", b"CANCEL") + b"\r\n\r\n"


async def test_a_fault_of_the_core_costs_one_datagram_and_not_the_loop(autojump_clock, monkeypatch) -> None:
    async with pair() as (server, caller):
        healthy = server._core.receive
        monkeypatch.setattr(server._core, "receive", fail)
        server._socket.arrive(b"anything", CALLER)  # type: ignore[attr-defined]
        await trio.testing.wait_all_tasks_blocked()
        monkeypatch.setattr(server._core, "receive", healthy)
        assert server.counters.of("sip_fault", "datagram") == 1
        await answered(caller, server)


def fail(*_: object) -> None:
    raise ZeroDivisionError


async def test_a_core_that_only_fails_ends_the_loop_loudly(autojump_clock, monkeypatch) -> None:
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with endpoint(FakeNetwork(), SERVER) as server:
            monkeypatch.setattr(server._core, "receive", fail)
            for _ in range(FAULTS_IN_A_ROW_MAX):
                server._socket.arrive(b"anything", CALLER)  # type: ignore[attr-defined]
            await trio.sleep_forever()


async def test_closing_the_endpoint_tells_every_call(autojump_clock) -> None:
    network = FakeNetwork()
    async with endpoint(network, CALLER) as caller:
        async with endpoint(network, SERVER) as server:
            _, into = await answered(caller, server)
        end = await into.wait_ended()
        assert isinstance(end, Ended)
        assert end.cause is EndCause.TRANSPORT


async def test_a_reinvite_that_was_withdrawn_unread_gives_way_to_the_next(autojump_clock) -> None:
    async with pair() as (server, caller):
        _, into = await answered(caller, server)
        into.deliver(Reinvite(into.id, b"first"))
        into.deliver(Reinvite(into.id, b"second"))
        assert await into.wait_reinvite() == b"second"


async def test_a_fault_in_handing_on_an_event_costs_that_event_and_not_the_loop(
    autojump_clock, monkeypatch
) -> None:
    async with pair() as (server, caller):
        _, into = await answered(caller, server)
        with monkeypatch.context() as patch:
            patch.setattr(into, "deliver", fail)
            server._core._core.emit(Reinvite(into.id, b"offer"))
            server._follow_up()
        assert server.counters.of("sip_fault", "event") == 1
        await answered(caller, server)


@pytest.mark.usefixtures("unhurried")
async def test_a_registration_is_held_and_taken_back_at_the_end(autojump_clock) -> None:
    network, tokens = FakeNetwork(), SeededTokens(5)
    registrar = Registrar(["127.0.0.1"])
    guard = Guard(lambda request, source: Admission.WELCOME, Authenticator("pbx", NoUsers(), tokens))
    core = UserAgent(SERVER, tokens, guard=guard, registrar=registrar)
    async with endpoint(network, CALLER) as phone, trio.open_nursery() as nursery:
        server = SipEndpoint(await network.open(SERVER), core, TrioClock())
        await nursery.start(server.run)
        phone.register(Plan(ANNA, TARGET, (SERVER,)))
        await trio.sleep(10_000)
        assert [binding.source for binding in registrar.lookup(ANNA, trio.current_time())] == [CALLER]
        await phone.wait_unregistered()
        assert len(registrar) == 0
        assert phone.counters.of("sip_registration", "Unregistered") == 1
        nursery.cancel_scope.cancel()


class NoUsers:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return None
