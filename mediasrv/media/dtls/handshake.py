"""One DTLS association as a machine without I/O: datagrams and time go in, datagrams and keys come out.

OpenSSL does the cryptography over two buffers in memory. Three things about that shape this file.

*Boundaries.* What OpenSSL wants to send lies in its buffer without them, so it is cut at the records (each says its
length) and packed into datagrams again. What comes in is fed one datagram at a time.

*Time.* OpenSSL asks the system what time it is, and sends a flight again only if its own timer agrees. Ours are the
deadlines: one second, then twice as long each time (RFC 6347 section 4.2.4.1). Where OpenSSL's clock does not follow
ours, as in virtual time, the last flight is sent again as it was, which serves whoever did not get it.

*Strangers.* As a server we answer an address with nothing but a cookie, and keep nothing, until the cookie came back
from there; after that, only that address is heard. As a client we began, and hear only whom we spoke to. A certificate
that is not the one of the signalling ends it: HandshakeFailed.

When the keys exist the association stays: should our last flight have been lost, the client sends its own again, and
OpenSSL answers that. Nothing else is said over it; what comes is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

from mediasrv.errors import RemoteError
from mediasrv.media.dtls.certificate import Certificate
from mediasrv.media.dtls.profiles import LABEL, PROFILES, keys_of, octets_of
from mediasrv.media.spec import Address, SrtpKeys

DATAGRAM_OCTETS = 1_200  # fits every path
RECORD_HEADER = 13  # RFC 6347 section 4.1; the last two octets are the length of the rest
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 8.0
GIVE_UP_S = 30.0
UNREAD_OCTETS = 65_536
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512(),
}  # fmt: skip


class TheirFingerprint(NamedTuple):
    hash: str  # as SDP names it
    digest: bytes


class HandshakeFailed(RemoteError):
    """There will be no keys."""


class Handshake:
    def __init__(
        self,
        certificate: Certificate,
        *,
        is_client: bool,
        fingerprints: Collection[TheirFingerprint],
        remote: Address | None,
        now: float,
    ) -> None:
        """`remote`: whom a client speaks to. A server waits to be spoken to, by whomever."""
        self._certificate, self._is_client, self._fingerprints = certificate, is_client, fingerprints
        self._peer = remote if is_client else None
        self._connection: SSL.Connection | None = None
        self._to_send: list[tuple[bytes, Address]] = []
        self._flight: list[bytes] = []
        self._wait_s = FIRST_WAIT_S
        self._again_at: float | None = None
        self._fails_at = now + GIVE_UP_S
        self.keys: SrtpKeys | None = None
        if is_client and remote is not None:
            self._connection = self._associate(remote)
            self._connection.set_connect_state()
            self._proceed(now)

    @property
    def peer(self) -> Address | None:
        """Who has shown that he is there; None: nobody yet."""
        return self._peer

    def receive(self, data: bytes, source: Address, now: float) -> None:
        if self._connection is None:
            self._listen(data, source, now)
        elif source == self._peer:
            self._connection.bio_write(data)
            self._proceed(now)

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        datagrams, self._to_send = self._to_send, []
        return datagrams

    def next_deadline(self) -> float | None:
        """None: nothing is waited for."""
        if self.keys is not None:
            return None
        return self._fails_at if self._again_at is None else min(self._again_at, self._fails_at)

    def handle_deadline(self, now: float) -> None:
        if self.keys is not None:
            return
        if now >= self._fails_at:
            raise HandshakeFailed("no handshake within its time")
        if self._again_at is None or now < self._again_at or self._connection is None:
            return
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        self._again_at = now + self._wait_s
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise HandshakeFailed("no answer in the handshake") from error
        self._send(self._drained() or self._flight)

    # ---- the cookie
    def _listen(self, data: bytes, source: Address, now: float) -> None:
        """A first ClientHello is answered with a cookie and forgotten; one that brings it begins the association."""
        if self._is_client:
            return
        connection = self._associate(source)
        connection.set_accept_state()
        connection.bio_write(data)
        try:
            connection.DTLSv1_listen()
        except SSL.Error:  # a cookie to send; or it was no ClientHello, and there is nothing to say
            self._to_send += [(each, source) for each in _datagrams(_read(connection))]
            return
        self._connection, self._peer = connection, source
        self._proceed(now)

    def _associate(self, peer: Address) -> SSL.Connection:
        connection = self._certificate.connection()
        connection.set_app_data(peer)
        connection.set_ciphertext_mtu(DATAGRAM_OCTETS)
        return connection

    # ---- the handshake
    def _proceed(self, now: float) -> None:
        connection = self._connection
        assert connection is not None
        if self.keys is not None:
            self._stay(connection)
            return
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self._send(self._drained())  # an alert, which says why
            raise HandshakeFailed(f"handshake: {_reason(error)}") from error
        else:
            self.keys = self._checked_keys(connection)
            self._again_at = None
        flight = self._drained()
        if flight:
            self._flight, self._wait_s = flight, FIRST_WAIT_S
            self._again_at = None if self.keys else now + self._wait_s
            self._send(flight)

    def _stay(self, connection: SSL.Connection) -> None:
        with suppress(SSL.Error):  # nothing to read is one of them
            connection.recv(UNREAD_OCTETS)
        self._send(self._drained())

    def _checked_keys(self, connection: SSL.Connection) -> SrtpKeys:
        try:
            shown = connection.get_peer_certificate(as_cryptography=True)
        except ValueError as error:  # OpenSSL reads what cryptography does not
            raise HandshakeFailed("an unreadable certificate") from error
        if shown is None or not any(
            each.hash in _HASHES and shown.fingerprint(_HASHES[each.hash]) == each.digest
            for each in self._fingerprints
        ):
            raise HandshakeFailed("not the certificate that the signalling named")
        profile = connection.get_selected_srtp_profile()
        if profile not in PROFILES:
            raise HandshakeFailed("no protection profile in common")
        exported = connection.export_keying_material(LABEL, octets_of(profile))
        return keys_of(profile, exported, is_client=self._is_client)

    def _drained(self) -> list[bytes]:
        return [] if self._connection is None else list(_datagrams(_read(self._connection)))

    def _send(self, datagrams: list[bytes]) -> None:
        if self._peer is not None:
            self._to_send += [(each, self._peer) for each in datagrams]


def _read(connection: SSL.Connection) -> bytes:
    try:
        return connection.bio_read(UNREAD_OCTETS)
    except SSL.WantReadError:
        return b""


def _datagrams(octets: bytes) -> Iterator[bytes]:
    """As many records in each as fit."""
    packed = b""
    while octets:
        end = RECORD_HEADER + int.from_bytes(octets[RECORD_HEADER - 2 : RECORD_HEADER], "big")
        record, octets = octets[:end], octets[end:]
        if packed and len(packed) + len(record) > DATAGRAM_OCTETS:
            yield packed
            packed = b""
        packed += record
    if packed:
        yield packed


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own word for it: (library, function, reason), the newest last."""
    stack = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(stack[-1][-1]) if stack else type(error).__name__
