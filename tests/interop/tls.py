"""Certificates made here, and a server that shows one."""

from __future__ import annotations

import datetime
import ipaddress
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


def certificate(directory: Path, name: str = "server", *, rsa_bits: int = 0) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key: on a curve, or RSA of so many bits."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        rsa.generate_private_key(65_537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    )
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


def settings(directory: Path, *more: str, agent: str = "tone") -> tuple[int, list[str]]:
    """A server with TLS: its port, and the arguments that make it so."""
    port, (pem, key) = free_tcp_port(), certificate(directory)
    lines = [f"tls_port = {port}", f'tls_certificate = "{pem}"', f'tls_key = "{key}"', *more]
    file = directory / "tls.toml"
    file.write_text("[sip]\n" + "\n".join(lines) + "\n")
    return port, ["--config", str(file), "--agent", agent]
