"""`a=crypto` (RFC 4568): one suite and the master key and salt that its line's sender will protect with.

We speak the form that every carrier uses: one key, `inline:`, no MKI. A lifetime is read and ignored, for a call is
over long before it (section 6.1). A session parameter changes what the packets are, or leaves them unprotected
(section 6.3), so a line that has one is not for us, unless its sender says with a "-" that it may be ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mediasrv.sdp.description import MediaDescription

LINES = 16  # of a stream that are looked at
SUITES: Mapping[
    str, int
] = {  # octets of master key and salt together (RFC 4568 section 6.2, RFC 7714 section 14.2)
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
_LINE = re.compile(r"([0-9]{1,9})[ \t]+([^ \t]+)[ \t]+([^ \t]+)((?:[ \t]+[^ \t]+)*)[ \t]*", re.ASCII)
_KEY = re.compile(
    r"inline:([A-Za-z0-9+/]{1,128}={0,2})(?:\|(?:2\^[0-9]{1,3}|[0-9]{1,20}))?", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Crypto:
    """`keying` is secret, and no log shows it."""

    tag: int
    suite: str
    keying: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.keying) != SUITES.get(self.suite):
            raise ValueError(f"not a suite of ours, or not its {SUITES.get(self.suite)} octets: {self.suite}")

    def __str__(self) -> str:
        """As the attribute has it: the key stands in the clear."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.keying).decode()}"


def cryptos_of(media: MediaDescription) -> list[Crypto]:
    """The lines that we can do, as they stand; lines that share a tag could not be told apart in an answer."""
    lines = [_LINE.fullmatch(text) for text in media.attribute_values("crypto")[:LINES]]
    tags = Counter(int(line.group(1)) for line in lines if line)
    cryptos = [_read(line) for line in lines if line]
    return [each for each in cryptos if each is not None and tags[each.tag] == 1]


def choose(theirs: Sequence[Crypto], ours: Sequence[Crypto]) -> tuple[Crypto, Crypto] | None:
    """The first of our suites that they offer too, as (theirs, ours); section 7.1.3 leaves the order to us."""
    for mine in ours:
        for each in theirs:
            if each.suite == mine.suite:
                return each, mine
    return None


def _read(line: re.Match[str]) -> Crypto | None:
    tag, suite, keys, parameters = line.groups()
    suite = suite.upper()
    key = _KEY.fullmatch(keys)
    if suite not in SUITES or key is None or any(not each.startswith("-") for each in parameters.split()):
        return None
    keying = _decoded(key.group(1))
    return Crypto(int(tag), suite, keying) if keying is not None and len(keying) == SUITES[suite] else None


def _decoded(text: str) -> bytes | None:
    """Padding is missing in what some telephones send."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error:
        return None
