"""`bench interruptions`: does anything cut the agent off that should not, and does everything that should?

No network and no clock: the media core hears the caller's packets every 20 ms and holds the agent's voice at onset, as
in a call; the turn table is told what the core tells, and what a recogniser would say; what it decides is done. The
recogniser is scripted: it gives each word a while after its end (250 ms, if not told otherwise), the final transcript
300 ms after the last, and nothing for what is no word. *Cut off* means that the turn was cancelled, or its voice held
for more than 700 ms.
"""

from __future__ import annotations

import random
import struct
from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mediasrv.bench.figures import spread
from mediasrv.bench.interruption_sounds import (
    ECHO_DB,
    ECHO_MS,
    Sound,
    harmless,
    interruptions,
    line_noise,
)
from mediasrv.bench.speech import RATE_HZ, SMALL_TALK
from mediasrv.call import turn_taking
from mediasrv.call.settings import CallSettings
from mediasrv.call.turn_events import (
    Action,
    Answered,
    CancelTurn,
    Due,
    HoldLapsed,
    Lulled,
    PassageBegan,
    Phase,
    Reject,
    SpeechBegan,
    SpeechEnded,
    TakeHold,
    TurnEvent,
    TurnState,
    Words,
)
from mediasrv.clock import NS_PER_MS, NS_PER_S
from mediasrv.media import HoldId
from mediasrv.media.vad_weights import vad_weights
from mediasrv.providers.formant import speak
from mediasrv_native import engine as native
from mediasrv_native.core import Core, CoreEvent
from mediasrv_native.errors import StaleHandle
from mediasrv_native.kernels import g711_encode_u

FRAME, FRAME_MS = 160, 20
PEER = ("192.0.2.1", 4_000)
QUIET_MS, SPEAKS_FOR_MS = 1_000, 1_500  # before the agent speaks, and before something sounds
LISTENS_FOR_MS = 1_500  # after it
ECHO_LASTS_MS = 4_000
FINAL_AFTER_MS = 300
LONGEST_HOLD_MS = 700
OWN_HOLD = 1 << 20  # the call's, apart from the engine's own
BIN_MS = 100
BY_LEASE = 1  # reason of a release
NOTHING_ENDS_IT = CallSettings(max_length_s=1e6)


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int = 1
    recogniser_ms: int = 250  # from the end of a word until it is told


@dataclass(slots=True)
class Verdict:
    sound: Sound
    holds_ms: list[float] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    cancelled_after_ms: float | None = None  # since the sound began

    @property
    def cut_off(self) -> bool:
        return self.cancelled_after_ms is not None or max(self.holds_ms, default=0) > LONGEST_HOLD_MS


