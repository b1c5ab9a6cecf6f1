"""Chains of certificates: which of them may sign calls, and everything that breaks one."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mediasrv.sip.stir import UntrustedChain, signer_of
from mediasrv.sip.stir.chain import CHAIN_BYTES
from tests.sip.stir.authority import ANCHORS, CHAIN, ISSUER, NOW_S, PROVIDER, ROOT, Certified, key_of

STRANGER = Certified("Root", key_of(21), None, is_authority=True)
DIRECT = Certified("Direct", key_of(22), ROOT)
DEEP = Certified("Deep", key_of(23), ISSUER, is_authority=True)
NO_AUTHORITY = Certified("Below", key_of(24), PROVIDER)
RETIRED = Certified("Issuer", key_of(12), ROOT, is_authority=True, days=(-9.0, -2.0), serial=7)


@pytest.mark.parametrize("pem", [CHAIN, CHAIN + ROOT.pem, DIRECT.pem, DIRECT.pem + ROOT.pem])
def test_a_chain_to_an_anchor_is_trusted_with_or_without_the_anchor_in_it(pem: bytes) -> None:
    key = signer_of(pem, ANCHORS, NOW_S)
    assert isinstance(key.curve, ec.SECP256R1)


def test_of_several_anchors_with_one_name_the_right_one_counts() -> None:
    assert signer_of(CHAIN, (STRANGER.certificate, ROOT.certificate), NOW_S)


BROKEN = {
    "nothing": b"",
    "no certificate": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "too much of it": CHAIN + b"\n" * CHAIN_BYTES,
    "too long a chain": CHAIN * 3,
    "a gap": PROVIDER.pem,
    "another order": ISSUER.pem + PROVIDER.pem,
    "another root of the same name": Certified("X", key_of(31), STRANGER).pem,
    "another root of the same name, shown": Certified("X", key_of(31), STRANGER).pem + STRANGER.pem,
    "a provider who issues": NO_AUTHORITY.pem + CHAIN,
    "a path longer than allowed": Certified("Y", key_of(32), DEEP).pem + DEEP.pem + ISSUER.pem,
    "an issuer out of its time": PROVIDER.pem + RETIRED.pem,
    "a signer out of its time": Certified("Z", key_of(33), ISSUER, days=(-9.0, -1.0)).pem + ISSUER.pem,
    "a signer of tomorrow": Certified("Z", key_of(33), ISSUER, days=(0.5, 1.0)).pem + ISSUER.pem,
    "a signer who speaks for no numbers": Certified("Z", key_of(34), ISSUER, speaks=False).pem + ISSUER.pem,
    "a key that does not sign": Certified("Z", key_of(35), ISSUER, signs=False).pem + ISSUER.pem,
    "a key of another curve": Certified("Z", key_of(36, ec.SECP384R1()), ISSUER).pem + ISSUER.pem,
    "an authority that signs calls itself": ISSUER.pem,
    "a critical extension that nobody knows": Certified(
        "Z", key_of(37), ISSUER, odd=x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    ).pem + ISSUER.pem,
    "names that are constrained": Certified(
        "Z", key_of(38), ISSUER, odd=x509.NameConstraints([x509.DNSName("x")], None)
    ).pem + ISSUER.pem,
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_chain_signs_nothing(name: str) -> None:
    with pytest.raises(UntrustedChain):
        signer_of(BROKEN[name], ANCHORS, NOW_S)


def test_an_anchor_out_of_its_time_vouches_for_nobody() -> None:
    with pytest.raises(UntrustedChain):
        signer_of(CHAIN, ANCHORS, NOW_S + 2 * 86_400)


def test_without_anchors_nobody_is_trusted() -> None:
    with pytest.raises(UntrustedChain):
        signer_of(CHAIN, (), NOW_S)


def test_a_chain_with_any_one_octet_changed_is_refused_or_says_the_same() -> None:
    """PEM has octets that mean nothing; but no change makes another key."""
    key = signer_of(CHAIN, ANCHORS, NOW_S).public_numbers()
    for at in range(0, len(CHAIN), 11):
        changed = CHAIN[:at] + bytes([CHAIN[at] ^ 1]) + CHAIN[at + 1 :]
        try:
            found = signer_of(changed, ANCHORS, NOW_S)
        except UntrustedChain:
            continue
        assert found.public_numbers() == key
