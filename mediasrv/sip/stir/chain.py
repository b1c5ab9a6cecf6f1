"""From the certificate that a PASSporT names up to an authority that we trust (RFC 8226, RFC 5280 section 6).

These are not the certificates of web sites: there is no host name in them, and what they must have instead is a list
of what they may speak for (TNAuthList). So the path is checked here, in the few steps that it needs: every certificate
is in its time, is signed by the next one, which must be an authority with path to spare, and the last one is signed by
an anchor. An extension that is critical and that we do not understand ends it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from mediasrv.errors import RemoteError

CHAIN_BYTES = 32_768
CERTIFICATES_MAX = 5
TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")  # RFC 8226 section 9
_UNDERSTOOD = frozenset(
    (x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid, TN_AUTH_LIST)
)


class UntrustedChain(RemoteError):
    """No anchor of ours vouches for that certificate, or it may not sign calls."""


def signer_of(pem: bytes, anchors: Sequence[x509.Certificate], wall_s: float) -> ec.EllipticCurvePublicKey:
    """The key that may sign calls, by a chain in PEM, the signer's own certificate first; raises UntrustedChain."""
    chain = _read(pem)
    for depth, certificate in enumerate(chain):
        _check_alone(certificate, wall_s)
        if depth:
            _check_authority(certificate, below=depth - 1)
            _check_issued(chain[depth - 1], certificate)
    _check_anchored(chain[-1], anchors, len(chain) - 1, wall_s)
    return _signing_key(chain[0])


def _read(pem: bytes) -> list[x509.Certificate]:
    if len(pem) > CHAIN_BYTES:
        raise UntrustedChain("a chain too large")
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise UntrustedChain("no certificates in PEM") from error
    if len(chain) > CERTIFICATES_MAX:
        raise UntrustedChain("a chain too long")
    return chain


def _check_alone(certificate: x509.Certificate, wall_s: float) -> None:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first.timestamp() <= wall_s <= last.timestamp():
        raise UntrustedChain("a certificate out of its time")
    if any(each.critical and each.oid not in _UNDERSTOOD for each in _extensions(certificate)):
        raise UntrustedChain("a critical extension that is not understood")


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise UntrustedChain("extensions that cannot be read") from error


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """`below`: how many authorities stand between it and the signer's own certificate."""
    try:
        extensions = _extensions(certificate)
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise UntrustedChain("an issuer that is no authority") from error
    if not constraints.ca or not usage.key_cert_sign:
        raise UntrustedChain("an issuer that is no authority")
    if constraints.path_length is not None and constraints.path_length < below:
        raise UntrustedChain("a path longer than its authority allows")


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise UntrustedChain("a certificate that its issuer has not signed") from error


def _check_anchored(
    last: x509.Certificate, anchors: Sequence[x509.Certificate], depth: int, wall_s: float
) -> None:
    if last in anchors and depth:
        return
    for anchor in anchors:
        if anchor.subject == last.issuer:
            try:
                _check_alone(anchor, wall_s)
                _check_authority(anchor, below=depth)
                _check_issued(last, anchor)
            except UntrustedChain:
                continue  # an authority may have had several certificates
            return
    raise UntrustedChain("no anchor of ours")


def _signing_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    extensions = _extensions(certificate)
    if not any(each.oid == TN_AUTH_LIST for each in extensions):
        raise UntrustedChain("a certificate that speaks for no numbers")
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        key = certificate.public_key()
    except (x509.ExtensionNotFound, ValueError, UnsupportedAlgorithm) as error:
        raise UntrustedChain("a certificate that does not sign") from error
    if not usage.digital_signature:
        raise UntrustedChain("a certificate that does not sign")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UntrustedChain("a key that is not of P-256")
    return key
