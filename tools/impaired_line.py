"""A bad network between a telephone and the server, on loopback: a relay for one call's signalling and sound.

The telephone dials the relay instead of the server. Signalling passes through unharmed, but where an SDP body says
where sound shall go, the relay writes itself; what then comes is passed on when, and if, the emulator
(mediasrv/bench/netem.py) lets it through, each way with dice of its own. Requests after the first go from one to the
other directly, by their Contacts. RTCP is taken and left.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import trio

from mediasrv.bench.netem import Link, Profile

HOST = "127.0.0.1"
LARGEST_DATAGRAM = 65_535
TRIES = 50  # to find an even port with a free one after it
Address = tuple[str, int]
_AUDIO = re.compile(rb"(?m)^m=audio (\d+)")
_CONNECTION = re.compile(rb"(?m)^c=IN IP4 [^\r\n]*")
_RTCP = re.compile(rb"(?m)^a=rtcp:[^\r\n]*\r\n")
_LENGTH = re.compile(rb"(?mi)^(Content-Length|l)[ \t]*:[ \t]*\d+")
_ADDRESS = re.compile(rb"(?m)^c=IN IP4 ([0-9.]+)")


@dataclass(slots=True)
class Way:
    """One direction of the sound: taken at `at`, sent on from `out`, to where the receiver's SDP said."""

    at: trio.socket.SocketType
    out: trio.socket.SocketType
    link: Link
    to: Address | None = None
    answered_by: Way | None = None  # which then sends to whoever spoke here last; None: SDP says where to
    waiting: list[tuple[float, int, bytes]] = field(default_factory=list)
    more: trio.Event = field(default_factory=trio.Event)


@dataclass(frozen=True, slots=True)
class ImpairedLine:
    """`sip` is what the telephone dials; `up` is the telephone's sound, `down` the server's."""

    sip: Address
    up: Way
    down: Way


@asynccontextmanager
async def impaired_line(server: Address, profile: Profile, seed: int) -> AsyncIterator[ImpairedLine]:
    sockets: list[trio.socket.SocketType] = []
    try:
        front, back = await _bound(sockets), await _bound(sockets)
        for_phone, for_server = await _media_port(sockets), await _media_port(sockets)
        up = Way(for_phone, for_server, Link(profile, 2 * seed))
        down = Way(for_server, for_phone, Link(profile, 2 * seed + 1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_signalling, front, back, server, up, down)
            for way in (up, down):
                nursery.start_soon(take, way)
                nursery.start_soon(pass_on, way)
            yield ImpairedLine(front.getsockname(), up, down)
            nursery.cancel_scope.cancel()
    finally:
        for each in sockets:
            each.close()


async def _bound(sockets: list[trio.socket.SocketType], port: int = 0) -> trio.socket.SocketType:
    opened = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    sockets.append(opened)
    await opened.bind((HOST, port))
    return opened


async def _media_port(sockets: list[trio.socket.SocketType]) -> trio.socket.SocketType:
    """An even port, with the next one held so that the RTCP sent there hits nobody else."""
    for _ in range(TRIES):
        rtp = await _bound(sockets)
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            try:
                await _bound(sockets, port + 1)
            except OSError:
                continue
            return rtp
    raise OSError("no two ports in a row are free")


# ---- signalling ------------------------------------------------------------------------------------------------------


async def _signalling(
    front: trio.socket.SocketType, back: trio.socket.SocketType, server: Address, up: Way, down: Way
) -> None:
    """What the telephone's SDP says concerns what it hears, and the other way round."""
    phone: Address | None = None

    async def to_phone() -> None:
        while True:
            message = await back.recv(LARGEST_DATAGRAM)
            if phone is not None:
                await front.sendto(_readdressed(message, up), phone)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(to_phone)
        while True:
            message, phone = await front.recvfrom(LARGEST_DATAGRAM)
            await back.sendto(_readdressed(message, down), server)


def _readdressed(message: bytes, way: Way) -> bytes:
    """The same message, with the end of `way` that is ours for the one that its sender named."""
    head, blank, body = message.partition(b"\r\n\r\n")
    port, host = _AUDIO.search(body), _ADDRESS.search(body)
    if port is None or host is None:
        return message
    way.to = host[1].decode(), int(port[1])
    body = _AUDIO.sub(b"m=audio %d" % way.at.getsockname()[1], body)
    body = _RTCP.sub(b"", _CONNECTION.sub(b"c=IN IP4 " + HOST.encode(), body))
    return _LENGTH.sub(rb"\1: %d" % len(body), head) + blank + body


# ---- sound -----------------------------------------------------------------------------------------------------------


async def take(way: Way) -> None:
    order = count()
    while True:
        datagram, source = await way.at.recvfrom(LARGEST_DATAGRAM)
        if way.answered_by is not None:
            way.answered_by.to = source
        for arrives_at, data in way.link.send(datagram, trio.current_time()):
            heapq.heappush(way.waiting, (arrives_at, next(order), data))
        way.more.set()


async def pass_on(way: Way) -> None:
    """Each datagram at its time; woken by one that may have to go sooner."""
    while True:
        way.more = trio.Event()
        due = way.waiting[0][0] if way.waiting else float("inf")
        with trio.move_on_at(due):
            await way.more.wait()
        while way.waiting and way.waiting[0][0] <= trio.current_time():
            data = heapq.heappop(way.waiting)[2]
            if way.to is not None:
                await way.out.sendto(data, way.to)
