"""The arithmetic of digest authentication (RFC 7616 section 3.4), for both ends.

    HA1      = H(username ":" realm ":" password)          what a server may keep instead of the password
    HA2      = H(method ":" digest-uri)
    response = H(HA1 ":" nonce ":" nc ":" cnonce ":" "auth" ":" HA2)
             = H(HA1 ":" nonce ":" HA2)                     without qop: peers from before RFC 2617

Left out on purpose: `auth-int`, because proxies rewrite bodies; the `-sess` variants, which help only where a third
party checks passwords; and `userhash`. Values enter the hash with their escapes resolved. RFC 7616 can also be read the
other way; the two differ only for backslashes and quotes, which nothing of ours contains.
"""

from __future__ import annotations

import hashlib
from enum import Enum


class Algorithm(Enum):
    """In the order of preference (RFC 8760 section 2.4)."""

    SHA_256 = "SHA-256"
    MD5 = "MD5"

    @classmethod
    def named(cls, text: str) -> Algorithm | None:
        """The algorithm of that name in any case, or None when it is not spoken here."""
        return _BY_NAME.get(text.upper())

    def hash(self, *parts: str) -> str:
        data = ":".join(parts).encode()
        if self is Algorithm.SHA_256:
            return hashlib.sha256(data).hexdigest()
        # Not fit for security, and old trunks speak nothing else: whoever permits it has decided so.
        return hashlib.md5(data, usedforsecurity=False).hexdigest()


_BY_NAME = {algorithm.value: algorithm for algorithm in Algorithm}


def ha1(algorithm: Algorithm, username: str, realm: str, password: str) -> str:
    return algorithm.hash(username, realm, password)


def response(
    algorithm: Algorithm, secret: str, method: str, uri: str, nonce: str, count: int = 0, cnonce: str = ""
) -> str:
    """The proof that whoever made it knows `secret` (an HA1); a `count` of 0 means without qop."""
    ha2 = algorithm.hash(method, uri)
    if not count:
        return algorithm.hash(secret, nonce, ha2)
    return algorithm.hash(secret, nonce, f"{count:08x}", cnonce, "auth", ha2)
