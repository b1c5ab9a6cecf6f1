"""PJSIP's softphone over TCP and TLS, and TLS peers that are not let in; the certificates are made here."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
from tests.interop.sound import read_wav, seconds_of_tone

pytestmark = pytest.mark.interop
ROOT = Path(__file__).resolve().parents[2]
OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1\r\n"
    b"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def certificate(directory: Path, name: str = "server") -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    place = x509.SubjectAlternativeName([here, x509.DNSName(f"{name}.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(place, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = directory / f"{name}.pem", directory / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pem, private


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings(directory: Path, *more: str) -> tuple[int, list[str]]:
    """A server with TLS: its port, and the arguments that make it so."""
    port, (pem, key) = free_tcp_port(), certificate(directory)
    lines = [f"tls_port = {port}", f'tls_certificate = "{pem}"', f'tls_key = "{key}"', *more]
    file = directory / "tls.toml"
    file.write_text("[sip]\n" + "\n".join(lines) + "\n")
    return port, ["--config", str(file), "--agent", "tone"]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_softphone_calls_and_hears_the_agent(transport: str, tmp_path: Path) -> None:
    tls_port, arguments = settings(tmp_path)
    heard = tmp_path / "heard.wav"
    async with serving(tmp_path, arguments) as server:
        port = server.sip[1] if transport == "tcp" else tls_port
        uri = f"sip:anyone@127.0.0.1:{port};transport={transport}"
        command = [
            sys.executable, "-m", "tools.softphone", uri, "--json", "--record", str(heard), "--seconds", "2",
        ]  # fmt: skip
        with trio.fail_after(60):
            ended = await trio.run_process(
                command, cwd=ROOT, capture_stdout=True, stderr=subprocess.DEVNULL, check=False
            )
    outcome = json.loads(ended.stdout)
    assert (outcome["answered"], outcome["hung_up_by"], outcome["packets_lost"]) == (True, "us", 0), outcome
    samples, rate_hz = read_wav(heard)
    assert seconds_of_tone(samples, 440, rate_hz) >= 1.4


async def asked(port: int, context: ssl.SSLContext) -> bytes:
    """What comes back for OPTIONS over TLS, until the connection closes or has answered."""
    stream = await trio.open_ssl_over_tcp_stream(
        "127.0.0.1", port, ssl_context=context, https_compatible=True
    )
    got = b""
    async with stream:
        with trio.fail_after(5):
            await stream.send_all(OPTIONS)
            while not got.endswith(b"\r\n\r\n"):
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


async def test_a_handshake_that_nobody_finishes_is_given_up_and_others_are_served(tmp_path: Path) -> None:
    port, arguments = settings(tmp_path)
    async with serving(tmp_path, arguments):
        half_open = await trio.open_tcp_stream("127.0.0.1", port)
        async with half_open:
            context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
            assert (await asked(port, context)).startswith(b"SIP/2.0 200")
            with trio.fail_after(10):
                assert await half_open.receive_some() == b""


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
        with trio.fail_after(10):
            for name in ("server.example", ""):  # the address is in the certificate too
                await (await transport.dial(listener.local, name)).aclose()
            with pytest.raises(trio.BrokenResourceError):
                await transport.dial(listener.local, "other.example")
        nursery.cancel_scope.cancel()
    listener.close()
