"""The real socket, over loopback."""

from __future__ import annotations

import errno

import pytest
import trio

from mediasrv.endpoints import open_datagram_socket
from mediasrv.endpoints.nat.hosts import route_from
from mediasrv.endpoints.streams import TcpDialler, TcpListener
from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_datagrams_go_there_and_back_between_ports_that_were_free(host: str) -> None:
    one, two = await open_datagram_socket((host, 0)), await open_datagram_socket((host, 0))
    assert one.local[0] == host
    assert one.local[1] > 0
    with trio.fail_after(PATIENCE_S):
        one.send(b"ping", two.local)
        assert await two.receive() == (b"ping", one.local)
        two.send(b"", one.local)
        assert await one.receive() == (b"", two.local)
    one.close()
    two.close()


async def test_a_port_in_use_is_an_error_with_its_number() -> None:
    taken = await open_datagram_socket(("127.0.0.1", 0))
    with pytest.raises(OSError) as caught:
        await open_datagram_socket(taken.local)
    assert caught.value.errno == errno.EADDRINUSE
    taken.close()


async def test_a_port_that_nobody_listens_on_harms_nobody() -> None:
    gone = await open_datagram_socket(("127.0.0.1", 0))
    nobody = gone.local
    gone.close()
    one, two = await open_datagram_socket(("127.0.0.1", 0)), await open_datagram_socket(("127.0.0.1", 0))
    with trio.fail_after(PATIENCE_S):
        for _ in range(3):
            one.send(b"?", nobody)
        two.send(b"still here", one.local)
        assert (await one.receive())[0] == b"still here"
    one.close()
    two.close()


async def test_what_is_too_large_for_a_datagram_is_an_error_of_the_sender() -> None:
    one = await open_datagram_socket(("127.0.0.1", 0))
    with pytest.raises(OSError) as caught:
        one.send(bytes(70_000), one.local)
    assert caught.value.errno == errno.EMSGSIZE
    one.close()


async def test_a_socket_of_both_families_knows_its_peers_by_their_plain_addresses() -> None:
    both, old, new = [await open_datagram_socket((host, 0)) for host in ("::", "127.0.0.1", "::1")]
    with trio.fail_after(PATIENCE_S):
        for peer in (old, new):
            peer.send(b"ping", (peer.local[0], both.local[1]))
            assert await both.receive() == (b"ping", peer.local)
            both.send(b"pong", peer.local)
            assert (await peer.receive())[0] == b"pong"
    for each in (both, old, new):
        each.close()


async def test_a_listener_of_both_families_does_so_too() -> None:
    listener = await TcpListener.open(("::", 0))
    with trio.fail_after(PATIENCE_S):
        for host in ("127.0.0.1", "::1"):
            stream = await TcpDialler(host)((host, listener.local[1]))
            accepted, source = await listener.accept()
            assert source[0] == host
            await stream.aclose()
            await accepted.aclose()
    listener.close()


def test_a_route_is_looked_up_without_sending_anything() -> None:
    assert route_from("127.0.0.7") == "127.0.0.1"
    assert route_from("::1") == "::1"
