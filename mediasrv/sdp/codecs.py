"""The codecs that can be negotiated, and how a format number of an `m=` line finds its codec.

A static payload type needs no rtpmap (RFC 3551 section 6); where one stands all the same, it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mediasrv.sdp.description import MediaDescription

LARGEST_PAYLOAD_TYPE = 127
RTCP_LOOKALIKES = range(64, 96)  # RFC 5761 section 4: in a stream these cannot be told from RTCP
TELEPHONE_EVENT, COMFORT_NOISE = "telephone-event", "CN"
BIT_RATES = range(6_000, 510_001)  # RFC 7587 section 6.1, maxaveragebitrate
PLAYBACK_RATES_HZ = (8_000, 16_000, 24_000, 48_000)
_RTPMAP = re.compile(r"([0-9]{1,3})\s+([^\s/]+)/([0-9]{1,6})(?:/([0-9]{1,2}))?\s*")
_FMTP = re.compile(r"([0-9]{1,3})\s+(.*)")


@dataclass(frozen=True, slots=True)
class Codec:
    """`clock_hz` counts the time stamps: G.722 samples at 16 kHz and counts 8 (RFC 3551 section 4.5.2)."""

    name: str
    payload_type: int  # the static one, or the one that we offer
    clocks_hz: tuple[int, ...] = (8_000,)  # the first is what we offer
    channels: int = 1  # as the rtpmap says them
    audio_hz: int = 8_000  # the band it carries; 0: that of its clock
    fmtp: str = ""  # what we say of ourselves

    def speaks(self, clock_hz: int, channels: int) -> bool:
        return clock_hz in self.clocks_hz and channels in (1, self.channels)


CODECS: Mapping[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec("PCMU", 0),
        Codec("PCMA", 8),
        Codec("G722", 9, audio_hz=16_000),
        Codec("L16", 97, (16_000, 8_000), audio_hz=0),
        # RFC 7587 section 7: always 48000/2, whatever is sent
        Codec("opus", 96, (48_000,), 2, 48_000, "minptime=10;useinbandfec=1"),
    )
}
_CANONICAL = {name.upper(): name for name in (*CODECS, TELEPHONE_EVENT, COMFORT_NOISE)}
_STATIC = {
    **{codec.payload_type: (name, 8_000) for name, codec in CODECS.items() if codec.payload_type < 96},
    13: (COMFORT_NOISE, 8_000),
}


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of an `m=` line, as its rtpmap or the static table explains it."""

    payload_type: int
    name: str  # as CODECS has it; what we do not know, in upper case
    clock_hz: int
    channels: int = 1
    parameters: Mapping[str, str] = field(default_factory=dict)  # of its fmtp, names in lower case

    @property
    def is_spoken(self) -> bool:
        return self.name in CODECS and CODECS[self.name].speaks(self.clock_hz, self.channels)

    @property
    def audio_hz(self) -> int:
        return CODECS[self.name].audio_hz or self.clock_hz

    def is_set(self, parameter: str) -> bool:
        return self.parameters.get(parameter) == "1"

    def bit_rate(self) -> int:
        """What they want no more of than, in bits a second; 0: they do not say."""
        stated = self._number("maxaveragebitrate")
        return min(max(stated, BIT_RATES.start), BIT_RATES.stop - 1) if stated is not None else 0

    def playback_hz(self) -> int:
        """The rate of Opus that is enough for what they play it at (RFC 7587 section 6.1, maxplaybackrate)."""
        stated = self._number("maxplaybackrate") or PLAYBACK_RATES_HZ[-1]
        return next((hz for hz in PLAYBACK_RATES_HZ if hz >= stated), PLAYBACK_RATES_HZ[-1])

    def _number(self, parameter: str) -> int | None:
        text = self.parameters.get(parameter, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else None


def formats_of(media: MediaDescription) -> list[Format]:
    """The formats that can be understood, in the order of preference; what makes no sense is left out."""
    explained, parameters = _explanations(media), _parameters(media)
    formats = []
    for text in media.formats:
        if not text.isascii() or not text.isdigit() or len(text) > 3:
            continue
        payload_type = int(text)
        if payload_type > LARGEST_PAYLOAD_TYPE or payload_type in RTCP_LOOKALIKES:
            continue
        if payload_type in explained:
            formats.append(Format(payload_type, *explained[payload_type], parameters.get(payload_type, {})))
        elif payload_type in _STATIC:
            formats.append(Format(payload_type, *_STATIC[payload_type]))
    return formats


def _explanations(media: MediaDescription) -> dict[int, tuple[str, int, int]]:
    explained: dict[int, tuple[str, int, int]] = {}
    for text in media.attribute_values("rtpmap"):
        found = _RTPMAP.fullmatch(text)
        if found:
            payload_type, name, clock_hz, channels = found.groups()
            name = _CANONICAL.get(name.upper(), name.upper())
            explained.setdefault(int(payload_type), (name, int(clock_hz), int(channels or 1)))
    return explained


def _parameters(media: MediaDescription) -> dict[int, dict[str, str]]:
    """`name=value` pairs; what is not such a pair says nothing to us."""
    found: dict[int, dict[str, str]] = {}
    for text in media.attribute_values("fmtp"):
        line = _FMTP.fullmatch(text)
        if line:
            pairs = (pair.partition("=") for pair in line.group(2).split(";"))
            found.setdefault(
                int(line.group(1)),
                {name.strip().lower(): value.strip() for name, equals, value in pairs if equals},
            )
    return found
