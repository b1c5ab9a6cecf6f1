"""What voices send, made into what can be played: whole samples without a file's header, words out of characters."""

from mediasrv.providers.sound.pcm import PcmPieces
from mediasrv.providers.sound.words import Characters, words_of

__all__ = ["Characters", "PcmPieces", "words_of"]
