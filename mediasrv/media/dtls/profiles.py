"""Protection profiles by the names that OpenSSL has for them, and how their keys are cut (RFC 5764 section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mediasrv.media.spec import SrtpKeys, SrtpProfile

LABEL = b"EXTRACTOR-dtls_srtp"
PROFILES: Mapping[bytes, tuple[SrtpProfile, int]] = MappingProxyType(
    {  # ours, and the octets of its master key; the best first
        b"SRTP_AEAD_AES_256_GCM": (SrtpProfile.AEAD_AES_256_GCM, 32),
        b"SRTP_AEAD_AES_128_GCM": (SrtpProfile.AEAD_AES_128_GCM, 16),
        b"SRTP_AES128_CM_SHA1_80": (SrtpProfile.AES_CM_128_HMAC_SHA1_80, 16),
        b"SRTP_AES128_CM_SHA1_32": (SrtpProfile.AES_CM_128_HMAC_SHA1_32, 16),
    }
)
OFFERED = b":".join(PROFILES)


def octets_of(profile: bytes) -> int:
    """How much the handshake must export."""
    return 2 * PROFILES[profile][0].octets


def keys_of(profile: bytes, exported: bytes, *, is_client: bool) -> SrtpKeys:
    """The export is: the client's key, the server's key, the client's salt, the server's salt."""
    ours, key_octets = PROFILES[profile]
    keys, salts = exported[: 2 * key_octets], exported[2 * key_octets :]
    salt_octets = len(salts) // 2
    client = keys[:key_octets] + salts[:salt_octets]
    server = keys[key_octets:] + salts[salt_octets:]
    return SrtpKeys(ours, client, server) if is_client else SrtpKeys(ours, server, client)
