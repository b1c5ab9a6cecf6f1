from __future__ import annotations

import pytest
import trio

from mediasrv.bench.netem import PROFILES, Profile
from tests.sim.deterministic import BEGINNING_NS, Agenda, run
from tests.sim.network import SOCKET_BACKLOG, Address, Network

A, B = ("10.0.0.1", 5060), ("10.0.0.2", 5060)


def test_a_datagram_arrives_after_the_link_s_delay() -> None:
    async def main(agenda: Agenda) -> tuple[bytes, Address, int]:
        network = Network(agenda, 1, profile=Profile(delay_ms=15.0))
        a, b = network.bind(A), network.bind(B)
        a.send(b"hello", B)
        data, source = await b.receive()
        return data, source, agenda.clock.now_ns() - BEGINNING_NS

    assert run(1, main) == (b"hello", A, 15_000_000)


def test_directions_have_links_of_their_own() -> None:
    async def main(agenda: Agenda) -> list[int]:
        network = Network(
            agenda, 1, profiles={(A[0], B[0]): Profile(delay_ms=10.0), (B[0], A[0]): Profile(delay_ms=70.0)}
        )
        a, b = network.bind(A), network.bind(B)
        a.send(b"ping", B)
        await b.receive()
        there_ns = agenda.clock.now_ns()
        b.send(b"pong", A)
        await a.receive()
        return [there_ns - BEGINNING_NS, agenda.clock.now_ns() - there_ns]

    assert run(1, main) == [10_000_000, 70_000_000]


def test_the_wire_log_repeats_from_the_seed_and_tells_what_was_lost() -> None:
    async def main(agenda: Agenda) -> Network:
        network = Network(agenda, 5, profile=PROFILES["lossy"])
        network.attach(B, lambda data, source, to: None)
        for number in range(400):
            network.send(number.to_bytes(2, "big"), A, B)
            await trio.sleep(0.02)
        return network

    first, second = run(1, main), run(1, main)
    assert first.log == second.log
    lost = sum(not wired.arrives_ns for wired in first.log)
    assert 0 < lost == first.statistics()[A[0], B[0]].lost


def test_a_censor_makes_chosen_datagrams_get_lost() -> None:
    async def main(agenda: Agenda) -> list[bytes]:
        network = Network(agenda, 1)
        network.censor = lambda data, source, to: data.startswith(b"ACK")
        a, b = network.bind(A), network.bind(B)
        for data in (b"INVITE", b"ACK", b"BYE"):
            a.send(data, B)
        return [(await b.receive())[0] for _ in range(2)]

    assert run(1, main) == [b"INVITE", b"BYE"]


def test_a_host_s_mailbox_gets_what_no_port_holds_and_when_it_will_arrive() -> None:
    async def main(agenda: Agenda) -> list[tuple[int, Address]]:
        network = Network(agenda, 1, profile=PROFILES["lan"])
        seen: list[tuple[int, Address]] = []
        network.attach_mailbox(B[0], lambda at_ns, data, source, to: seen.append((at_ns, to)))
        network.send(b"rtp", A, (B[0], 20_000))
        network.send(b"rtp", A, ("10.9.9.9", 1))
        assert [at_ns for at_ns, _ in seen] == list(network.log[0].arrives_ns)
        await trio.sleep(1)
        assert network.unreachable == 1
        return seen

    [(at_ns, to)] = run(1, main)
    assert at_ns > BEGINNING_NS
    assert to == (B[0], 20_000)


def test_a_closed_socket_wakes_its_reader_and_frees_its_port() -> None:
    async def main(agenda: Agenda) -> None:
        network = Network(agenda, 1)
        socket = network.bind(A)
        with pytest.raises(OSError, match="in use"):
            network.bind(A)
        agenda.after(10, socket.close)
        with pytest.raises(trio.ClosedResourceError):
            await socket.receive()
        assert network.open_ports == []
        network.bind(A).close()

    run(1, main)


def test_a_socket_that_nobody_reads_drops_what_comes() -> None:
    async def main(agenda: Agenda) -> int:
        network = Network(agenda, 1)
        socket = network.bind(B)
        for _ in range(SOCKET_BACKLOG + 3):
            network.send(b"x", A, B)
        await trio.sleep(1)
        return socket.overflowed

    assert run(1, main) == 3


def test_port_zero_takes_a_free_one() -> None:
    async def main(agenda: Agenda) -> None:
        network = Network(agenda, 1)
        assert network.bind((A[0], 0)).local != network.bind((A[0], 0)).local

    run(1, main)
