"""Media security of one leg: what is wanted, what the negotiation starts from, and what came of it for the stream."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import trio

from mediasrv.ids import SystemTokens, TokenSource
from mediasrv.media import Address, SrtpKeys, SrtpProfile, StreamFace
from mediasrv.media.dtls import Certificate, Handshake, TheirFingerprint, secure
from mediasrv.sdp import (
    SUITES,
    Crypto,
    Dtls,
    Fingerprint,
    LocalSecurity,
    Negotiated,
    Policy,
    Sdes,
    Security,
    Setup,
)


@dataclass(frozen=True, slots=True)
class MediaSecurity:
    """`required` refuses a call that is not protected, `off` one that must be."""

    policy: Policy = "off"
    certificate: Certificate | None = None  # None: no DTLS
    tokens: TokenSource = field(default_factory=SystemTokens)  # that keys are drawn from
    suites: tuple[str, ...] = tuple(SUITES)  # of keys in the signalling, in the order of our offers

    def drawn(self) -> LocalSecurity:
        """For one call: a key for each suite, which stay its own to the end."""
        if self.policy == "off":
            return LocalSecurity()
        cryptos = tuple(
            Crypto(tag, suite, self.tokens.number(8 * octets).to_bytes(octets, "big"))
            for tag, (suite, octets) in enumerate(((each, SUITES[each]) for each in self.suites), 1)
        )
        certificate = self.certificate
        fingerprint = None if certificate is None else Fingerprint("sha-256", certificate.sha256)
        return LocalSecurity(self.policy, cryptos, fingerprint)


def stream_keys(by: Security | None) -> SrtpKeys | None:
    """None: plain, or still to be shaken hands on."""
    if not isinstance(by, Sdes):
        return None
    return SrtpKeys(SrtpProfile[by.suite], by.send, by.receive)


def kept(local: LocalSecurity, agreed: Negotiated) -> LocalSecurity:
    """What later offers of ours start from: the protection that stands, and the role in it."""
    match agreed.security:
        case None:
            return replace(local, fingerprint=None)
        case Sdes():
            return replace(local, policy="required", fingerprint=None, protocol=agreed.protocol)
        case Dtls(is_client=is_client):
            role: Setup = "active" if is_client else "passive"
            return replace(local, policy="required", cryptos=(), setup=role, protocol=agreed.protocol)


async def shake_hands(stream: StreamFace, certificate: Certificate, by: Dtls, remote: Address | None) -> None:
    """Runs beside the call; raises HandshakeFailed."""
    theirs = [TheirFingerprint(each.hash, each.digest) for each in by.fingerprints]
    handshake = Handshake(
        certificate, is_client=by.is_client, fingerprints=theirs, remote=remote, now=trio.current_time()
    )
    await secure(stream, handshake, remote)
