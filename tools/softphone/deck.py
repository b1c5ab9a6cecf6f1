"""What sounds into a call, and what is kept of it: a player, a tone generator and a recorder.

PJSIP connects ports of a bridge. Each change of the media (hold, resume, another codec) makes the call's port anew, and
whatever was connected to the old one is lost; so the deck is connected again each time. All of it must be gone before
the library is, or PJSIP aborts; the length in the recording's header is written when the recorder goes.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import pjsua2 as pj

from mediasrv.providers import espeak, formant

SPOKEN_RATE_HZ = 8_000
KEY_ON_MS, KEY_OFF_MS = 120, 100
KEY_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Tape:
    """Where a call is recorded."""

    file: Path
    own_voice: bool = False  # what is played into the call, too


class Deck:
    def __init__(self, tape: Tape | None) -> None:
        self._tape = tape
        self._recorder: pj.AudioMediaRecorder | None = None
        self._player: pj.AudioMediaPlayer | None = None
        self._keys: pj.ToneGenerator | None = None

    def connect(self, call: pj.AudioMedia) -> str:
        """Returns where it is recorded, if it is."""
        if self._tape is not None and self._recorder is None:
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(str(self._tape.file))
        # Into the null device: PJSIP tells no level of a call that nobody listens to.
        call.startTransmit(pj.Endpoint.instance().audDevManager().getPlaybackDevMedia())
        if self._recorder is not None:
            call.startTransmit(self._recorder)
        for source in (self._player, self._keys):
            if source is not None:
                source.startTransmit(call)
        return str(self._tape.file) if self._tape is not None else ""

    def play(self, file: Path, call: pj.AudioMedia) -> None:
        self._player = pj.AudioMediaPlayer()
        self._player.createPlayer(str(file), pj.PJMEDIA_FILE_NO_LOOP)
        self._player.startTransmit(call)
        if self._recorder is not None and self._tape is not None and self._tape.own_voice:
            self._player.startTransmit(self._recorder)

    def sound_keys(self, digits: str, call: pj.AudioMedia) -> None:
        """Keys as tones among the sound, as a telephone without telephone events has them."""
        if self._keys is None:
            self._keys = pj.ToneGenerator()
            self._keys.createToneGenerator(KEY_RATE_HZ, 1)
            self._keys.startTransmit(call)
        tones = pj.ToneDigitVector()
        for digit in digits:
            tone = pj.ToneDigit()
            tone.digit, tone.on_msec, tone.off_msec, tone.volume = digit, KEY_ON_MS, KEY_OFF_MS, 0
            tones.append(tone)
        self._keys.playDigits(tones)

    def let_go(self) -> None:
        self._player = self._recorder = self._keys = None


def say_into(file: Path, words: str, voice: str = "") -> Path:
    """The words as a WAV file, in one of espeak-ng's voices, or in the built-in one."""
    if voice:
        pcm, rate_hz, _ = espeak.library().speak(words, voice)
    else:
        utterance = formant.speak(words, SPOKEN_RATE_HZ, "high")
        pcm, rate_hz = utterance.pcm, utterance.rate_hz
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(pcm)
    return file
