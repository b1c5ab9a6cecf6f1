"""The worker process: one decoder for one call, fed through a pipe.

    python -m mediasrv.providers.pocketsphinx.worker

A process of its own, because the decoder holds the interpreter's lock while it searches: inside the server one caller's
question would hold every other call's loop. It is executed afresh and never forked, gives way to everybody else
(`nice`), keeps off the processors it is told to leave alone, and ends when its input does, so that none outlives the
server.

Words alone do not say whether they were said: a search that may only choose among an agent's questions always finds
one. So a second search hears the same sound, bound to no words at all: any phone may follow any. Where the words are
right they explain the sound nearly as well as free phones do; where the caller said something else, the free phones do
much better. The difference, per frame, is what the stream makes its confidence of.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import random
import sys
import tempfile
from array import array
from itertools import cycle, islice
from pathlib import Path
from typing import Any, BinaryIO

from mediasrv.providers.pocketsphinx.frames import HEADER_BYTES, Kind, frame, parse_header

NICENESS = 10
# Where the running mean of the cepstrum begins: that of voices on a telephone line, over the noise floor below. The
# model's own start is that of a studio, and the first sentence of every call was paid for getting away from it: of 30
# first questions by three voices 15 were understood, and 24 with this.
TELEPHONE_MEAN = "49.2,-1.9,-2.2,5.8,-2.1,-3.2,0.8,-7.1,-2.0,-0.5,0.4,3.7,-0.6"
NOISE_RMS = 80.0
NOISE_SAMPLES = 32_000
NOISE_SEED = 1
LOOK_BYTES = 6_400  # 200 ms: how often a partial is looked for


class NoiseFloor:
    """A little noise under everything, the same each time.

    Above 3.4 kHz a telephone line carries nothing, and the model has never heard nothing: the logarithm of it swamps
    what it knows. Of the words of one of espeak's voices 63 % were misheard without, and 24 % with noise at -52 dBFS.
    """

    def __init__(self) -> None:
        chance = random.Random(NOISE_SEED)
        self._noise = [round(chance.gauss(0, NOISE_RMS)) for _ in range(NOISE_SAMPLES)]
        self._at = 0

    def under(self, pcm: bytes) -> bytes:
        samples = array("h", pcm)
        start = self._at if self._at + len(samples) <= NOISE_SAMPLES else 0
        self._at = start + len(samples)
        noise = islice(cycle(self._noise), start, start + len(samples))
        return array(
            "h", [max(-32_768, min(32_767, s + n)) for s, n in zip(samples, noise, strict=True)]
        ).tobytes()


class Recogniser:
    """One decoder for the words, one for the free phones; an utterance at a time."""

    def __init__(self, setup: dict[str, Any]) -> None:
        sphinx: Any = importlib.import_module("pocketsphinx")
        with tempfile.TemporaryDirectory() as directory:
            words, sounds = Path(directory) / "words.arpa", Path(directory) / "sounds.dict"
            words.write_text(setup["language"])
            sounds.write_text(setup["dictionary"])
            hmm = str(Path(setup["model"]) / "en-us")
            quiet = {"hmm": hmm, "loglevel": "FATAL"}
            self._words = sphinx.Decoder(
                dict=str(sounds), lm=str(words), lw=setup["language_weight"], **quiet
            )
        phones = str(Path(setup["model"]) / "en-us-phone.lm.bin")
        self._phones = sphinx.Decoder(allphone=phones, lw=setup["phone_weight"], dict=None, **quiet)
        for decoder in (self._words, self._phones):
            decoder.set_cmn(TELEPHONE_MEAN)
        self._floor = NoiseFloor()
        self._unheard = 0
        self._told = ""
        self._open = False

    def begin(self) -> None:
        if self._open:
            self.end()
        self._words.start_utt()
        self._phones.start_utt()
        self._open, self._unheard, self._told = True, 0, ""

    def hear(self, pcm: bytes) -> dict[str, object] | None:
        """The words so far, when they have changed, and how well they fit."""
        if not self._open:
            return None
        filled = self._floor.under(pcm)
        self._words.process_raw(filled)
        self._phones.process_raw(filled)
        self._unheard += len(pcm)
        if self._unheard < LOOK_BYTES:
            return None
        self._unheard = 0
        best = self._words.hyp()
        text = best.hypstr if best else ""
        if text == self._told:
            return None
        self._told = text
        return {"text": text, **self._compared()}

    def end(self) -> dict[str, object]:
        """The words, and by how much free phones explain each 10 ms of the speech better."""
        if not self._open:
            return {"text": "", "behind": 0.0, "frames": 0}
        self._words.end_utt()
        self._phones.end_utt()
        self._open = False
        best = self._words.hyp()
        text = best.hypstr if best else ""
        return {"text": text, **self._compared()}

    def _compared(self) -> dict[str, object]:
        """Over the frames that the words cover, silence left out: both searches agree about that."""
        free: dict[int, float] = {}
        for segment in self._phones.seg():
            own = range(segment.start_frame, segment.end_frame + 1)
            free.update(dict.fromkeys(own, _log(segment.ascore) / len(own)))
        behind, frames = 0.0, 0
        for segment in self._words.seg():
            if segment.word.startswith("<"):
                continue
            own = range(segment.start_frame, segment.end_frame + 1)
            behind += sum(free.get(k, 0.0) for k in own) - _log(segment.ascore)
            frames += len(own)
        return {"behind": round(behind / frames, 5) if frames else 0.0, "frames": frames}


def _log(score: float) -> float:
    return math.log(max(score, sys.float_info.min))


def serve(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answers frames until there are no more."""
    kind, body = _read(incoming)
    if kind is not Kind.SETUP:
        return
    recogniser = Recogniser(json.loads(body))
    _say(outgoing, Kind.READY, {})
    while True:
        kind, body = _read(incoming)
        match kind:
            case Kind.BEGIN:
                recogniser.begin()
            case Kind.AUDIO:
                if (partial := recogniser.hear(body)) is not None:
                    _say(outgoing, Kind.PARTIAL, partial)
            case Kind.END:
                _say(outgoing, Kind.FINAL, recogniser.end())
            case _:
                return


def _read(incoming: BinaryIO) -> tuple[Kind | None, bytes]:
    """The next frame; no kind when there is none."""
    header = incoming.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None, b""
    kind, length = parse_header(header)
    body = incoming.read(length)
    return (kind, body) if len(body) == length else (None, b"")


def _say(outgoing: BinaryIO, kind: Kind, body: dict[str, object]) -> None:
    outgoing.write(frame(kind, json.dumps(body).encode()))
    outgoing.flush()


def give_way(spared: set[int]) -> None:
    """Everybody else first, and never on the processors of the engine, if there are others."""
    os.nice(NICENESS)
    left = os.sched_getaffinity(0) - spared
    if left:
        os.sched_setaffinity(0, left)


if __name__ == "__main__":
    give_way({int(cpu) for cpu in sys.argv[1:]})
    serve(sys.stdin.buffer, sys.stdout.buffer)
