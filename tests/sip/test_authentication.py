"""Digest as a guard sees it and as a client gives it: every attack by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediasrv.ids import SeededTokens
from mediasrv.sip.auth.authenticator import ORIGIN, PROXY, Authenticator, Finding, Role
from mediasrv.sip.auth.client import Account, Answerer
from mediasrv.sip.auth.digest import Algorithm, ha1
from mediasrv.sip.auth.fields import Challenge, Credentials
from mediasrv.sip.auth.guard import Admission, Admitted, Guard
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request, Response
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.screening import Refusal

REALM, HOST = "trunk.example", "192.0.2.2"
ACCOUNT = Account(REALM, "alice", "correct horse")
SHA_256, MD5 = Algorithm


class Passwords:
    """Counts the work, to show that everybody costs the same."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        self.asked.append(username)
        known = {"alice": ACCOUNT.password}
        return ha1(algorithm, username, realm, known[username]) if username in known else None


def server(*algorithms: Algorithm, role: Role = ORIGIN, users: Passwords | None = None) -> Authenticator:
    return Authenticator(
        REALM, users or Passwords(), SeededTokens(7), algorithms=algorithms or (SHA_256, MD5), role=role
    )


def register(uri: str = "sip:trunk.example") -> Request:
    lines = [
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1"),
        ("From", "<sip:alice@trunk.example>;tag=a"),
        ("To", "<sip:alice@trunk.example>"),
        ("Call-ID", "c1"),
        ("CSeq", "1 REGISTER"),
    ]
    return Request("REGISTER", Uri.parse(uri), Headers(lines))


def asked(lines, status: int = 401) -> Response:
    return Response(status, "", Headers(lines))


def answerer(account: Account = ACCOUNT) -> Answerer:
    return Answerer(account, HOST, SeededTokens(3))


def answered(lines, status: int = 401, account: Account = ACCOUNT, request: Request | None = None) -> Request:
    retried = answerer(account).retry(request or register(), asked(lines, status), HOST, 2, "z9hG4bK2")
    assert retried is not None
    return retried


def edited(request: Request, role: Role = ORIGIN, **changes: object) -> Request:
    given = replace(request.headers.require(role.answers), **changes)
    name = role.answers.name
    return replace(request, headers=request.headers.without(name).plus((name, str(given))))


# ---- both together


@pytest.mark.parametrize("role", [ORIGIN, PROXY])
def test_the_right_password_is_let_in(role: Role) -> None:
    both = server(role=role)
    verdict = both.judge(answered(both.challenge(0.0), role.status), 1.0)
    assert (verdict.finding, verdict.username) == (Finding.RIGHT, "alice")


def test_a_retried_request_has_a_number_and_a_branch_of_its_own_and_one_answer() -> None:
    once = answered(server().challenge(0.0))
    twice = answerer().retry(once, asked(server().challenge(9.0)), HOST, 3, "z9hG4bK3")
    assert twice is not None
    assert (twice.via.branch, str(twice.cseq), twice.call_id) == ("z9hG4bK3", "3 REGISTER", "c1")
    assert len(twice.headers.texts("Authorization")) == 1
    assert twice.headers.text("Authorization") != once.headers.text("Authorization")


# ---- attacks on the server


def test_replay_of_an_answer_is_refused() -> None:
    both = server()
    request = answered(both.challenge(0.0))
    assert both.judge(request, 1.0).finding is Finding.RIGHT
    assert both.judge(request, 1.0).finding is Finding.REPLAYED


def test_nonce_count_raised_without_the_password_is_refused() -> None:
    both = server()
    request = answered(both.challenge(0.0))
    both.judge(request, 1.0)
    assert both.judge(edited(request, count=2), 1.0).finding is Finding.WRONG


def test_stale_nonce_with_the_right_password_is_asked_again_quietly() -> None:
    both = server()
    verdict = both.judge(answered(both.challenge(0.0)), 10_000.0)
    assert (verdict.finding, verdict.stale) == (Finding.STALE, True)
    assert Challenge.parse(both.challenge(0.0, stale=True)[0][1]).stale


