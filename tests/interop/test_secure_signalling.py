"""TLS peers that are let in, and those that are not; whole calls over TLS are cells of the matrix."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from mediasrv.bench.instruments.server_process import serving
from mediasrv.endpoints.streams import (
    TcpDialler,
    TcpListener,
    TlsFiles,
    TlsTransport,
    client_context,
    server_context,
)
from mediasrv.sip import Limits
from tests.interop.patience import PATIENCE_S
from tests.interop.tls import certificate, settings

pytestmark = pytest.mark.interop
OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1\r\n"
    b"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


async def asked(port: int, context: ssl.SSLContext, question: bytes = OPTIONS) -> bytes:
    """What comes back for it over TLS, until the connection closes or has answered."""
    stream = await trio.open_ssl_over_tcp_stream(
        "127.0.0.1", port, ssl_context=context, https_compatible=True
    )
    got = b""
    async with stream:
        with trio.fail_after(PATIENCE_S):
            await stream.send_all(question)
            while b"\r\n\r\n" not in got:
                data = await stream.receive_some()
                if not data:
                    break
                got += data
    return got


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_the_servers_certificate_is_shown_and_tls_1_1_is_not_spoken(tmp_path: Path) -> None:
    port, arguments = settings(tmp_path)
    async with serving(tmp_path, arguments):
        context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        assert (await asked(port, context)).startswith(b"SIP/2.0 200 OK\r\n")
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((trio.BrokenResourceError, ssl.SSLError)):
            await asked(port, context)


@pytest.mark.side_by_side
async def test_where_callers_must_show_a_certificate_others_are_not_let_in(tmp_path: Path) -> None:
    known, unknown = certificate(tmp_path, "known"), certificate(tmp_path, "unknown")
    port, arguments = settings(tmp_path, f'tls_authority = "{known[0]}"', "tls_mutual = true")
    async with serving(tmp_path, arguments):
        for shown, let_in in ((known, True), (unknown, False), (None, False)):
            context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            if shown:
                context.load_cert_chain(*shown)
            try:
                got = await asked(port, context)
            except (trio.BrokenResourceError, ssl.SSLError):
                got = b""
            assert got.startswith(b"SIP/2.0 200") is let_in


@pytest.mark.side_by_side
async def test_a_handshake_that_nobody_finishes_is_given_up_and_others_are_served(tmp_path: Path) -> None:
    port, arguments = settings(tmp_path)
    async with serving(tmp_path, arguments):
        half_open = await trio.open_tcp_stream("127.0.0.1", port)
        async with half_open:
            context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            assert (await asked(port, context)).startswith(b"SIP/2.0 200")
            with trio.fail_after(PATIENCE_S):
                assert await half_open.receive_some() == b""


INVITE = (
    b"INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK2\r\n"
    b"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:x@127.0.0.1;transport=tls>\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.side_by_side
async def test_a_trunk_that_is_known_by_its_certificate_calls_without_a_password(tmp_path: Path) -> None:
    """Another that the authority vouches for is asked for one, and so is who shows none."""
    carrier, other = certificate(tmp_path, "carrier"), certificate(tmp_path, "other")
    (tmp_path / "authority.pem").write_bytes(carrier[0].read_bytes() + other[0].read_bytes())
    trunk = ("[trunks.t]", 'authentication = ["tls"]', 'certificates = ["Carrier.Example"]')
    port, arguments = settings(tmp_path, f'tls_authority = "{tmp_path / "authority.pem"}"', *trunk)
    async with serving(tmp_path, arguments):
        # The trunk calls last: else the others' INVITEs would be copies of its own.
        for shown, answer in ((other, b"SIP/2.0 401"), (None, b"SIP/2.0 401"), (carrier, b"SIP/2.0 100")):
            context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            if shown:
                context.load_cert_chain(*shown)
            assert (await asked(port, context, INVITE)).startswith(answer)


async def test_who_is_called_by_name_must_show_a_certificate_for_that_name(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    files = TlsFiles(pem, key, authority=pem)
    transport = TlsTransport(TcpDialler("127.0.0.1"), Limits(), server_context(files), client_context(files))
    listener = await TcpListener.open(("127.0.0.1", 0))

    async def answer() -> None:
        while True:
            stream, _ = await listener.accept()
            async with stream:
                with suppress(trio.BrokenResourceError):
                    await (await transport.welcome(stream)).receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        with trio.fail_after(PATIENCE_S):
            for name in ("server.example", ""):  # the address is in the certificate too
                await (await transport.dial(listener.local, name)).aclose()
            with pytest.raises(trio.BrokenResourceError):
                await transport.dial(listener.local, "other.example")
        nursery.cancel_scope.cancel()
    listener.close()
