"""Sarvam: ears and voices of Indian languages. Its chat model speaks OpenAI's shape, and stands there."""

from mediasrv.providers.sarvam.ears import SarvamEars, SarvamEarsSettings
from mediasrv.providers.sarvam.voice import SarvamVoice, SarvamVoiceSettings

__all__ = ["SarvamEars", "SarvamEarsSettings", "SarvamVoice", "SarvamVoiceSettings"]
