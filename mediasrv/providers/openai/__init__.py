"""The wire shape of OpenAI's API, which many others speak; each of them differs in a line or two of a table."""

from mediasrv.providers.openai.chat import ChatModel, ChatSettings
from mediasrv.providers.openai.dialects import DIALECTS, Dialect
from mediasrv.providers.openai.speech import SpeechSettings, SpeechVoice
from mediasrv.providers.openai.transcription import Transcription, TranscriptionSettings

__all__ = [
    "DIALECTS",
    "ChatModel",
    "ChatSettings",
    "Dialect",
    "SpeechSettings",
    "SpeechVoice",
    "Transcription",
    "TranscriptionSettings",
]
