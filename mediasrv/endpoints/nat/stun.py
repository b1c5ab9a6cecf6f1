"""STUN binding requests and their answers (RFC 5389), as bytes: who asks is told the address that he is seen with.

It shares the UDP port of SIP. No SIP message begins with a byte below 0x20; every STUN message begins with two zero
bits and has the magic cookie in its second word (section 6). What claims to be STUN and is not well made is nothing.

Answering has a price: an answer is larger than a bare request, and a request may bear somebody else's address. Whether
it is answered all the same is for the shell to decide, which knows who has proven his address.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from mediasrv.ids import TokenSource

COOKIE = 0x2112_A442
HEADER_BYTES = 20
TRANSACTION_BYTES = 12
MESSAGE_BYTES_MAX = 548  # section 7.1: what passes everywhere without fragments
REQUEST, ANSWER, ERROR = 0x0001, 0x0101, 0x0111
MAPPED_ADDRESS, ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS = 0x0001, 0x0009, 0x000A, 0x0020
OPTIONAL = 0x8000  # an attribute from here on may be ignored (section 15)
FAMILIES = {1: 4, 2: 16}  # bytes of an address

Address = tuple[str, int]


def is_stun(data: bytes) -> bool:
    """Whether that datagram is STUN's, well made or not."""
    return len(data) >= HEADER_BYTES and data[0] < 0x40 and data[4:8] == COOKIE.to_bytes(4, "big")


def binding_request(tokens: TokenSource) -> bytes:
    return _message(REQUEST, bytes.fromhex(tokens.token(TRANSACTION_BYTES)), b"")


def binding_answer(data: bytes, source: Address) -> bytes | None:
    """What `source` is told who has sent that; None: nothing."""
    attributes = _attributes(data, REQUEST)
    if attributes is None:
        return None
    transaction = data[8:HEADER_BYTES]
    unknown = sorted({kind for kind, _ in attributes if kind < OPTIONAL})
    if unknown:  # section 7.3.1: what must be understood, and is not
        kinds = struct.pack(f"!{len(unknown)}H", *unknown)
        refusal = _attribute(ERROR_CODE, b"\0\0\x04\x14") + _attribute(UNKNOWN_ATTRIBUTES, kinds)
        return _message(ERROR, transaction, refusal)
    return _message(ANSWER, transaction, _attribute(XOR_MAPPED_ADDRESS, _xored(source, transaction)))


def mapped_address(data: bytes, request: bytes) -> Address | None:
    """What the answer to our request says that we are seen as; None: it is no answer to it, or says nothing."""
    if data[8:HEADER_BYTES] != request[8:HEADER_BYTES]:
        return None
    values = dict(reversed(_attributes(data, ANSWER) or ()))  # section 15: the first of a kind counts
    if XOR_MAPPED_ADDRESS in values:
        return _address(values[XOR_MAPPED_ADDRESS], _mask(request[8:HEADER_BYTES]))
    if MAPPED_ADDRESS in values:  # RFC 3489's, which some NATs rewrite on the way
        return _address(values[MAPPED_ADDRESS], bytes(18))
    return None


def _attributes(data: bytes, kind: int) -> list[tuple[int, bytes]] | None:
    """All of them, when it is a well-made message of that kind."""
    if not is_stun(data) or len(data) > MESSAGE_BYTES_MAX:
        return None
    said, length = struct.unpack_from("!HH", data)
    if said != kind or length % 4 or HEADER_BYTES + length != len(data):
        return None
    try:
        return list(_walk(data))
    except ValueError:
        return None


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = HEADER_BYTES
    while at < len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + length]
        if len(value) != length:
            raise ValueError("an attribute is longer than its message")
        yield kind, value
        at += 4 + length + -length % 4


def _address(value: bytes, mask: bytes) -> Address | None:
    if len(value) < 2 or FAMILIES.get(value[1]) != len(value) - 4:
        return None
    plain = bytes(byte ^ over for byte, over in zip(value[2:], mask, strict=False))
    host = str(ipaddress.ip_address(plain[2:]))
    return host, int.from_bytes(plain[:2], "big")


def _xored(address: Address, transaction: bytes) -> bytes:
    packed = ipaddress.ip_address(address[0]).packed
    family = 1 if len(packed) == 4 else 2
    plain = address[1].to_bytes(2, "big") + packed
    return bytes((0, family)) + bytes(
        byte ^ over for byte, over in zip(plain, _mask(transaction), strict=False)
    )


def _mask(transaction: bytes) -> bytes:
    """Section 15.2: the cookie's first half over the port, the cookie and the transaction over the address."""
    cookie = COOKIE.to_bytes(4, "big")
    return cookie[:2] + cookie + transaction


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, attributes: bytes) -> bytes:
    return struct.pack("!HHI", kind, len(attributes), COOKIE) + transaction + attributes
