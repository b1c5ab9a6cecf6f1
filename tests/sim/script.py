"""What a caller does, and when: cues, each a moment and a deed.

Moments are told by what the caller can know from outside: the call was dialled, it was answered, the agent
began its nth passage, it fell quiet. Deeds are what callers do, bad manners included. All of it is data, so
that a scenario can be printed, drawn from a seed, and compared.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from mediasrv.providers import formant
from tests.sim import g711
from tests.sim.network import Address

if TYPE_CHECKING:
    from tests.sim.caller import Caller


VERSE = "la la-la la la lullaby la la lee la lo "


@dataclass(frozen=True, slots=True)
class Moment:
    """`after_ms` after the anchor; passages of the agent's voice count from 1, as the caller hears them."""

    anchor: Literal["answered", "passage", "quiet", "spoke", "dialled"]
    nth: int
    after_ms: float


def answered(after_ms: float) -> Moment:
    return Moment("answered", 1, after_ms)


def passage(nth: int, after_ms: float) -> Moment:
    return Moment("passage", nth, after_ms)


def quiet(nth: int, after_ms: float) -> Moment:
    """Never sooner than the caller can tell a pause from an end."""
    return Moment("quiet", nth, after_ms)


def spoke(nth: int, after_ms: float) -> Moment:
    """After the end of the nth thing that the caller said, coughs included."""
    return Moment("spoke", nth, after_ms)


def dialled(after_ms: float) -> Moment:
    return Moment("dialled", 1, after_ms)


class Deed(Protocol):
    def do(self, caller: Caller) -> None: ...


class Cue(NamedTuple):
    when: Moment
    deed: Deed


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    voice: str = "high"

    def do(self, caller: Caller) -> None:
        utterance = formant.speak(self.text, g711.RATE_HZ, self.voice)
        caller.speak(self.text, utterance.pcm, utterance.voiced_at[0] if utterance.voiced_at else 0)


@dataclass(frozen=True, slots=True)
class SayTogether:
    """Two people at one telephone, the second of them a while after the first."""

    texts: tuple[str, str]
    later_ms: int = 0

    def do(self, caller: Caller) -> None:
        first, second = (
            np.frombuffer(formant.speak(text, g711.RATE_HZ, voice).pcm, "<i2").astype(np.int32)
            for text, voice in zip(self.texts, ("low", "high"), strict=True)
        )
        second = np.concatenate((np.zeros(self.later_ms * g711.RATE_HZ // 1000, np.int32), second))
        both = np.zeros(max(len(first), len(second)), np.int32)
        both[: len(first)] += first
        both[: len(second)] += second
        caller.speak(" ".join(self.texts), both.clip(-32_000, 32_000).astype("<i2").tobytes(), 0)


@dataclass(frozen=True, slots=True)
class Cough:
    """A burst of noise: loud, short, and not a word."""

    duration_ms: int = 140
    amplitude: int = 6_000

    def do(self, caller: Caller) -> None:
        source = random.Random(self.duration_ms)
        count = self.duration_ms * g711.RATE_HZ // 1000
        pcm = b"".join(
            int(source.gauss(0.0, self.amplitude / 2)).to_bytes(2, "little", signed=True)
            for _ in range(count)
        )
        caller.speak("", pcm, 0)


@dataclass(frozen=True, slots=True)
class Music:
    """What a caller plays to us who puts us on hold: a song, so that the gate takes it for speech."""

    for_ms: int = 30_000

    def do(self, caller: Caller) -> None:
        verse = formant.speak(VERSE, g711.RATE_HZ, "low").pcm
        size = self.for_ms * g711.RATE_HZ // 1000 * 2
        caller.speak("", (verse * (size // len(verse) + 1))[:size], 0)


@dataclass(frozen=True, slots=True)
class Press:
    key: str
    duration_ms: int = 100

    def do(self, caller: Caller) -> None:
        caller.handset.press(self.key, self.duration_ms)


@dataclass(frozen=True, slots=True)
class Echo:
    """From now on the caller's loudspeaker is heard by the caller's microphone."""

    gain_db: float = -20.0
    delay_ms: int = 200

    def do(self, caller: Caller) -> None:
        caller.handset.echoes(self.gain_db, self.delay_ms)


@dataclass(frozen=True, slots=True)
class Noise:
    """The caller's room gets as loud as this: a street, an office."""

    amplitude: float = 300.0  # 20 dB below a voice

    def do(self, caller: Caller) -> None:
        caller.handset.noise = g711.room_noise(0, amplitude=self.amplitude)


@dataclass(frozen=True, slots=True)
class LineDrops:
    """For a while nothing reaches anybody, in either direction."""

    for_ms: float

    def do(self, caller: Caller) -> None:
        network, before = caller.network, caller.network.censor
        until_ns = caller.agenda.clock.now_ns() + round(self.for_ms * 1e6)

        def censor(data: bytes, source: Address, to: Address) -> bool:
            down = caller.agenda.clock.now_ns() < until_ns
            return down or (before is not None and before(data, source, to))

        network.censor = censor


@dataclass(frozen=True, slots=True)
class HangUp:
    """BYE, or CANCEL when nobody has answered yet."""

    def do(self, caller: Caller) -> None:
        caller.hang_up()


@dataclass(frozen=True, slots=True)
class Vanish:
    """The telephone dies: no more packets, no BYE, no answer to anything."""

    def do(self, caller: Caller) -> None:
        caller.vanish()


@dataclass(frozen=True, slots=True)
class Mute:
    """Stops (or goes on) sending audio packets; the signalling lives."""

    on: bool = True

    def do(self, caller: Caller) -> None:
        caller.handset.silent = self.on


@dataclass(frozen=True, slots=True)
class Rubbish:
    """Datagrams that mean nothing, to both of the server's ports, some of them nearly right."""

    count: int = 20
    seed: int = 0

    def do(self, caller: Caller) -> None:
        source = random.Random(self.seed)
        for _ in range(self.count):
            noise = source.randbytes(source.choice((0, 1, 11, 12, 40, 172, 600, 1_472)))
            caller.send_rtp(noise if source.random() < 0.5 else b"\x80\x00" + noise)
            caller.send_sip(noise if source.random() < 0.5 else b"BYE sip:x SIP/2.0\r\nVia: " + noise)
