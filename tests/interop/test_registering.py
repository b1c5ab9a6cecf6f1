"""The softphone proves who it is to a registrar that is not ours: so that its own digest is known to be right."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.carriers.digest import is_right
from tests.carriers.message import Message, respond
from tests.interop.matrix.peers import pjsip

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
USER, PASSWORD, REALM = "anna", "correct horse", "registrar.example"


@asynccontextmanager
async def registrar(algorithm: str) -> AsyncIterator[str]:
    """Its URI, until the end of the block."""
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        await endpoint.bind(("127.0.0.1", 0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_register, endpoint, algorithm)
            yield f"sip:127.0.0.1:{endpoint.getsockname()[1]}"
            nursery.cancel_scope.cancel()


async def _register(endpoint: trio.socket.SocketType, algorithm: str) -> None:
    challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="n1", qop="auth", algorithm={algorithm}'
    while True:
        data, source = await endpoint.recvfrom(65_535)
        if not data.strip(b"\r\n\0"):  # a keep-alive
            continue
        request = Message.parse(data)
        shown = request.all("authorization")
        if not shown:
            answer = respond(request, "401 Unauthorized", challenge)
        elif is_right(shown[0], "REGISTER", USER, PASSWORD):
            answer = respond(request, "200 OK", f"Contact: {request['contact']};expires=60")
        else:
            answer = respond(request, "403 Forbidden")
        await endpoint.sendto(answer, source)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(("password", "status"), [(PASSWORD, 200), ("guessed", 403)])
async def test_whoever_knows_the_password_is_registered(algorithm: str, password: str, status: int) -> None:
    async with registrar(algorithm) as uri:
        outcome = await pjsip("--registrar", uri, "--user", USER, "--password", password)
    assert outcome["registration"] == status
