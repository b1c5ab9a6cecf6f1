"""The headers of digest authentication as values: Challenge, Credentials and ServerProof (RFC 7616 section 3).

SIP keeps one challenge to a header line (RFC 3261 section 20.44), so a comma always separates parameters. A parameter
that stands twice has two readings, and is refused; unknown ones are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediasrv.sip.auth.digest import Algorithm
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.headers import Field
from mediasrv.sip.grammar.syntax import QUOTED, is_token, quote, split, unquote

PARAMETERS_MAX = 32
LINES_MAX = 8  # challenges or credentials that are looked at in one message
_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_PROOF = re.compile(r"[0-9a-f]{32}(?:[0-9a-f]{32})?")


@dataclass(frozen=True, slots=True)
class Challenge:
    """WWW-Authenticate or Proxy-Authenticate. `algorithm` None: one that is not spoken here."""

    realm: str
    nonce: str
    algorithm: Algorithm | None = Algorithm.MD5  # what no algorithm means
    qop: tuple[str, ...] = ("auth",)
    stale: bool = False
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Challenge:
        given = _after_scheme(text)
        return cls(
            _needed(given, "realm"),
            _needed(given, "nonce"),
            Algorithm.named(given.get("algorithm", "MD5")),
            tuple(word.lower() for word in split(given.get("qop", ""), ",")),
            given.get("stale", "").lower() == "true",
            given.get("opaque"),
        )

    def __str__(self) -> str:
        pairs = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.opaque is not None:
            pairs.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            pairs.append("stale=true")
        if self.algorithm not in (None, Algorithm.MD5):  # which none means
            pairs.append(f"algorithm={self.algorithm.value}")
        if self.qop:
            pairs.append(f"qop={quote(','.join(self.qop))}")
        return "Digest " + ", ".join(pairs)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Authorization or Proxy-Authorization. A `count` of 0 means that there was no qop, and no cnonce."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: Algorithm | None = Algorithm.MD5
    count: int = 0
    cnonce: str = ""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Credentials:
        given = _after_scheme(text)
        count, cnonce = 0, ""
        if "qop" in given:
            if given["qop"].lower() != "auth":
                raise Malformed("a qop that was not offered")
            count, cnonce = _parse_count(given), _needed(given, "cnonce")
        return cls(
            _needed(given, "username"),
            _needed(given, "realm"),
            _needed(given, "nonce"),
            _needed(given, "uri"),
            _parse_proof(_needed(given, "response")),
            Algorithm.named(given.get("algorithm", "MD5")),
            count,
            cnonce,
            given.get("opaque"),
        )

    def __str__(self) -> str:
        pairs = [
            f"{name}={quote(value)}"
            for name, value in (
                ("username", self.username),
                ("realm", self.realm),
                ("nonce", self.nonce),
                ("uri", self.uri),
                ("response", self.response),
            )
        ]
        if self.algorithm is not None:
            pairs.append(f"algorithm={self.algorithm.value}")
        if self.count:
            pairs += [f"cnonce={quote(self.cnonce)}", "qop=auth", f"nc={self.count:08x}"]
        if self.opaque is not None:
            pairs.append(f"opaque={quote(self.opaque)}")
        return "Digest " + ", ".join(pairs)


@dataclass(frozen=True, slots=True)
class ServerProof:
    """Authentication-Info: the server's own proof, and the nonce it wants next; "" where it says nothing."""

    next_nonce: str = ""
    response: str = ""
    count: int = 0
    cnonce: str = ""

    @classmethod
    def parse(cls, text: str) -> ServerProof:
        given = _parameters(text)
        return cls(
            given.get("nextnonce", ""),
            _parse_proof(given["rspauth"]) if "rspauth" in given else "",
            _parse_count(given) if "nc" in given else 0,
            given.get("cnonce", ""),
        )

    def __str__(self) -> str:
        pairs = [f"nextnonce={quote(self.next_nonce)}"] if self.next_nonce else []
        if self.response:
            pairs += ["qop=auth", f"rspauth={quote(self.response)}"]
        if self.cnonce:
            pairs.append(f"cnonce={quote(self.cnonce)}")
        if self.count:
            pairs.append(f"nc={self.count:08x}")
        return ", ".join(pairs)


WWW_AUTHENTICATE = Field("WWW-Authenticate", Challenge.parse)
PROXY_AUTHENTICATE = Field("Proxy-Authenticate", Challenge.parse)
AUTHORIZATION = Field("Authorization", Credentials.parse)
PROXY_AUTHORIZATION = Field("Proxy-Authorization", Credentials.parse)
AUTHENTICATION_INFO = Field("Authentication-Info", ServerProof.parse)


def _after_scheme(text: str) -> dict[str, str]:
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        raise Malformed("not digest authentication")
    return _parameters(rest)


def _parameters(text: str) -> dict[str, str]:
    pieces = split(text, ",")
    if len(pieces) > PARAMETERS_MAX:
        raise Malformed("too many parameters")
    given: dict[str, str] = {}
    for piece in pieces:
        name, _, value = piece.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not is_token(name) or not (is_token(value) or QUOTED.fullmatch(value)):
            raise Malformed("bad parameter of digest")
        if name in given:
            raise Malformed(f"{name} stands twice")
        given[name] = unquote(value)
    return given


def _needed(given: dict[str, str], name: str) -> str:
    if not given.get(name):
        raise Malformed(f"digest without {name}")
    return given[name]


def _parse_count(given: dict[str, str]) -> int:
    text = given.get("nc", "")
    count = int(text, 16) if _COUNT.fullmatch(text) else 0
    if not count:
        raise Malformed("nc is not eight hexadecimal digits above zero")
    return count


def _parse_proof(text: str) -> str:
    """Upper-case digits are wrong by the RFC, and harmless."""
    text = text.lower()
    if _PROOF.fullmatch(text) is None:
        raise Malformed("a digest of impossible length")
    return text
