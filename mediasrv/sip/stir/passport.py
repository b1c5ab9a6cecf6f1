"""The PASSporT in an Identity header: a JSON web token about one call (RFC 8225, with the claims of RFC 8588).

    Identity: HEADER.PAYLOAD.SIGNATURE;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken

Everything in it is a stranger's until the signature is checked; reading decides nothing but whether it can be read. A
key that stands twice has two readings, and is refused.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.syntax import parameter, parse_parameters

SHAKEN = "shaken"
ATTESTATIONS = ("A", "B", "C")  # RFC 8588 section 4: full, partial, gateway
URL_CHARACTERS = 500
ORIGIN_CHARACTERS = 64  # origid is a UUID: 36
DESTINATIONS_MAX = 16
_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_NUMBER = re.compile(r"[0-9*#A-Da-d]{1,32}")  # RFC 8225 section 5.2.1: no visual separators, no plus sign
SIGNATURE_BYTES = 64  # ES256: r and s (RFC 7518 section 3.4)


@dataclass(frozen=True, slots=True)
class Passport:
    """What is claimed; `signed` is what the signature is over."""

    attestation: str
    origin_id: str
    caller: str
    called: tuple[str, ...]
    issued_at_s: int  # Unix time
    certificate_url: str
    signed: bytes
    signature: bytes


def read_passport(line: str) -> Passport | None:
    """None for a PASSporT of another kind, which says nothing to us (RFC 8224 section 6.2 step 1); or Malformed."""
    token, _, rest = line.partition(";")
    found = _TOKEN.fullmatch(token.strip())
    if found is None:
        raise Malformed("no PASSporT in full form", 438)
    about = parse_parameters(rest)
    head, claims = _object(found.group(1)), _object(found.group(2))
    if head.get("ppt") != SHAKEN:
        return None
    if head.get("alg") != "ES256" or head.get("typ") != "passport":
        raise Malformed("a PASSporT in another algorithm", 437)
    url = _text(head, "x5u", URL_CHARACTERS)
    if (parameter(about, "info") or "").strip("<>") != url or not url.startswith("https://"):
        raise Malformed("info is not the certificate of the PASSporT", 436)
    signature = _decoded(found.group(3))
    if len(signature) != SIGNATURE_BYTES:
        raise Malformed("a signature of impossible length", 438)
    return Passport(
        _attestation(claims),
        _text(claims, "origid", ORIGIN_CHARACTERS),
        _number(_part(claims, "orig").get("tn")),
        _called(_part(claims, "dest").get("tn")),
        _issued_at_s(claims),
        url,
        f"{found.group(1)}.{found.group(2)}".encode("ascii"),
        signature,
    )


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise Malformed("a PASSporT that is no base64", 438) from error


def _object(text: str) -> Mapping[str, object]:
    try:
        read = json.loads(_decoded(text), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise Malformed("a PASSporT that is no JSON", 438) from error
    if not isinstance(read, dict):
        raise Malformed("a PASSporT that is no object", 438)
    return read


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key stands twice")
    return read


def _part(claims: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = claims.get(name)
    if not isinstance(part, dict):
        raise Malformed(f"a PASSporT without {name}", 438)
    return part


def _text(claims: Mapping[str, object], name: str, longest: int) -> str:
    text = claims.get(name)
    if (
        not isinstance(text, str)
        or not 0 < len(text) <= longest
        or not text.isascii()
        or not text.isprintable()
    ):
        raise Malformed(f"a PASSporT without {name}", 438)
    return text


def _attestation(claims: Mapping[str, object]) -> str:
    level = claims.get("attest")
    if not isinstance(level, str) or level not in ATTESTATIONS:
        raise Malformed("a PASSporT that attests nothing", 438)
    return level


def _number(value: object) -> str:
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise Malformed("no number in a PASSporT", 438)
    return value


def _called(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= DESTINATIONS_MAX:
        raise Malformed("a PASSporT for nobody", 438)
    return tuple(map(_number, value))


def _issued_at_s(claims: Mapping[str, object]) -> int:
    value = claims.get("iat")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise Malformed("a PASSporT of no time", 438)
    return value
