"""Sound between the wire and us: what voices send, made into what can be played; what recognisers are given.

Whole samples without a file's header, words out of characters; pieces of speech, files of them, how much it was, and
for how long it was not answered.
"""

from mediasrv.providers.sound.charged import charged
from mediasrv.providers.sound.meter import AudioMeter, split
from mediasrv.providers.sound.pcm import PcmPieces
from mediasrv.providers.sound.piecewise import open_piecewise
from mediasrv.providers.sound.unanswered import Unanswered
from mediasrv.providers.sound.utterances import Utterance, UtteranceCutter
from mediasrv.providers.sound.wav import wav_file
from mediasrv.providers.sound.words import Characters, words_of

__all__ = [
    "AudioMeter",
    "Characters",
    "PcmPieces",
    "Unanswered",
    "Utterance",
    "UtteranceCutter",
    "charged",
    "open_piecewise",
    "split",
    "wav_file",
    "words_of",
]
