"""What callers say: the built-in voice as mu-law, with the sample at which its first vowel begins.

The phrases that interrupt begin with a vowel: a consonant's noise comes before its label, and would give whoever
listens a start.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from mediasrv.providers.formant import speak
from mediasrv_native import codecs
from mediasrv_native.codecs import Encoder
from mediasrv_native.kernels import g711_encode_u
from mediasrv_native.wire import Coded, packed

RATE_HZ = 8_000
CODED = {"G722": (16_000, 9, 160, codecs.G722), "opus": (48_000, 96, 960, codecs.OPUS)}
FRAME_SAMPLES = 160
INTERRUPTIONS = (
    "excuse me I have another question",
    "all right but what about tomorrow",
    "okay stop there for a moment please",
    "actually I wanted something else",
    "I think that is not what I meant",
    "in fact let me ask you something",
)
SMALL_TALK = (
    "I was wondering whether you could help me with a parcel that never came. "
    "It was sent on Monday, and somebody told me it would be here within two days."
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Speech ready to be sent: one octet a sample."""

    text: str
    payload: bytes
    onset_sample: int  # the first vowel begins here
    end_sample: int  # the last sound ends here

    @property
    def duration_ms(self) -> float:
        return len(self.payload) * 1000 / RATE_HZ


def labelled(text: str, *, voice: str = "high", lead_samples: int = 0) -> Labelled:
    """Says `text` after `lead_samples` of silence: they move the onset within its packet."""
    utterance = speak(text, RATE_HZ, voice)
    payload = b"\xff" * lead_samples + g711_encode_u(utterance.pcm)
    end_sample = lead_samples + round(utterance.words[-1].end_ms * RATE_HZ / 1000)
    return Labelled(text, payload, lead_samples + utterance.voiced_at[0], end_sample)


def interruption(chance: random.Random) -> Labelled:
    return labelled(chance.choice(INTERRUPTIONS), lead_samples=chance.randrange(FRAME_SAMPLES))


@dataclass(frozen=True, slots=True)
class Bed:
    """A loop for the wire; `length` counts octets, or packets where they are coded."""

    octets: bytes
    length: int
    coded: Coded | None = None


def bed_of(codec: str) -> Bed:
    """Small talk with a pause, in 20 ms packets of a codec."""
    if codec == "PCMU":
        bed = talk_bed()
        return Bed(bed, len(bed))
    rate_hz, payload_type, frame_ticks, number = CODED[codec]
    pcm = speak(SMALL_TALK, rate_hz, "low").pcm + bytes(rate_hz * 3)  # a second and a half of silence
    frame = rate_hz // 50 * 2
    encoder = Encoder(number, rate_hz)
    packets = [encoder.encode(pcm[at : at + frame]) for at in range(0, len(pcm) - frame + 1, frame)]
    return Bed(packed(packets), len(packets), Coded(payload_type, frame_ticks))


def talk_bed(pause_ms: int = 1_500) -> bytes:
    """A loop for callers in the background: a sentence or two, then a pause."""
    return labelled(SMALL_TALK, voice="low").payload + b"\xff" * (pause_ms * RATE_HZ // 1000)
