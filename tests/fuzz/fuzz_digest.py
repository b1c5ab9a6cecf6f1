"""Throws damaged challenges and credentials at the readers of digest: `fuzz_digest.py --seconds N --seed S`.

Fails on anything but Malformed, on a value that does not survive being printed, on a digest that is given to another
realm or in an algorithm that was not offered, on somebody let in who was changed by more than his spelling, and on an
answer that is taken twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from mediasrv.ids import SeededTokens
from mediasrv.sip import Account, Algorithm, Authenticator, Headers, Request, Response, Uri
from mediasrv.sip.auth.authenticator import Finding
from mediasrv.sip.auth.client import Answerer
from mediasrv.sip.auth.digest import ha1
from mediasrv.sip.auth.fields import AUTHORIZATION, Challenge, Credentials, ServerProof
from mediasrv.sip.errors import Malformed
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator

REALM = "pbx.example"
TRIES_A_RUN = 200
SPICES = (
    b'"', b"\\", b'\\"', b",", b", ", b"=", b" ", b"\t", b"Digest ", b"realm=", b'realm="x"', b"nonce=",
    b", qop=auth-int", b", qop=", b", nc=00000000", b", nc=FFFFFFFF", b", stale=true",
    b", algorithm=SHA-512-256", b", algorithm=MD5-sess", b", algorithm=", b", opaque=", b", userhash=true",
    b", username*=UTF-8''x", b"\x00", b"\xc3\xa9", b"<", b";",
    b"x" * 400,
)  # fmt: skip


class Passwords:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1(algorithm, username, realm, "secret") if username == "alice" else None


READERS: tuple[Callable[[str], object], ...] = (Challenge.parse, Credentials.parse, ServerProof.parse)
HOST = "192.0.2.2"
INVITE = Request(
    "INVITE",
    Uri.parse("sip:bob@pbx.example"),
    Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1"),
            ("From", "<sip:alice@pbx.example>;tag=a"),
            ("To", "<sip:bob@pbx.example>"),
            ("Call-ID", "c1"),
            ("CSeq", "1 INVITE"),
        ]
    ),
)


class Run:
    """A server that asks, a phone that answers, and damage on both ways."""

    def __init__(self, seed: int) -> None:
        self.mind = Mutator(seed, SPICES)
        self.tokens = SeededTokens(seed)
        self.server = Authenticator(REALM, Passwords(), self.tokens)

    def run(self) -> None:
        for step in range(TRIES_A_RUN):
            now = 0.1 * step
            asked = [(name, self.damaged(line)) for name, line in self.server.challenge(now)]
            for _, line in asked:
                self.read(line)
            self.answer(asked)
            answer = self.answer(self.server.challenge(now))
            assert answer is not None
            self.read(answer)
            self.judge(answer, now)

    def damaged(self, line: str) -> str:
        data = self.mind.mutate(line.encode("utf-8", "surrogateescape"))
        return data.decode("utf-8", "replace").replace("\r", " ").replace("\n", " ")

    def read(self, line: str) -> None:
        for reader in READERS:
            for text in (line, self.damaged(line), line.removeprefix("Digest ")):
                try:
                    value = reader(text)
                except Malformed:
                    continue
                if getattr(value, "algorithm", Algorithm.MD5) is not None:
                    assert reader(str(value)) == value

    def answer(self, asked: Sequence[tuple[str, str]]) -> str | None:
        phone = Answerer(Account(REALM, "alice", "secret"), HOST, self.tokens)
        again = phone.retry(INVITE, Response(401, "", Headers(asked)), HOST, 2, "z9hG4bK2")
        if again is None:
            return None
        given = again.headers.require(AUTHORIZATION)
        assert given.realm == REALM, "a digest for somebody else"
        assert given.algorithm in (Algorithm.MD5, Algorithm.SHA_256)
        return again.headers.text("Authorization")

    def judge(self, answer: str, now: float) -> None:
        """The right answer, its damaged copies, and itself again: at most one of them all is let in."""
        let_in = 0
        for line in (self.damaged(answer), self.damaged(answer), answer, answer):
            request = Request(INVITE.method, INVITE.uri, INVITE.headers.plus(("Authorization", line)))
            verdict = self.server.judge(request, now)
            let_in += verdict.finding is Finding.RIGHT
            assert verdict.username == ("alice" if verdict.finding is Finding.RIGHT else "")
        assert let_in == 1


if __name__ == "__main__":
    sys.exit(campaign("fuzz_digest", lambda seed: Run(seed).run(), f"{TRIES_A_RUN} tries", __doc__))