@dataclass(slots=True)
class Trial:
    """One agent, speaking; one thing that sounds."""

    core: Core
    noise: array[int]
    voice: bytes
    verdict: Verdict
    recogniser_ms: int
    now_ns: int = NS_PER_S
    frames: int = 0
    state: TurnState = field(init=False)
    said: array[int] = field(default_factory=lambda: array("h"))  # by the agent, so far
    heard_words: str = ""

    def __post_init__(self) -> None:
        self.state = turn_taking.begin(NOTHING_ENDS_IT, self._now())

    def run(self) -> Verdict:
        sound = self.verdict.sound
        for _ in range(QUIET_MS // FRAME_MS):
            self._frame(0)
        self._take(Answered(greets=True))
        self._take(PassageBegan(1))
        lasts_ms = ECHO_LASTS_MS if sound.kind == "echo" else sound.duration_ms + LISTENS_FOR_MS
        for k in range(round(SPEAKS_FOR_MS + lasts_ms) // FRAME_MS):
            self._speak()
            self._frame(k * FRAME_MS - SPEAKS_FOR_MS)
            self._recognise(k * FRAME_MS - SPEAKS_FOR_MS)
            if self.verdict.cancelled_after_ms is not None:
                break
        return self.verdict

    def _speak(self) -> None:
        while self.voice and self.core.room() >= FRAME:
            self.core.play(1, self.voice[: 2 * FRAME])
            self.voice = self.voice[2 * FRAME :]

    def _frame(self, sounding_ms: float) -> None:
        """20 ms both ways; `sounding_ms` since the sound began."""
        self.now_ns += FRAME_MS * NS_PER_MS
        self.core.tick_all(self.now_ns)
        self.said.extend(array("h", self.core.said()))
        header = struct.pack("!BBHII", 0x80, 0, self.frames & 0xFFFF, self.frames * FRAME & 0xFFFF_FFFF, 7)
        self.core.receive(header + g711_encode_u(self._line(sounding_ms)), PEER, self.now_ns)
        self.frames += 1
        while self.core.read_ears():
            pass
        if self.core.next_deadline() <= self.now_ns:
            self.core.handle_deadline(self.now_ns)
        for event in self.core.events():
            self._hear(event, sounding_ms)
        while turn_taking.deadline(self.state) <= self._now():
            self._take(Due(), sounding_ms)

    def _line(self, sounding_ms: float) -> bytes:
        """What comes from the caller in this frame."""
        sound = self.verdict.sound
        at = self.frames * FRAME % (len(self.noise) - FRAME)
        frame = self.noise[at : at + FRAME]
        first = round(sounding_ms) * RATE_HZ // 1000
        source, first, gain = (sound.pcm, first, 1.0)
        if sound.kind == "echo":
            source, first = self.said, len(self.said) - FRAME - ECHO_MS * RATE_HZ // 1000
            gain = 10 ** (ECHO_DB / 20)
        for k in range(FRAME):
            if 0 <= first + k < len(source):
                frame[k] = max(-32_768, min(32_767, frame[k] + round(gain * source[first + k])))
        return frame.tobytes()

    def _recognise(self, sounding_ms: float) -> None:
        sound = self.verdict.sound
        told = sound.said_by(sounding_ms - self.recogniser_ms)
        final = bool(told) and sounding_ms >= sound.words_end_ms[-1] + FINAL_AFTER_MS
        if told and told != self.heard_words:
            self._take(Words(told, final=False), sounding_ms)
        elif final and self.heard_words != f"{told}.":
            self._take(Words(told, final=True), sounding_ms)
            told += "."
        else:
            return
        self.heard_words = told

    def _hear(self, event: CoreEvent, sounding_ms: float) -> None:
        at = event.at_ns / NS_PER_S
        if event.kind == native.EVENT_ONSET:
            self._take(SpeechBegan(at, HoldId(event.hold) if event.hold else None), sounding_ms)
        elif event.kind == native.EVENT_OFFSET:
            self._take(SpeechEnded(at), sounding_ms)
        elif event.kind == native.EVENT_LULL:
            self._take(Lulled(at, event.reason == native.LULL_OVER), sounding_ms)
        elif event.kind == native.EVENT_RELEASED and event.reason == BY_LEASE:
            self._take(HoldLapsed(HoldId(event.hold)), sounding_ms)

    def _take(self, event: TurnEvent, sounding_ms: float = 0) -> None:
        held = self.state.phase is Phase.HELD
        self.state, actions = turn_taking.step(self.state, event, self._now())
        for action in actions:
            self._do(action, sounding_ms, held=held)

    def _do(self, action: Action, sounding_ms: float, *, held: bool) -> None:
        match action:
            case TakeHold(lease_ms):
                self.core.hold(OWN_HOLD, lease_ms, self.now_ns)
            case Reject(hold, evidence):
                with suppress(StaleHandle):  # the engine has let go by itself: it was no voice
                    self.core.release(hold if hold is not None else OWN_HOLD, self.now_ns)
                self.verdict.rules.append(evidence.rule)
                self.verdict.holds_ms.append(evidence.held_ms)
            case CancelTurn(_, _, evidence):
                self.verdict.cancelled_after_ms = sounding_ms
                self.verdict.rules.append(evidence.rule)
                if held:
                    self.verdict.holds_ms.append(evidence.held_ms)
            case _:
                pass

    def _now(self) -> float:
        return self.now_ns / NS_PER_S


def run(plan: Plan) -> dict[str, object]:
    chance = random.Random(plan.seed)
    noise, voice = line_noise(chance), speak(f"{SMALL_TALK} {SMALL_TALK}", RATE_HZ, "mid").pcm
    sounds = (*harmless(chance), *interruptions())
    return report(plan, [one(sound, noise, voice, plan.recogniser_ms) for sound in sounds])


def one(sound: Sound, noise: array[int], voice: bytes, recogniser_ms: int) -> Verdict:
    core = Core(
        aec=True, ns=True, high_pass=True, vad=True, silero=vad_weights(""), ears_ms=200, playout_ms=400,
        remote=PEER,
    )  # fmt: skip
    return Trial(core, noise, voice, Verdict(sound), recogniser_ms).run()


def report(plan: Plan, verdicts: Sequence[Verdict]) -> dict[str, object]:
    asked = [v for v in verdicts if v.sound.kind == "interruption"]
    rest = [v for v in verdicts if v.sound.kind != "interruption"]
    after_ms = [v.cancelled_after_ms for v in asked if v.cancelled_after_ms is not None]
    return {
        "bench": "interruptions",
        "recogniser_ms": plan.recogniser_ms,
        "harmless": {
            "sounds": len(rest),
            "cut_off": sum(v.cut_off for v in rest),
            "cut_off_by": dict(Counter(v.sound.kind for v in rest if v.cut_off)),
            "held": sum(bool(v.holds_ms) for v in rest),
            "holds_ms": histogram(rest),
            "rules": dict(Counter(rule for v in rest for rule in v.rules)),
        },
        "interruptions": {
            "sounds": len(asked),
            "taken": len(after_ms),
            "after_ms": spread(after_ms),
            "holds_ms": histogram(asked),
            "rules": dict(Counter(rule for v in asked for rule in v.rules)),
        },
    }


def histogram(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Holds by their length, in steps of 100 ms."""
    bins = Counter(int(hold // BIN_MS) for verdict in verdicts for hold in verdict.holds_ms)
    return {f"{k * BIN_MS}-{(k + 1) * BIN_MS}": bins[k] for k in sorted(bins)}
