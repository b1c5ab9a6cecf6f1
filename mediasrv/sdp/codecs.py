"""The codecs that can be negotiated, and how a format number of an `m=` line finds its codec.

A static payload type needs no rtpmap (RFC 3551 section 6); where one stands all the same, it is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediasrv.sdp.description import MediaDescription

LARGEST_PAYLOAD_TYPE = 127
RTCP_LOOKALIKES = range(64, 96)  # RFC 5761 section 4: in a stream these cannot be told from RTCP
TELEPHONE_EVENT = "TELEPHONE-EVENT"
_RTPMAP = re.compile(r"([0-9]{1,3})\s+([^\s/]+)/([0-9]{1,6})(?:/([0-9]{1,2}))?\s*")


@dataclass(frozen=True, slots=True)
class Codec:
    name: str
    payload_type: int  # the static one
    clock_hz: int = 8_000


PCMU, PCMA = Codec("PCMU", 0), Codec("PCMA", 8)
CODECS = {codec.name: codec for codec in (PCMU, PCMA)}
_STATIC = {codec.payload_type: codec for codec in CODECS.values()}


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of an `m=` line, as its rtpmap or the static table explains it."""

    payload_type: int
    name: str  # upper case
    clock_hz: int


def formats_of(media: MediaDescription) -> list[Format]:
    """The formats that can be understood, in the order of preference; what makes no sense is left out."""
    explained = _explanations(media)
    formats = []
    for text in media.formats:
        if not text.isascii() or not text.isdigit() or len(text) > 3:
            continue
        payload_type = int(text)
        if payload_type > LARGEST_PAYLOAD_TYPE or payload_type in RTCP_LOOKALIKES:
            continue
        if payload_type in explained:
            formats.append(Format(payload_type, *explained[payload_type]))
        elif payload_type in _STATIC:
            codec = _STATIC[payload_type]
            formats.append(Format(payload_type, codec.name, codec.clock_hz))
    return formats


def _explanations(media: MediaDescription) -> dict[int, tuple[str, int]]:
    explained: dict[int, tuple[str, int]] = {}
    for text in media.attribute_values("rtpmap"):
        found = _RTPMAP.fullmatch(text)
        if found:
            payload_type, name, clock_hz, channels = found.groups()
            mono = channels in (None, "1")
            explained.setdefault(
                int(payload_type), (name.upper() if mono else f"{name}/{channels}", int(clock_hz))
            )
    return explained
