"""What a description says of its sender's DTLS: the fingerprint of a certificate, and who begins.

`a=fingerprint` (RFC 8122) binds the media to the signalling: a handshake counts only if the other side's certificate
is the one that its description named. `a=setup` (RFC 4145, RFC 5763 section 5) says who is the client: `active` is.
Both may stand in the session or in the stream, and the stream's win. Hash functions that can be forged (MD5, SHA-1)
are not taken for a fingerprint at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from mediasrv.sdp.description import MediaDescription, SessionDescription
from mediasrv.sdp.errors import NotAcceptable

Setup = Literal["active", "passive", "actpass"]
SETUPS = ("active", "passive", "actpass")
FINGERPRINTS = 8  # that are looked at
DIGEST_OCTETS: Mapping[str, int] = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_FINGERPRINT = re.compile(
    r"([A-Za-z0-9-]{1,16})[ \t]+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){0,63})[ \t]*", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    hash: str  # one of DIGEST_OCTETS
    digest: bytes

    def __str__(self) -> str:
        return f"{self.hash} {self.digest.hex(':').upper()}"


def fingerprints_of(session: SessionDescription, media: MediaDescription) -> tuple[Fingerprint, ...]:
    """Any of them may be the certificate's (RFC 8122 section 5); those that we cannot check are left out."""
    texts = media.attribute_values("fingerprint") or [
        value for name, value in session.attributes if name == "fingerprint" and value is not None
    ]
    found = (_read(text) for text in texts[:FINGERPRINTS])
    return tuple(each for each in found if each is not None)


def setup_of(session: SessionDescription, media: MediaDescription) -> Setup | None:
    """None: it is not said; raises NotAcceptable for `holdconn` and for what means nothing."""
    said = media.attribute("setup")
    if said is None:
        said = next((value or "" for name, value in session.attributes if name == "setup"), None)
    if said is None:
        return None
    said = said.strip().lower()
    if said not in SETUPS:
        raise NotAcceptable("a role in DTLS that does not begin")
    return cast("Setup", said)


def _read(text: str) -> Fingerprint | None:
    found = _FINGERPRINT.fullmatch(text)
    if found is None:
        return None
    name, digest = found.group(1).lower(), bytes.fromhex(found.group(2).replace(":", ""))
    return Fingerprint(name, digest) if DIGEST_OCTETS.get(name) == len(digest) else None
