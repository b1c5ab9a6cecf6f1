"""The client's side of digest: answering a trunk that asks who we are, and nobody else.

An account is good for one realm, and an `Answerer` for one host besides: the one that we chose to send to. Both must
fit, or nothing is answered: a callee that challenges our BYE with the trunk's realm would else collect digests of the
trunk's password to guess at (the SIP digest leak). One challenge is answered once in a realm; a second refusal stands,
except that a nonce may grow `stale` once more (RFC 7616 section 3.3). Of several challenges the first in the strongest
algorithm is taken, whatever order they came in (RFC 8760 section 2.4); somebody on the way could strip the strong ones,
and against that there is only `sha256_required`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mediasrv.ids import TokenSource
from mediasrv.sip.auth.digest import Algorithm, ha1, response
from mediasrv.sip.auth.fields import (
    AUTHORIZATION,
    LINES_MAX,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    WWW_AUTHENTICATE,
    Challenge,
    Credentials,
)
from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import VIA
from mediasrv.sip.grammar.headers import Field, Headers, key_of
from mediasrv.sip.grammar.message import Request, Response

CNONCE_BYTES = 16
_ROLES: dict[int, tuple[Field[Challenge], Field[Credentials]]] = {
    401: (WWW_AUTHENTICATE, AUTHORIZATION),
    407: (PROXY_AUTHENTICATE, PROXY_AUTHORIZATION),
}
_PREFERENCE = tuple(Algorithm)


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are with one trunk."""

    realm: str  # empty: the first that its host asks in
    username: str
    password: str = field(repr=False)
    sha256_required: bool = False


class Answerer:
    """Answers the challenges to one request and its successors: make one for each call or registration."""

    __slots__ = ("_account", "_answered", "_host", "_realm", "_stale_taken", "_tokens")

    def __init__(self, account: Account, host: str, tokens: TokenSource) -> None:
        self._account, self._host, self._tokens = account, host, tokens
        self._realm = account.realm
        self._answered: set[str] = (
            set()
        )  # methods and roles that have had their answer, until one was accepted
        self._stale_taken: set[str] = set()

    def retry(
        self, request: Request, response: Response, host: str, cseq: int, branch: str
    ) -> Request | None:
        """The request again, with our answer to the challenge that came from `host`; None when there is none to give.

        `cseq` and `branch` are those of the new request (RFC 3261 section 22.2).
        """
        role = _ROLES.get(response.status)
        if role is None or host != self._host:
            return None
        asks, answers = role
        challenge = self._choose(response.headers.texts(asks.name))
        if challenge is None or not self._may_answer(request.method + answers.name, challenge.stale):
            return None
        self._realm = challenge.realm
        line = answers.name, str(self._answer(challenge, request))
        return _renewed(request, cseq, branch, line)

    def accepted(self) -> None:
        """The answer was taken: the next request of this dialog or registration may be asked again."""
        self._answered.clear()
        self._stale_taken.clear()

    def _may_answer(self, what: str, stale: bool) -> bool:
        if what not in self._answered:
            self._answered.add(what)
            return True
        if stale and what not in self._stale_taken:
            self._stale_taken.add(what)
            return True
        return False

    def _choose(self, lines: Iterable[str]) -> Challenge | None:
        fit = [each for each in _challenges(lines) if self._suits(each)]
        return min(fit, key=lambda each: _PREFERENCE.index(each.algorithm or Algorithm.MD5), default=None)

    def _suits(self, challenge: Challenge) -> bool:
        spoken = challenge.algorithm is not None and (not challenge.qop or "auth" in challenge.qop)
        strong = challenge.algorithm is Algorithm.SHA_256 or not self._account.sha256_required
        return spoken and strong and self._realm in (challenge.realm, "")

    def _answer(self, challenge: Challenge, request: Request) -> Credentials:
        algorithm = challenge.algorithm or Algorithm.MD5
        account, uri = self._account, str(request.uri)
        # Every answer is to a nonce that the server has just made, so the count is always the first.
        count, cnonce = (1, self._tokens.token(CNONCE_BYTES)) if challenge.qop else (0, "")
        secret = ha1(algorithm, account.username, challenge.realm, account.password)
        proof = response(algorithm, secret, request.method, uri, challenge.nonce, count, cnonce)
        return Credentials(
            account.username, challenge.realm, challenge.nonce, uri, proof, algorithm, count, cnonce, challenge.opaque
        )  # fmt: skip


def _challenges(lines: Iterable[str]) -> Iterable[Challenge]:
    for line in list(lines)[:LINES_MAX]:
        try:
            yield Challenge.parse(line)
        except Malformed:
            continue


def _renewed(request: Request, cseq: int, branch: str, line: tuple[str, str]) -> Request:
    """The same request as a new one: its number, its branch, and the answer in place of an older one."""
    via = request.headers.first(VIA)
    lines = []
    for name, value in request.headers:
        key = key_of(name)
        if key == "via" and via is not None:
            kept = tuple(pair for pair in via.parameters if pair[0] != "branch")
            value = str(replace(via, parameters=(*kept, ("branch", branch))))
        elif key == "cseq":
            value = f"{cseq} {request.method}"
        elif key == line[0].lower():
            continue
        lines.append((name, value))
    return replace(request, headers=Headers((*lines, line)))
