"""What both ways of reaching ElevenLabs are told, and what both make of its alignments."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mediasrv.providers.protocols import ProviderError, Usage

BASE_URL = "https://api.elevenlabs.io/v1/"
KEY_HEADER = "xi-api-key"
MODEL = "eleven_flash_v2_5"
VOICE = "21m00Tcm4TlvDq8ikWAM"
RATES_HZ = (16_000, 22_050, 24_000, 44_100, 8_000)
VOICE_SETTINGS = ("stability", "similarity_boost", "style", "use_speaker_boost", "speed")


@dataclass(frozen=True, slots=True)
class ElevenLabsSettings:
    name: str
    charge: Callable[[Usage], Usage]
    model: str = MODEL
    voice: str = VOICE
    rate_hz: int = 16_000
    extra: Mapping[str, object] = field(default_factory=dict)  # `stability`, `speed`, `language_code` ...

    def voice_settings(self) -> dict[str, object]:
        return {key: value for key, value in self.extra.items() if key in VOICE_SETTINGS}

    def other_settings(self) -> dict[str, object]:
        return {key: value for key, value in self.extra.items() if key not in VOICE_SETTINGS}

    def used(self, text: str) -> Usage:
        return self.charge(Usage(self.name, self.model, {"characters": len(text)}))


def sound_in(name: str, encoded: object) -> bytes:
    """Base64, or nothing."""
    if not encoded:
        return b""
    try:
        return base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProviderError(name, f"sound that is no base64: {error}", retryable=False) from error


def texts(value: Any) -> list[str]:
    """A list of characters; empty when it is something else."""
    return [str(each) for each in value] if isinstance(value, list) else []


def numbers(value: Any, scale: float) -> list[float]:
    """A list of numbers, as milliseconds; empty when it is something else."""
    if not isinstance(value, list) or not all(isinstance(each, int | float) for each in value):
        return []
    return [each * scale for each in value]
