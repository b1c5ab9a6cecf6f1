"""A telephone of a user's, as bare as it can be: it says what a test wants it to, and hears every answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import trio

from mediasrv.ids import SeededTokens
from mediasrv.server.access.users import User, Users
from mediasrv.sip import Account, Headers, Request, Response, Uri
from mediasrv.sip.auth.client import Answerer
from mediasrv.sip.auth.fields import AUTHORIZATION
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.limits import Limits
from tests.fakes.datagrams import FakeNetwork, FakeSocket
from tests.server.house import HOUSE

REALM = "mediasrv"
PASSWORDS = {"1000": "correct horse", "1001": "battery staple"}
AWAY = "192.0.2.50"
REGISTRAR = "sip:127.0.0.1"


def users(trunk: str = "users") -> Users:
    return Users(REALM, [User.made(name, REALM, password, trunk) for name, password in PASSWORDS.items()])


@dataclass
class Phone:
    """`last` is its last request that had an answer to a challenge."""

    socket: FakeSocket
    name: str = "1000"
    password: str = PASSWORDS["1000"]
    cseq: int = 0
    last: Request | None = None
    tokens: SeededTokens = field(default_factory=lambda: SeededTokens(5))

    @classmethod
    async def at(cls, network: FakeNetwork, host: str = AWAY, port: int = 5070, **who: str) -> Phone:
        return cls(await network.open((host, port)), **who)

    def request(
        self, method: str, uri: str, *lines: tuple[str, str], body: bytes = b"", call_id: str = "c1"
    ) -> Request:
        self.cseq += 1
        host, port = self.socket.local
        party = f"<sip:{self.name}@127.0.0.1>"
        headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{self.tokens.token()}"),
            ("Max-Forwards", "70"),
            ("From", f"{party};tag=f1"),
            ("To", party if method == "REGISTER" else f"<{uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{self.cseq} {method}"),
            ("Contact", f"<sip:{self.name}@{host}:{port}>"),
            # A challenge is no larger than what it answers: telephones say who made them, and so on.
            ("User-Agent", "a telephone " + "x" * 200),
            *lines,
        ]
        return Request(method, Uri.parse(uri), Headers(headers), body)

    async def ask(self, request: Request) -> Response:
        """The first final answer; raises trio.TooSlowError when there is none."""
        self.socket.send(request.build(), HOUSE)
        with trio.fail_after(40):
            while True:
                data, _ = await self.socket.receive()
                if not data.strip():
                    continue  # a sign of life
                answer = parse(data, Limits())
                if isinstance(answer, Response) and answer.status >= 200:
                    return answer

    def answered(self, request: Request, challenge: Response, realm: str = REALM) -> Request:
        """The request again, with the password."""
        self.cseq += 1
        answerer = Answerer(Account(realm, self.name, self.password), HOUSE[0], self.tokens)
        branch = f"z9hG4bK{self.tokens.token()}"
        again = answerer.retry(request, challenge, HOUSE[0], self.cseq, branch)
        assert again is not None
        self.last = again
        return again

    async def register(self, *lines: tuple[str, str], uri: str = REGISTRAR) -> Response:
        """What became of it after the challenge."""
        request = self.request("REGISTER", uri, *(lines or (("Expires", "600"),)))
        challenge = await self.ask(request)
        assert challenge.status == 401
        return await self.ask(self.answered(request, challenge))


def edited(request: Request, **changes: object) -> Request:
    """With another answer than the right one."""
    given = replace(request.headers.require(AUTHORIZATION), **changes)  # type: ignore[arg-type]
    headers = request.headers.without("Authorization").plus(("Authorization", str(given)))
    return replace(request, headers=headers)


def numbered(request: Request, cseq: int, branch: str) -> Request:
    """As a new request of the same sender's, its answer as it stood."""
    via = f"SIP/2.0/UDP {AWAY}:5070;rport;branch=z9hG4bK{branch}"
    headers = request.headers.without("Via").without("CSeq")
    return replace(request, headers=headers.plus(("Via", via), ("CSeq", f"{cseq} {request.method}")))
