"""ElevenLabs: the same voices over HTTP and over a WebSocket; both tell where each word lies."""

from mediasrv.providers.elevenlabs.http_voice import ElevenLabsVoice
from mediasrv.providers.elevenlabs.settings import ElevenLabsSettings
from mediasrv.providers.elevenlabs.socket_voice import ElevenLabsSocketVoice

__all__ = ["ElevenLabsSettings", "ElevenLabsSocketVoice", "ElevenLabsVoice"]