def test_stale_nonce_with_the_wrong_password_is_not_called_stale() -> None:
    both = server()
    wrong = replace(ACCOUNT, password="guess")
    assert not both.judge(answered(both.challenge(0.0), account=wrong), 10_000.0).stale


def test_nonce_made_up_by_the_client_is_refused() -> None:
    both = server()
    lines = [("WWW-Authenticate", str(Challenge(REALM, "0" * 60, SHA_256)))]
    assert both.judge(answered(lines), 1.0).finding is Finding.STALE


def test_answer_for_another_uri_is_refused() -> None:
    both = server()
    request = answered(both.challenge(0.0))
    moved = replace(request, uri=Uri.parse("sip:premium@trunk.example"))
    assert both.judge(moved, 1.0).finding is Finding.URI
    assert both.judge(edited(moved, uri=str(moved.uri)), 1.0).finding is Finding.WRONG


def test_answer_for_another_method_is_refused() -> None:
    both = server()
    request = answered(both.challenge(0.0))
    assert both.judge(replace(request, method="INVITE"), 1.0).finding is Finding.WRONG


def test_answer_for_another_realm_counts_as_none() -> None:
    both = server()
    assert both.judge(edited(answered(both.challenge(0.0)), realm="other"), 1.0).finding is Finding.NONE


def test_downgrade_to_md5_is_refused_where_only_sha_256_was_offered() -> None:
    strict = server(SHA_256)
    nonce = Challenge.parse(strict.challenge(0.0)[0][1]).nonce
    request = answered([("WWW-Authenticate", str(Challenge(REALM, nonce, MD5)))])
    assert strict.judge(request, 1.0).finding is Finding.ALGORITHM
    assert strict.judge(edited(request, algorithm=None), 1.0).finding is Finding.ALGORITHM


def test_downgrade_to_no_qop_is_refused() -> None:
    both = server()
    nonce = Challenge.parse(both.challenge(0.0)[0][1]).nonce
    request = answered([("WWW-Authenticate", str(Challenge(REALM, nonce, SHA_256, ())))])
    assert both.judge(request, 1.0).finding is Finding.COUNT


def test_known_and_unknown_users_get_the_same_answer_for_the_same_work() -> None:
    users = Passwords()
    both = server(users=users)
    known = answered(both.challenge(0.0), account=replace(ACCOUNT, password="guess"))
    unknown = answered(both.challenge(0.0), account=replace(ACCOUNT, username="mallory", password="guess"))
    assert both.judge(known, 1.0) == both.judge(unknown, 1.0)
    assert users.asked == ["alice", "mallory"]


def test_nobody_gets_in_by_the_secret_of_unknown_users() -> None:
    both = server()
    secret = both._nobodys[SHA_256]
    request = answered(both.challenge(0.0), account=replace(ACCOUNT, username="mallory"))
    given = Credentials.parse(request.headers.text("Authorization") or "")
    ha2 = SHA_256.hash("REGISTER", given.uri)
    proof = SHA_256.hash(secret, given.nonce, "00000001", given.cnonce, "auth", ha2)
    assert both.judge(edited(request, response=proof), 1.0).finding is Finding.WRONG


def test_unreadable_and_countless_credentials_are_passed_over() -> None:
    both = server()
    request = answered(both.challenge(0.0))
    good = request.headers.text("Authorization") or ""
    bare = request.headers.without("Authorization")
    noisy = bare.plus(
        ("Authorization", "Bearer x"), ("Authorization", 'Digest realm="'), ("Authorization", good)
    )
    assert both.judge(replace(request, headers=noisy), 1.0).finding is Finding.RIGHT
    flood = bare.plus(*[("Authorization", "Digest x")] * 100, ("Authorization", good))
    assert both.judge(replace(request, headers=flood), 1.0).finding is Finding.NONE


# ---- attacks on the client


