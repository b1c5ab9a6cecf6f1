"""How we are seen from outside: a STUN server asked until it answers (RFC 5389 section 7.2.1).

Only the address is learnt. A NAT in front of a server must leave its ports as they are, or nobody would find the
sound; where it does not, that is said, because it cannot be mended from here.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from mediasrv.endpoints.datagram import Address, DatagramSocket
from mediasrv.endpoints.nat.stun import binding_request, mapped_address
from mediasrv.errors import RemoteError
from mediasrv.ids import TokenSource

FIRST_PAUSE_S = 0.5
REQUESTS = 7
LAST_PAUSE_S = 8.0  # 16 times the first, after the last request
REFRESH_S = 300.0

_log = logging.getLogger(__name__)


class NoAnswer(RemoteError):
    """The STUN server has not said how we are seen."""


async def seen_as(socket: DatagramSocket, server: Address, tokens: TokenSource) -> Address:
    """What we look like from there, through that socket; nobody else may be reading it. Raises NoAnswer."""
    request = binding_request(tokens)
    pause_s = FIRST_PAUSE_S
    for number in range(REQUESTS):
        try:
            socket.send(request, server)
        except OSError as error:
            _log.info("a STUN request could not be sent", extra={"why": str(error)})
        with trio.move_on_after(LAST_PAUSE_S if number == REQUESTS - 1 else pause_s):
            return await _answer(socket, server, request)
        pause_s *= 2
    raise NoAnswer(f"{server[0]}:{server[1]} does not answer")


async def _answer(socket: DatagramSocket, server: Address, request: bytes) -> Address:
    """What comes from anybody else is nothing to us, and what comes without our transaction is nobody's."""
    while True:
        try:
            data, source = await socket.receive()
        except OSError:  # ICMP: nobody listens there now
            continue
        found = mapped_address(data, request) if source == server else None
        if found is not None:
            if found[1] != socket.local[1]:
                _log.warning(
                    "the NAT changes our ports: sound may find no way in",
                    extra={"ours": socket.local[1], "seen": found[1]},
                )
            return found


async def keep_watch(ask: Callable[[], Awaitable[Address]], moved: Callable[[str], None]) -> None:
    """Asks again and again, and tells each new host; a server that is silent for once changes nothing."""
    while True:
        await trio.sleep(REFRESH_S)
        try:
            host, _ = await ask()
        except (RemoteError, OSError) as error:
            _log.warning("our address from outside is not known", extra={"why": str(error)})
        else:
            moved(host)
