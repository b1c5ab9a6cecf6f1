"""Keys of a telephone in INFO: `application/dtmf-relay`, and the bare `application/dtmf` of older gear.

Neither has a standard; both are what gateways have sent for twenty years: `Signal=5` and `Duration=160` on lines of
their own, or the one character alone. RFC 4733 numbers its events so that 10 is the star, 11 the hash, 12 to 15 are
A to D and 16 is the hook flash, and some peers write those numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.syntax import number

RELAY, BARE = "application/dtmf-relay", "application/dtmf"
KEYS = "0123456789*#ABCD"
FLASH = "!"  # the hook, pressed for a moment
USUAL_MS = 160  # what is meant when nothing is said
LONGEST_MS = 8_000  # 65,535 RTP ticks at 8 kHz: longer than any key that RFC 4733 can carry in one event
_BY_NUMBER = {str(event): key for event, key in enumerate(KEYS + FLASH)}


@dataclass(frozen=True, slots=True)
class Key:
    """One key, pressed and let go; `key` is one of 0-9 * # A-D, or "!" for the hook flash."""

    key: str
    duration_ms: int = USUAL_MS


def read_key(content_type: str, body: bytes) -> Key:
    """Raises Malformed for a body that names no key; its status is what the INFO deserves."""
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("no ASCII in a key") from error
    if content_type == BARE and "=" not in text:
        return Key(_key(text))
    fields = _fields(text)
    if "signal" not in fields:
        raise Malformed("no Signal in a key")
    duration = fields.get("duration")
    duration_ms = USUAL_MS if duration is None else number(duration, 2**31 - 1, "Duration")
    return Key(_key(fields["signal"]), min(duration_ms, LONGEST_MS))


def print_key(key: Key) -> bytes:
    """As `application/dtmf-relay`."""
    return f"Signal={key.key}\r\nDuration={key.duration_ms}\r\n".encode("ascii")


def check_key(key: Key) -> bool:
    return len(key.key) == 1 and key.key in KEYS + FLASH and 0 < key.duration_ms <= LONGEST_MS


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _key(text: str) -> str:
    text = text.strip().upper()
    key = _BY_NUMBER.get(text, text)
    if len(key) != 1 or key not in KEYS + FLASH:
        raise Malformed("no such key")
    return key
