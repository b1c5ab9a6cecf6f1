"""An authority for telephone numbers, made here: its root, an issuer below it, and providers that sign calls."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from mediasrv.sip import Headers, Request, Uri
from mediasrv.sip.stir.chain import TN_AUTH_LIST

NOW_S = 1_790_000_000
NOW = datetime.fromtimestamp(NOW_S, UTC)
URL = "https://cert.example/provider.pem"
TN_AUTH_LIST_VALUE = bytes.fromhex("3008a006160437303941")  # one service provider code: 709A
Claims = dict[str, object]


def key_of(number: int, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """The same number gives the same key."""
    return ec.derive_private_key(number, curve or ec.SECP256R1())


class Certified:
    """A key and its certificate."""

    def __init__(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: Certified | None,
        *,
        is_authority: bool = False,
        path_length: int | None = None,
        speaks: bool = True,
        signs: bool = True,
        days: tuple[float, float] = (-1.0, 1.0),
        odd: x509.ExtensionType | None = None,
        serial: int = 1,
    ) -> None:
        self.name, self.key = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key
        issued_by = issuer or self
        builder = (
            x509.CertificateBuilder(
                issuer_name=issued_by.name, subject_name=self.name, public_key=key.public_key(),
                serial_number=serial, not_valid_before=NOW + timedelta(days=days[0]),
                not_valid_after=NOW + timedelta(days=days[1]),
            )
            .add_extension(x509.BasicConstraints(is_authority, path_length if is_authority else None), critical=True)
            .add_extension(_usage(signs=signs and not is_authority, certifies=is_authority), critical=True)
        )  # fmt: skip
        if speaks and not is_authority:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(TN_AUTH_LIST, TN_AUTH_LIST_VALUE), critical=False
            )
        if odd is not None:
            builder = builder.add_extension(odd, critical=True)
        self.certificate = builder.sign(issued_by.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def _usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs, key_cert_sign=certifies, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


ROOT = Certified("Root", key_of(11), None, is_authority=True, path_length=1)
ISSUER = Certified("Issuer", key_of(12), ROOT, is_authority=True, path_length=0)
PROVIDER = Certified("SHAKEN 709A", key_of(13), ISSUER)
CHAIN = PROVIDER.pem + ISSUER.pem
ANCHORS = (ROOT.certificate,)


def claims(**changes: object) -> Claims:
    usual: Claims = {
        "attest": "A",
        "dest": {"tn": ["12155550113"]},
        "iat": NOW_S,
        "orig": {"tn": "12155550112"},
        "origid": "123e4567-e89b-12d3-a456-426655440000",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def encoded(value: object) -> str:
    data = (
        value
        if isinstance(value, bytes)
        else json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    )
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def identity(
    said: object,
    key: ec.EllipticCurvePrivateKey = PROVIDER.key,
    *,
    url: str = URL,
    info: str = "",
    **head: object,
) -> str:
    """An Identity header, signed."""
    header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": url} | head
    signed = f"{encoded(header)}.{encoded(said)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"{signed}.{signature};info=<{info or url}>;alg=ES256;ppt=shaken"


def invite(
    *lines: str, call_id: str = "call@192.0.2.1", caller: str = "sip:+12155550112@a.example"
) -> Request:
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", f"<{caller};user=phone>;tag=1"),
        ("To", "<sip:+1-215-555-0113@b.example>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        *(("Identity", line) for line in lines),
    ]
    return Request("INVITE", Uri.parse("sip:+12155550113@b.example"), Headers(headers))
