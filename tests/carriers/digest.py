"""What a carrier checks of an answer to its challenge: RFC 7616, worked out here once more, from the RFC."""

from __future__ import annotations

import hashlib
import re

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')


def parameters(credentials: str) -> dict[str, str]:
    """Of `Digest username="...", ...`; the scheme is not among them."""
    return {name: quoted or bare for name, quoted, bare in PARAMETER.findall(credentials)}


def is_right(credentials: str, method: str, user: str, password: str) -> bool:
    """Section 3.4: the response that these credentials must have, for qop `auth` and for none."""
    told = parameters(credentials)
    hash_of = HASHES[told.get("algorithm", "MD5")]

    def hashed(*parts: str) -> str:
        return hash_of(":".join(parts).encode()).hexdigest()

    secret = hashed(user, told["realm"], password)
    asked = hashed(method, told["uri"])
    between = [told["nc"], told["cnonce"], told["qop"]] if "qop" in told else []
    return told["username"] == user and told["response"] == hashed(secret, told["nonce"], *between, asked)
