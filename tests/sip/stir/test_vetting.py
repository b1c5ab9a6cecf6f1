"""Identity headers, judged: what is genuine, and every way in which it may not be."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sip import Malformed
from mediasrv.sip.stir import Finding, Passport, Verdict, Vetting, read_passport
from mediasrv.sip.stir.vetting import FRESH_S, P256_ORDER
from tests.sip.stir.authority import (
    ANCHORS,
    CHAIN,
    NOW_S,
    PROVIDER,
    URL,
    claims,
    encoded,
    identity,
    invite,
    key_of,
)


def judged(
    *lines: str, pem: bytes | None = CHAIN, now_s: float = NOW_S, vetting: Vetting | None = None, **call: str
) -> Verdict:
    vetting, request = vetting or Vetting(ANCHORS), invite(*lines, **call)
    passport = vetting.begin(request, now_s)
    return vetting.finish(passport, request, pem, now_s) if isinstance(passport, Passport) else passport


@pytest.mark.parametrize("level", ["A", "B", "C"])
def test_a_genuine_identity_passes_its_attestation_on(level: str) -> None:
    verdict = judged(identity(claims(attest=level)))
    assert verdict == Verdict(Finding.VALID, 200, level, "123e4567-e89b-12d3-a456-426655440000")


def test_the_certificate_that_is_wanted_is_the_one_it_names() -> None:
    passport = Vetting(ANCHORS).begin(invite(identity(claims())), NOW_S)
    assert isinstance(passport, Passport)
    assert (passport.certificate_url, passport.caller, passport.called) == (
        URL,
        "12155550112",
        ("12155550113",),
    )


def test_a_call_without_one_is_told_so() -> None:
    assert judged() == Verdict(Finding.ABSENT, 428)


def test_another_kind_of_passport_says_nothing_and_the_next_one_counts() -> None:
    other = identity(claims(), ppt="div")
    assert judged(other).finding is Finding.ABSENT
    assert judged(other, identity(claims())).finding is Finding.VALID


@pytest.mark.parametrize("late_s", [-FRESH_S - 1, FRESH_S + 1, 10**9])
def test_an_old_one_and_one_from_the_future_are_stale(late_s: int) -> None:
    assert judged(identity(claims()), now_s=NOW_S + late_s) == Verdict(Finding.STALE, 403)


def test_one_about_another_caller_or_another_number_is_not_about_this_call() -> None:
    for changes in ({"orig": {"tn": "12155550199"}}, {"dest": {"tn": ["12155550199"]}}):
        assert judged(identity(claims(**changes))) == Verdict(Finding.MISMATCHED, 438)
    assert judged(identity(claims()), caller="sip:anonymous@anonymous.invalid").finding is Finding.MISMATCHED


def test_one_of_several_numbers_that_it_is_for_is_enough() -> None:
    assert judged(identity(claims(dest={"tn": ["1", "12155550113"]}))).finding is Finding.VALID


def test_a_replay_with_another_call_is_found_and_a_repetition_of_the_same_is_none() -> None:
    vetting, line = Vetting(ANCHORS), identity(claims())
    assert judged(line, vetting=vetting).finding is Finding.VALID
    assert judged(line, vetting=vetting).finding is Finding.VALID
    assert judged(line, vetting=vetting, call_id="other") == Verdict(Finding.REPLAYED, 438)


def test_a_replay_under_the_twin_of_its_signature_is_found_too() -> None:
    vetting, line = Vetting(ANCHORS), identity(claims())
    judged(line, vetting=vetting)
    passport = read_passport(line)
    assert passport is not None
    s = P256_ORDER - int.from_bytes(passport.signature[32:], "big")
    twin = encoded(passport.signature[:32] + s.to_bytes(32, "big"))
    forged = f"{passport.signed.decode()}.{twin};info=<{URL}>"
    assert judged(forged, vetting=Vetting(ANCHORS)).finding is Finding.VALID
    assert judged(forged, vetting=vetting, call_id="other").finding is Finding.REPLAYED


def test_what_was_shown_is_forgotten_when_it_is_stale_anyway() -> None:
    vetting = Vetting(ANCHORS)
    for number in range(20):
        judged(identity(claims(iat=NOW_S + 10 * number)), vetting=vetting, now_s=NOW_S + 10 * number)
    assert len(vetting._shown) <= 1 + FRESH_S // 10


def test_a_certificate_that_cannot_be_had_or_is_not_trusted_is_told_apart() -> None:
    assert judged(identity(claims()), pem=None) == Verdict(Finding.UNFETCHED, 436)
    assert judged(identity(claims()), pem=b"<html>") == Verdict(Finding.UNTRUSTED, 437)
    assert judged(identity(claims()), pem=PROVIDER.pem) == Verdict(Finding.UNTRUSTED, 437)


def test_another_key_or_a_changed_claim_is_forged() -> None:
    assert judged(identity(claims(), key_of(99))) == Verdict(Finding.FORGED, 438)
    head, _, signature = identity(claims(attest="C")).split(".", 2)
    assert judged(f"{head}.{encoded(claims(attest='A'))}.{signature}").finding is Finding.FORGED
    for made_up in (bytes(64), b"\xff" * 64):
        token = identity(claims()).partition(";")[0].rpartition(".")[0]
        assert judged(f"{token}.{encoded(made_up)};info=<{URL}>").finding is Finding.FORGED


UNREADABLE = {
    "no token": "x",
    "the compact form": f"..{encoded(bytes(64))};info=<{URL}>",
    "another algorithm": identity(claims(), alg="none"),
    "another type": identity(claims(), typ="jwt"),
    "another place in info": identity(claims(), info="https://evil.example/"),
    "a place that is not encrypted": identity(claims(), url="http://cert.example/a.pem"),
    "a file": identity(claims(), url="file:///etc/passwd"),
    "a place without end": identity(claims(), url="https://" + "x" * 900),
    "no attestation": identity(claims(attest=None)),
    "an attestation that is none": identity(claims(attest="AA")),
    "a list of attestations": identity(claims(attest=["A"])),
    "no origin": identity(claims(origid=None)),
    "no caller": identity(claims(orig=None)),
    "a caller who is a list": identity(claims(orig={"tn": ["12155550112"]})),
    "a caller with a plus": identity(claims(orig={"tn": "+12155550112"})),
    "nobody called": identity(claims(dest={"tn": []})),
    "a thousand called": identity(claims(dest={"tn": ["1"] * 1_000})),
    "no time": identity(claims(iat=None)),
    "a time that is a truth": identity(claims(iat=True)),
    "a time that is a fraction": identity(claims(iat=NOW_S + 0.5)),
    "a time beyond all": identity(claims(iat=2**63)),
    "a key that stands twice": identity(b'{"attest":"C","attest":"A"}'),
    "brackets without end": identity(b"[" * 2_000),
    "a number without end": identity(b'{"iat":' + b"9" * 2_000 + b"}"),
    "no object": identity([1]),
    "no UTF-8": identity(b"\xff\xfe"),
    "a signature too short": identity(claims()).partition(";")[0].rpartition(".")[0] + f".AAAA;info=<{URL}>",
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_before_any_certificate_is_wanted(name: str) -> None:
    verdict = Vetting(ANCHORS).begin(invite(UNREADABLE[name]), NOW_S)
    assert isinstance(verdict, Verdict)
    assert verdict.finding is Finding.UNREADABLE
    assert verdict.status in (436, 437, 438)


@given(
    st.text(max_size=80)
    | st.binary(max_size=60).map(lambda data: f"{encoded(data)}.{encoded(data)}.AA;info=<x>")
)
def test_whatever_stands_there_is_read_or_refused(line: str) -> None:
    with suppress(Malformed):
        read_passport(line)
