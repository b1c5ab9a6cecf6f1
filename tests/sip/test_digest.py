"""Digest: the vectors of the RFCs, headers there and back, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sip import Malformed
from mediasrv.sip.auth.digest import Algorithm, ha1, response
from mediasrv.sip.auth.fields import Challenge, Credentials, ServerProof

REALM = "http-auth@example.org"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
VECTOR = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
    'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm.SHA_256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616_section_3_9_1(algorithm: Algorithm, expected: str) -> None:
    secret = ha1(algorithm, "Mufasa", REALM, "Circle of Life")
    assert response(algorithm, secret, "GET", "/dir/index.html", NONCE, 1, CNONCE) == expected


def test_the_vector_of_rfc_2617_section_3_5() -> None:
    secret = ha1(Algorithm.MD5, "Mufasa", "testrealm@host.com", "Circle Of Life")
    assert secret == "939e7578ed9e3c518a452acee763bce9"
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    proof = response(Algorithm.MD5, secret, "GET", "/dir/index.html", nonce, 1, "0a4f113b")
    assert proof == "6629fae49393a05397450978507c4ef1"


def test_the_vector_without_qop_of_rfc_2069_as_corrected() -> None:
    secret = ha1(Algorithm.MD5, "Mufasa", "testrealm@host.com", "CircleOfLife")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    proof = response(Algorithm.MD5, secret, "GET", "/dir/index.html", nonce)
    assert proof == "1949323746fe6a43ef61f9606e7febea"


def test_the_authorization_of_rfc_7616_reads() -> None:
    read = Credentials.parse(VECTOR)
    assert (read.username, read.realm, read.algorithm, read.count) == ("Mufasa", REALM, Algorithm.SHA_256, 1)
    assert (read.cnonce, read.opaque) == (CNONCE, "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")


def test_a_challenge_without_algorithm_is_md5_and_without_qop_is_old() -> None:
    read = Challenge.parse('Digest realm="r", nonce="n"')
    assert (read.algorithm, read.qop, read.stale) == (Algorithm.MD5, (), False)


def test_a_challenge_for_an_unheard_of_algorithm_reads_and_says_so() -> None:
    assert Challenge.parse('Digest realm="r",nonce="n",algorithm=SHA-512-256').algorithm is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        'Basic realm="r", nonce="n"',
        'Digest realm="r"',
        'Digest realm="r", realm="s", nonce="n"',
        'Digest realm="r, nonce="n"',
        'Digest realm="r", nonce=',
        'Digest realm="r", nonce="n", =x',
        'Digest realm="r" nonce="n"',
        "Digest " + ", ".join(f"a{i}=1" for i in range(40)),
    ],
)
def test_a_broken_challenge_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Challenge.parse(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nc=00000001", "nc=00000000"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=+0000001"),
        ("nc=00000001, ", ""),
        ("qop=auth", "qop=auth-int"),
        ('response="75', 'response="zz'),
        ('response="75', 'response="'),
        ('username="Mufasa"', 'username=""'),
        ('username="Mufasa"', "username*=UTF-8''Mufasa"),
        ('cnonce="f2/', 'cnonce="f2/", cnonce="'),
    ],
)
def test_broken_credentials_are_malformed(old: str, new: str) -> None:
    assert old in VECTOR
    with pytest.raises(Malformed):
        Credentials.parse(VECTOR.replace(old, new))


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40
)  # what parse.py lets through
algorithms = st.sampled_from(Algorithm)
proofs = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(texts, texts, algorithms, st.sampled_from([(), ("auth",), ("auth", "auth-int")]), st.booleans())
def test_a_challenge_printed_is_the_challenge_read(
    realm: str, nonce: str, algorithm: Algorithm, qop: tuple[str, ...], stale: bool
) -> None:
    challenge = Challenge(realm, nonce, algorithm, qop, stale, nonce)
    assert Challenge.parse(str(challenge)) == challenge


@given(texts, texts, texts, proofs, algorithms, st.integers(0, 2**32 - 1))
def test_credentials_printed_are_the_credentials_read(
    username: str, realm: str, uri: str, proof: str, algorithm: Algorithm, count: int
) -> None:
    cnonce = realm if count else ""
    credentials = Credentials(username, realm, uri, uri, proof, algorithm, count, cnonce, None)
    assert Credentials.parse(str(credentials)) == credentials


@given(texts, proofs, st.integers(0, 2**32 - 1))
def test_a_server_proof_printed_is_the_proof_read(nonce: str, proof: str, count: int) -> None:
    info = ServerProof(nonce, proof, count, nonce)
    assert ServerProof.parse(str(info)) == info


@given(st.text(max_size=200) | st.text('Digest realm="n,=\\ ', max_size=60))
def test_whatever_stands_in_a_header_it_is_read_or_malformed(text: str) -> None:
    for field in (Challenge, Credentials, ServerProof):
        for prefix in ("", "Digest "):
            with suppress(Malformed):
                field.parse(prefix + text)
