"""Sarvam: ears and voices of Indian languages. Its chat model speaks OpenAI's shape, and stands there."""

from mediasrv.providers.sarvam.batch import SarvamBatchEars, SarvamBatchSettings
from mediasrv.providers.sarvam.ears import SarvamEars, SarvamEarsSettings
from mediasrv.providers.sarvam.voice import SarvamVoice, SarvamVoiceSettings

__all__ = [
    "SarvamBatchEars",
    "SarvamBatchSettings",
    "SarvamEars",
    "SarvamEarsSettings",
    "SarvamVoice",
    "SarvamVoiceSettings",
]
