"""The certificate that we show in handshakes, and the settings that all of them share.

Nobody signs it: the signalling carries its fingerprint, and that is what vouches for it (RFC 5763 section 6.2). It is
made anew at every start and its key is never written anywhere.

A server in DTLS answers a few hundred bytes with a few thousand, to an address that anybody can forge. So nobody is
answered before a cookie has come back from there (RFC 6347 section 4.2.1): it is a keyed hash of the address.
"""

from __future__ import annotations

import hmac
import os
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from mediasrv.media.dtls.profiles import OFFERED

DTLS_1_2 = 0xFEFD  # RFC 8827 section 6.5: nothing older
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES128"
COOKIE_OCTETS = 16
VALID_FOR = timedelta(days=30)  # whoever looks at it: the fingerprint is what counts
BORN_BEFORE = timedelta(days=1)  # for clocks that are late


class Certificate:
    """ECDSA on P-256, signed by itself; `sha256` is its fingerprint."""

    def __init__(self, now: datetime | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self._x509 = _self_signed(key, now or datetime.now(UTC))
        self.sha256 = self._x509.fingerprint(hashes.SHA256())
        self._cookie_key = os.urandom(32)
        self._context = self._make_context(key)

    def connection(self) -> SSL.Connection:
        """A fresh association over memory; its app data is the address of the other side."""
        return SSL.Connection(self._context, None)

    def _make_context(self, key: ec.EllipticCurvePrivateKey) -> SSL.Context:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(DTLS_1_2)
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        context.set_cipher_list(CIPHERS)
        context.set_tlsext_use_srtp(OFFERED)
        context.use_certificate(self._x509)
        context.use_privatekey(key)
        # Chains and dates mean nothing here: the handshake compares the fingerprint itself.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_cookie_generate_callback(self._cookie)
        context.set_cookie_verify_callback(
            lambda each, cookie: hmac.compare_digest(cookie, self._cookie(each))
        )
        return context

    def _cookie(self, connection: SSL.Connection) -> bytes:
        source = repr(connection.get_app_data()).encode()
        return hmac.digest(self._cookie_key, source, "sha256")[:COOKIE_OCTETS]


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mediasrv")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BORN_BEFORE)
        .not_valid_after(now + VALID_FOR)
        .sign(key, hashes.SHA256())
    )
