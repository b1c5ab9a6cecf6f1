from __future__ import annotations

import errno
import os
import socket

import pytest

from mediasrv.errors import AtCapacity, ConfigError
from mediasrv.ids import SeededTokens
from mediasrv.media.ports import PortRange, PortsExhausted, SharedPort, UdpPorts, VirtualPorts


def test_only_even_ports_within_the_range_are_given_each_once() -> None:
    ports = VirtualPorts(PortRange(20_001, 20_010), SeededTokens(1))
    given = [ports.open() for _ in range(5)]
    assert sorted(port.number for port in given) == [20_002, 20_004, 20_006, 20_008, 20_010]
    with pytest.raises(PortsExhausted) as refused:
        ports.open()
    assert isinstance(refused.value, AtCapacity)
    given[3].close()
    given[3].close()
    assert ports.open().number == given[3].number


def test_where_the_walk_begins_depends_on_the_tokens() -> None:
    begins = {VirtualPorts(PortRange(), SeededTokens(seed)).open().number for seed in range(20)}
    assert len(begins) > 15


def test_a_port_that_another_program_holds_is_passed_over() -> None:
    another = UdpPorts("127.0.0.1", PortRange(), SeededTokens(9)).open()
    ports = UdpPorts("127.0.0.1", PortRange(another.number, another.number + 1), SeededTokens(1))
    with pytest.raises(PortsExhausted):
        ports.open()
    another.close()
    ours = ports.open()
    assert ours.number == another.number
    ours.close()


def test_a_process_that_may_open_no_more_sockets_has_no_room_for_a_call_and_leaves_nothing_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound: list[socket.socket] = []
    new_socket = socket.socket

    def one_socket(*kind: int) -> socket.socket:
        if bound:
            raise OSError(errno.EMFILE, "Too many open files")
        bound.append(new_socket(*kind))
        return bound[0]

    ports = UdpPorts("127.0.0.1", PortRange(), SeededTokens(1))
    monkeypatch.setattr(socket, "socket", one_socket)
    with pytest.raises(AtCapacity, match="no more sockets"):
        ports.open(rtcp_mux=False)
    assert bound[0].fileno() == -1


def test_an_address_that_is_not_ours_is_an_error_and_not_a_full_range() -> None:
    with pytest.raises(OSError, match="assign"):
        UdpPorts("192.0.2.1", PortRange(20_000, 20_100), SeededTokens(1)).open()


@pytest.mark.parametrize(("first", "last"), [(0, 100), (30_000, 20_000), (60_000, 70_000), (20_001, 20_001)])
def test_a_range_that_is_none_is_refused(first: int, last: int) -> None:
    with pytest.raises(ConfigError, match="rtp_ports"):
        PortRange(first, last)


def test_a_pair_is_even_and_the_odd_one_above_both_bound() -> None:
    pair = UdpPorts("127.0.0.1", PortRange(), SeededTokens(3)).open(rtcp_mux=False)
    assert pair.number % 2 == 0
    for fd, number in ((pair.fd, pair.number), (pair.rtcp_fd, pair.number + 1)):
        with socket.socket(fileno=os.dup(fd)) as bound:
            assert bound.getsockname() == ("127.0.0.1", number)
            assert not os.get_blocking(fd)
    pair.close()
    pair.close()
    assert (pair.fd, pair.rtcp_fd) == (-1, -1)


def test_a_foreign_program_on_the_odd_port_leaves_nothing_of_the_pair_bound() -> None:
    free = UdpPorts("127.0.0.1", PortRange(), SeededTokens(4)).open(rtcp_mux=False)
    number = free.number
    free.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind(("127.0.0.1", number + 1))
        ports = UdpPorts("127.0.0.1", PortRange(number, number + 1), SeededTokens(1))
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(PortsExhausted):
            ports.open(rtcp_mux=False)
        assert len(os.listdir("/proc/self/fd")) == before
        ours = ports.open()  # multiplexed, it needs the even one alone
        assert ours.number == number
        ours.close()


def test_a_range_that_ends_even_has_no_partner_for_its_last_port() -> None:
    ports = VirtualPorts(PortRange(20_000, 20_002), SeededTokens(1))
    assert ports.open(rtcp_mux=False).number == 20_000
    with pytest.raises(PortsExhausted):
        ports.open(rtcp_mux=False)
    assert ports.open().number == 20_002


def test_a_shared_port_has_sockets_of_its_own_and_is_given_back_by_the_last() -> None:
    ports = UdpPorts("127.0.0.1", PortRange(), SeededTokens(3))
    first = SharedPort(ports.open(rtcp_mux=False))
    second = first.share()
    assert second.number == first.number
    assert len({first.fd, first.rtcp_fd, second.fd, second.rtcp_fd}) == 4
    first.close()
    first.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        with pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", second.number))
        second.close()
        stranger.bind(("127.0.0.1", second.number))


def test_a_port_that_cannot_be_shared_for_want_of_sockets_is_still_its_holder_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = UdpPorts("127.0.0.1", PortRange(), SeededTokens(4))
    first = SharedPort(ports.open(rtcp_mux=False))
    copied: list[int] = []
    dup = os.dup

    def one_copy(fd: int) -> int:
        if copied:
            raise OSError(errno.EMFILE, "Too many open files")
        copied.append(dup(fd))
        return copied[0]

    monkeypatch.setattr(os, "dup", one_copy)
    with pytest.raises(AtCapacity, match="no more sockets"):
        first.share()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(copied[0])
    first.close()
    assert first._port.fd == -1
