"""AES, counter mode and Galois/counter mode, straight from FIPS 197 and SP 800-38A/D: slow and clear, for tests."""

from __future__ import annotations

from functools import cache


def _double(a: int) -> int:
    """Multiplies by x in GF(2^8)."""
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def _multiply(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = _double(a), b >> 1
    return product


@cache
def _s_box() -> tuple[int, ...]:
    """FIPS 197 5.1.1: the inverse, then an affine map."""
    box = []
    for value in range(256):
        inverse = next((k for k in range(256) if _multiply(value, k) == 1), 0)
        bits = 0
        for shift in range(5):
            bits ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box.append(bits ^ 0x63)
    return tuple(box)


@cache
def _round_keys(key: bytes) -> tuple[bytes, ...]:
    """FIPS 197 5.2."""
    box, words, factor = _s_box(), [key[i : i + 4] for i in range(0, len(key), 4)], 1
    per_key = len(words)
    while len(words) < 4 * (per_key + 7):
        word = words[-1]
        if len(words) % per_key == 0:
            word = bytes(box[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ factor]) + word[1:]
            factor = _double(factor)
        elif per_key > 6 and len(words) % per_key == 4:
            word = bytes(box[b] for b in word)
        words.append(_xor(word, words[-per_key]))
    return tuple(b"".join(words[i : i + 4]) for i in range(0, len(words), 4))


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=False))


def _mix(column: bytes) -> bytes:
    doubled = [_double(b) for b in column]
    return bytes(
        doubled[i] ^ doubled[(i + 1) % 4] ^ column[(i + 1) % 4] ^ column[(i + 2) % 4] ^ column[(i + 3) % 4]
        for i in range(4)
    )


@cache
def encrypt_block(key: bytes, block: bytes) -> bytes:
    box, keys = _s_box(), _round_keys(key)
    state = _xor(block, keys[0])
    for k, round_key in enumerate(keys[1:], 1):
        state = bytes(box[state[(i + 4 * (i % 4)) % 16]] for i in range(16))  # SubBytes and ShiftRows
        if k < len(keys) - 1:
            state = b"".join(_mix(state[i : i + 4]) for i in range(0, 16, 4))
        state = _xor(state, round_key)
    return state


def counter_mode(key: bytes, iv: bytes, data: bytes) -> bytes:
    first = int.from_bytes(iv, "big")
    blocks = (len(data) + 15) // 16
    stream = b"".join(encrypt_block(key, ((first + k) % 2**128).to_bytes(16, "big")) for k in range(blocks))
    return _xor(data, stream)


def _ghash_multiply(x: int, h: int) -> int:
    product, v = 0, h
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= v
        v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return product


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _tag(key: bytes, iv: bytes, associated: bytes, sealed: bytes) -> bytes:
    h = int.from_bytes(encrypt_block(key, bytes(16)), "big")
    lengths = (8 * len(associated)).to_bytes(8, "big") + (8 * len(sealed)).to_bytes(8, "big")
    data, hashed = _padded(associated) + _padded(sealed) + lengths, 0
    for i in range(0, len(data), 16):
        hashed = _ghash_multiply(hashed ^ int.from_bytes(data[i : i + 16], "big"), h)
    return _xor(hashed.to_bytes(16, "big"), encrypt_block(key, iv + b"\0\0\0\1"))


def gcm_seal(key: bytes, iv: bytes, associated: bytes, plain: bytes) -> bytes:
    """Ciphertext, then 16 octets of tag; `iv` has 12."""
    sealed = counter_mode(key, iv + b"\0\0\0\2", plain)
    return sealed + _tag(key, iv, associated, sealed)


def gcm_open(key: bytes, iv: bytes, associated: bytes, sealed: bytes) -> bytes | None:
    body, tag = sealed[:-16], sealed[-16:]
    if _tag(key, iv, associated, body) != tag:
        return None
    return counter_mode(key, iv + b"\0\0\0\2", body)
