"""Static payload types (RFC 3551 section 6, tables 4 and 5): numbers that mean a codec without being told."""

from __future__ import annotations

from typing import NamedTuple

FIRST_DYNAMIC, LAST_DYNAMIC = 96, 127
RTCP_LOOKALIKES = range(64, 96)  # RFC 5761 section 4: with the marker bit set, these look like RTCP packets


class Payload(NamedTuple):
    """`clock_hz` counts the RTP time stamps; G.722 samples at 16 kHz but counts 8 (section 4.5.2)."""

    name: str
    clock_hz: int
    channels: int = 1


STATIC_PAYLOADS = {
    0: Payload("PCMU", 8_000),
    3: Payload("GSM", 8_000),
    4: Payload("G723", 8_000),
    5: Payload("DVI4", 8_000),
    6: Payload("DVI4", 16_000),
    7: Payload("LPC", 8_000),
    8: Payload("PCMA", 8_000),
    9: Payload("G722", 8_000),
    10: Payload("L16", 44_100, 2),
    11: Payload("L16", 44_100),
    12: Payload("QCELP", 8_000),
    13: Payload("CN", 8_000),
    14: Payload("MPA", 90_000),
    15: Payload("G728", 8_000),
    16: Payload("DVI4", 11_025),
    17: Payload("DVI4", 22_050),
    18: Payload("G729", 8_000),
    25: Payload("CELB", 90_000),
    26: Payload("JPEG", 90_000),
    28: Payload("NV", 90_000),
    31: Payload("H261", 90_000),
    32: Payload("MPV", 90_000),
    33: Payload("MP2T", 90_000),
    34: Payload("H263", 90_000),
}


def is_dynamic(payload_type: int) -> bool:
    return FIRST_DYNAMIC <= payload_type <= LAST_DYNAMIC
