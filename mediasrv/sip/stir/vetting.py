"""Judging the Identity of a call (RFC 8224 section 6.2), in the order that costs a flood least.

First what the message itself shows: can it be read, is it fresh, is it about this caller and this number, was it not
shown before with another call. Only then is its certificate wanted, which somebody has to fetch, and only then is
anything computed. A verdict refuses nobody by itself: its `status` is what RFC 8224 section 6.2.2 would answer, and
whether a call is refused, or only goes without an attestation, is for the room that knows the trunk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.identity import Party
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.stir.chain import UntrustedChain, signer_of
from mediasrv.sip.stir.passport import Passport, read_passport

FRESH_S = 60  # RFC 8224 section 6.2 step 4
LINES_MAX = 4  # Identity headers that are looked at in one call
SHOWN_MAX = 16_384  # PASSporTs remembered for as long as they are fresh; then the oldest goes
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # FIPS 186-4 section D.1.2.3
_SEPARATORS = str.maketrans("", "", "+-.() ")


class Finding(Enum):
    ABSENT = "absent"
    VALID = "valid"
    UNREADABLE = "unreadable"
    STALE = "stale"
    MISMATCHED = "mismatched"  # about another caller, or another number
    REPLAYED = "replayed"
    UNFETCHED = "unfetched"
    UNTRUSTED = "untrusted"
    FORGED = "forged"


_STATUS = {
    Finding.ABSENT: 428,
    Finding.STALE: 403,
    Finding.MISMATCHED: 438,
    Finding.REPLAYED: 438,
    Finding.UNFETCHED: 436,
    Finding.UNTRUSTED: 437,
    Finding.FORGED: 438,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`attestation` is A, B or C of a valid PASSporT, else empty; `status`: 200, or what its lack deserves."""

    finding: Finding
    status: int
    attestation: str = ""
    origin_id: str = ""


def _lacking(finding: Finding) -> Verdict:
    return Verdict(finding, _STATUS[finding])


class Vetting:
    """`begin`, then the chain for `certificate_url` is fetched, then `finish`."""

    def __init__(self, anchors: Sequence[x509.Certificate]) -> None:
        self._anchors = tuple(anchors)
        self._shown: OrderedDict[tuple[int, int], tuple[str, int]] = OrderedDict()  # Call-ID, issued at

    def begin(self, request: Request, wall_s: float) -> Passport | Verdict:
        """What can be said without a certificate: a verdict, or the PASSporT that needs one."""
        try:
            read = map(read_passport, request.headers.texts("Identity")[:LINES_MAX])
            passport = next((each for each in read if each is not None), None)
        except Malformed as error:
            return Verdict(Finding.UNREADABLE, error.status)
        if passport is None:
            return _lacking(Finding.ABSENT)
        if abs(wall_s - passport.issued_at_s) > FRESH_S:
            return _lacking(Finding.STALE)
        if not _is_about(passport, request):
            return _lacking(Finding.MISMATCHED)
        shown = self._shown.get(_name_of(passport))
        return _lacking(Finding.REPLAYED) if shown and shown[0] != request.call_id else passport

    def finish(self, passport: Passport, request: Request, pem: bytes | None, wall_s: float) -> Verdict:
        """`pem`: the chain as it was fetched, or None when it could not be."""
        if pem is None:
            return _lacking(Finding.UNFETCHED)
        try:
            key = signer_of(pem, self._anchors, wall_s)
        except UntrustedChain:
            return _lacking(Finding.UNTRUSTED)
        if not _is_signed(passport, key):
            return _lacking(Finding.FORGED)
        self._remember(passport, request.call_id, wall_s)
        return Verdict(Finding.VALID, 200, passport.attestation, passport.origin_id)

    def _remember(self, passport: Passport, call_id: str, wall_s: float) -> None:
        """Only what was genuine: nobody can push the others out without a key."""
        while self._shown:
            name, (_, issued_at_s) = next(iter(self._shown.items()))
            if len(self._shown) < SHOWN_MAX and wall_s - issued_at_s <= FRESH_S:
                break
            del self._shown[name]
        self._shown[_name_of(passport)] = call_id, passport.issued_at_s


def _halves(passport: Passport) -> tuple[int, int]:
    """The two numbers of a signature, r and s."""
    half = len(passport.signature) // 2
    return int.from_bytes(passport.signature[:half], "big"), int.from_bytes(passport.signature[half:], "big")


def _name_of(passport: Passport) -> tuple[int, int]:
    """Of a signature anybody can make a second one that is as good, with n-s: they are the same PASSporT."""
    r, s = _halves(passport)
    return r, min(s, P256_ORDER - s)


def _is_signed(passport: Passport, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        key.verify(encode_dss_signature(*_halves(passport)), passport.signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _is_about(passport: Passport, request: Request) -> bool:
    """Section 6.2 step 3. The caller is who P-Asserted-Identity says, where a trunk says so, else From."""
    asserted = Party.of(request.headers).asserted
    callers = [each.uri for each in asserted] or [request.from_.uri]
    called = (request.to.uri, request.uri)
    return any(_digits(uri) == passport.caller for uri in callers) and any(
        _digits(uri) in passport.called for uri in called
    )


def _digits(uri: Uri) -> str:
    """RFC 8224 section 8.3: a number without what stands between its digits, and without its plus sign."""
    return uri.user_text.partition(";")[0].translate(_SEPARATORS)
