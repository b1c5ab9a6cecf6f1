"""Sarvam: voices of Indian languages. Its chat model speaks OpenAI's shape, and stands there."""

from mediasrv.providers.sarvam.voice import SarvamVoice, SarvamVoiceSettings

__all__ = ["SarvamVoice", "SarvamVoiceSettings"]