def test_sha_256_is_preferred_whatever_the_order() -> None:
    for order in ((SHA_256, MD5), (MD5, SHA_256)):
        request = answered(server(*order).challenge(0.0))
        assert Credentials.parse(request.headers.text("Authorization") or "").algorithm is SHA_256


def test_md5_is_never_answered_where_sha_256_is_required() -> None:
    strict = answerer(replace(ACCOUNT, sha256_required=True))
    assert strict.retry(register(), asked(server(MD5).challenge(0.0)), HOST, 2, "z9hG4bK2") is None


def test_a_foreign_realm_is_never_answered() -> None:
    lines = [("WWW-Authenticate", str(Challenge("evil.example", "n", SHA_256)))]
    assert answerer().retry(register(), asked(lines), HOST, 2, "z9hG4bK2") is None


def test_digest_leak_a_challenge_from_another_host_is_never_answered() -> None:
    lines = server().challenge(0.0)
    assert answerer().retry(register(), asked(lines), "203.0.113.9", 2, "z9hG4bK2") is None


def test_a_second_refusal_stands_and_a_stale_nonce_is_renewed_once() -> None:
    client, both = answerer(), server()
    assert client.retry(register(), asked(both.challenge(0.0)), HOST, 2, "z9hG4bK2")
    assert client.retry(register(), asked(both.challenge(0.0)), HOST, 3, "z9hG4bK3") is None
    stale = asked(both.challenge(0.0, stale=True))
    assert client.retry(register(), stale, HOST, 3, "z9hG4bK3")
    assert client.retry(register(), stale, HOST, 4, "z9hG4bK4") is None


def test_a_peer_without_qop_is_answered_the_old_way() -> None:
    lines = [("WWW-Authenticate", str(Challenge(REALM, "n", MD5, ())))]
    given = Credentials.parse(answered(lines).headers.text("Authorization") or "")
    assert (given.count, given.cnonce) == (0, "")


@pytest.mark.parametrize(
    "lines", [[], [("WWW-Authenticate", "Digest")], [("WWW-Authenticate", 'Basic realm="x"')]]
)
def test_a_refusal_without_a_usable_challenge_stands(lines) -> None:
    assert answerer().retry(register(), asked(lines), HOST, 2, "z9hG4bK2") is None


def test_a_challenge_that_wants_bodies_signed_is_not_answered() -> None:
    lines = [("WWW-Authenticate", str(Challenge(REALM, "n", SHA_256, ("auth-int",))))]
    assert answerer().retry(register(), asked(lines), HOST, 2, "z9hG4bK2") is None


def test_the_password_is_not_shown() -> None:
    assert "horse" not in repr(ACCOUNT)


# ---- the guard


@pytest.mark.parametrize(
    ("admission", "outcome"), [(Admission.WELCOME, Admitted()), (Admission.FORBID, Refusal(403))]
)
def test_a_policy_welcomes_or_forbids_without_asking(
    admission: Admission, outcome: Admitted | Refusal
) -> None:
    guard = Guard(lambda request, source: admission, server())
    assert guard.inspect(register(), ("192.0.2.1", 5060), 0.0) == outcome


def test_a_policy_challenges_until_the_answer_is_right() -> None:
    guard = Guard(lambda request, source: Admission.CHALLENGE, server())
    refusal = guard.inspect(register(), ("192.0.2.1", 5060), 0.0)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    assert guard.inspect(answered(refusal.headers), ("192.0.2.1", 5060), 0.0) == Admitted(
        "alice", is_there=True
    )
    assert guard.counts == {"none": 1, "right": 1}


def test_who_answers_from_another_address_than_was_asked_is_let_in_and_shows_not_that_he_is_there() -> None:
    guard = Guard(lambda request, source: Admission.CHALLENGE, server())
    refusal = guard.inspect(register(), ("192.0.2.1", 5060), 0.0)
    assert isinstance(refusal, Refusal)
    assert guard.inspect(answered(refusal.headers), ("192.0.2.9", 5060), 0.0) == Admitted(
        "alice", is_there=False
    )
