"""The server's side of digest: whether a request comes from somebody whose password we know.

An answer is looked at in this order: is it for our realm, in an algorithm we offered, with a count, for this very
Request-URI; is the digest right; is its nonce fresh, and its count unused. Nothing before the digest depends on who the
user is, and for a user we do not know the digest is computed all the same, with a secret nobody has, and compared in
constant time: known and unknown users get the same answer for the same work.

`stale` is told only to those whose digest was right (RFC 7616 section 3.3): they are asked again quietly, without a
person typing anything. That goes for replays and for nonces from before a restart, too: neither gets past this, and the
rightful user of a nonce that was used up comes back with a fresh one.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mediasrv.ids import TokenSource
from mediasrv.sip.auth.digest import Algorithm, response
from mediasrv.sip.auth.fields import (
    AUTHORIZATION,
    LINES_MAX,
    PROXY_AUTHORIZATION,
    Challenge,
    Credentials,
)
from mediasrv.sip.auth.nonces import Nonces, Standing
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.headers import Field
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.uri import Uri

Lines = Sequence[tuple[str, str]]


class Users(Protocol):
    """Whose passwords we know. It must take as long for an unknown user as for a known one: a dict does."""

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        """The HA1 in lower-case hexadecimal; None when there is no such user, or not with that algorithm."""


@dataclass(frozen=True, slots=True)
class Role:
    """As whom we ask (RFC 3261 sections 22.2 and 22.3)."""

    status: int
    asks: str
    answers: Field[Credentials]


ORIGIN = Role(401, "WWW-Authenticate", AUTHORIZATION)
PROXY = Role(407, "Proxy-Authenticate", PROXY_AUTHORIZATION)


class Finding(Enum):
    RIGHT = "right"
    NONE = "none"  # no credentials for our realm that can be read
    ALGORITHM = "algorithm"
    COUNT = "count"  # RFC 7616 section 3.4: qop is not optional where it was offered
    URI = "uri"
    WRONG = "wrong"  # user or password: nobody is told which
    STALE = "stale"
    REPLAYED = "replayed"


_ASK_QUIETLY = (Finding.STALE, Finding.REPLAYED)


@dataclass(frozen=True, slots=True)
class Verdict:
    finding: Finding
    username: str = ""  # only of the right
    from_there: bool = False  # he answers from the address that was asked

    @property
    def stale(self) -> bool:
        return self.finding in _ASK_QUIETLY


class Authenticator:
    """One realm of ours."""

    def __init__(
        self,
        realm: str,
        users: Users,
        tokens: TokenSource,
        *,
        algorithms: Sequence[Algorithm] = (Algorithm.SHA_256, Algorithm.MD5),
        role: Role = ORIGIN,
        nonces: Nonces | None = None,
    ) -> None:
        """`algorithms`, the best first: without MD5 in it, nobody gets in with MD5."""
        self.realm, self.role = realm, role
        self.nonces = nonces or Nonces(tokens)
        self._users, self._algorithms = users, tuple(algorithms)
        self._nobodys = {algorithm: algorithm.hash(tokens.token(32)) for algorithm in algorithms}

    def challenge(self, now: float, *, stale: bool = False, host: str = "") -> Lines:
        """One header line for each algorithm, the best first (RFC 8760 section 2.4); nothing is remembered.

        `host`: who is asked."""
        nonce = self.nonces.issue(now, host)
        return [
            (self.role.asks, str(Challenge(self.realm, nonce, algorithm, ("auth",), stale)))
            for algorithm in self._algorithms
        ]

    def judge(self, request: Request, now: float, *, host: str = "") -> Verdict:
        """A right answer is used up by being judged right. `host`: where it came from."""
        given = self._answer_in(request)
        if given is None:
            return Verdict(Finding.NONE)
        if given.algorithm not in self._algorithms or given.algorithm is None:
            return Verdict(Finding.ALGORITHM)
        if not given.count:
            return Verdict(Finding.COUNT)
        if not _same_uri(given.uri, request.uri):
            return Verdict(Finding.URI)
        if not self._knows(given, given.algorithm, request.method):
            return Verdict(Finding.WRONG)
        if self.nonces.standing(given.nonce, now) is not Standing.GOOD:
            return Verdict(Finding.STALE)
        self.nonces.forget_old(now)
        if not self.nonces.spend(given.nonce, given.count):
            return Verdict(Finding.REPLAYED)
        return Verdict(Finding.RIGHT, given.username, self.nonces.went_to(given.nonce, host))

    def _answer_in(self, request: Request) -> Credentials | None:
        """The first for our realm: there may be some for proxies on the way (22.3)."""
        for line in request.headers.texts(self.role.answers.name)[:LINES_MAX]:
            try:
                credentials = Credentials.parse(line)
            except Malformed:
                continue
            if credentials.realm == self.realm:
                return credentials
        return None

    def _knows(self, given: Credentials, algorithm: Algorithm, method: str) -> bool:
        known = self._users.ha1(given.username, self.realm, algorithm)
        secret = self._nobodys[algorithm] if known is None else known
        right = response(algorithm, secret, method, given.uri, given.nonce, given.count, given.cnonce)
        return hmac.compare_digest(right.encode(), given.response.encode()) and known is not None


def _same_uri(text: str, uri: Uri) -> bool:
    try:
        return Uri.parse(text) == uri
    except Malformed:
        return False
