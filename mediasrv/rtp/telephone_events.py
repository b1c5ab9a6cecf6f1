"""The keys of a telephone as RTP events (RFC 4733 section 3.2)."""

from __future__ import annotations

from mediasrv.errors import LocalError

KEYS = "0123456789*#ABCD"
FLASH = 16
DURATION_LARGEST = (
    0xFFFF  # in ticks of the clock: 8 s at 8 kHz; a key held longer sends segments (section 2.5.1.3)
)


def key_of(event: int) -> str | None:
    """The key that an event stands for; None for events that are no keys."""
    return KEYS[event] if 0 <= event < len(KEYS) else None


def event_of(key: str) -> int:
    """The event of a key, `a` to `d` in either case."""
    at = KEYS.find(key.upper()) if len(key) == 1 else -1
    if at < 0:
        raise LocalError(f"{key!r} is not one of {KEYS}")
    return at


def duration_ms(ticks: int, clock_hz: int) -> float:
    return ticks * 1000 / clock_hz
