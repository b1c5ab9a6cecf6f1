"""The table of speech detection: how soon, how often missed, how often wrong.

*Onset*: sentences with pauses between them, at 20, 10, 5 and 0 dB over noise. A sentence begins with its first 10 ms
whose power lies within 12 dB of its loudest 10 ms: where its first vowel stands, not its first breath. Its delay is
the time from there to the end of the sound that had been heard when the detector said so. One that is late by more than
400 ms, or says nothing because it still holds what was before for speech, missed it.

*Torn*: the same at 20 dB over lines that lose packets, by chance or in bursts, each line several times.

*False*: ten minutes each of what is no speech: noises, the echo of our own voice behind the canceller, tones, keys,
music, clicks. An onset is an edge from quiet to speech.

Ours is the whole core, asked packet by packet, as in a call: the gate's onset, at which the agent's voice is held, and
130 ms later what Silero thinks of it. An onset that is denied is false as long as it lasts, so it is counted with the
others; `believed` are those that were not. Beside it stand the gate without Silero, Silero without the gate (32 ms at a
time, as its own package runs it: from 0.5 on it is speech, below 0.35 for 100 ms it is none), and WebRTC's.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import median

import numpy as np

from mediasrv.bench.netem import PROFILES, Link, Profile
from mediasrv.bench.quality import material
from mediasrv.bench.quality.material import Samples
from mediasrv.bench.quality.table import Case, Plan, Table
from mediasrv.media.vad_weights import vad_weights
from mediasrv_native.core import Core
from mediasrv_native.kernels import Resampler, g711_decode_u, g711_encode_u
from mediasrv_native.speech import CHUNK_SAMPLES, Silero, SileroWeights

RATE_HZ, FRAME, STEP = 8_000, 160, 80
WITHIN_DB, MISSED_MS, PAUSE_S = 12.0, 400.0, 1.0
SNR_DB = (20, 10, 5, 0)
SENTENCES, BRIEF_SENTENCES = 40, 8
TORN_BY, TEARS, BRIEF_TEARS = ("lossy", "bursty"), 12, 2  # networks, and how often each line goes over them
NOISE_S, BRIEF_NOISE_S = 600.0, 60.0
MUST_ONSET_MS, MUST_FALSE = 60.0, 1.0
STEADY = (
    "white",
    "pink",
    "car",
    "dial tone",
    "ringback",
    "keys",
)  # with the echo: what must not be taken for speech
PEER = ("192.0.2.1", 4_000)
ONSET, OFFSET, DENIED = 1, 2, 1  # events of the core, and the reason of one
SILERO_HZ, BEGINS, ENDS, ENDS_AFTER_CHUNKS = 16_000, 0.5, 0.35, 4
LEARNING_FRAMES = 250


@dataclass(frozen=True, slots=True)
class Told:
    """Samples at whose end an onset was told; those of them that were taken back."""

    onsets: Sequence[int]
    denied: Sequence[int] = ()


Detector = Callable[[Samples], Told]


# ---- contenders ----------------------------------------------------------------------------------------------------


def core_with(weights: SileroWeights | None, *, canceller: bool = False) -> Core:
    return Core(
        aec=canceller, ns=canceller, high_pass=True, vad=True, silero=weights, ears_ms=200, remote=PEER
    )


def packet(number: int, pcm: Samples) -> bytes:
    header = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * FRAME & 0xFFFF_FFFF, 7)
    return header + g711_encode_u(pcm.tobytes())


def of_a_core(pcm: Samples, weights: SileroWeights | None, lost: Set[int] = frozenset()) -> Told:
    """Packet by packet, as a call gives them: what the core tells, and for which sample."""
    core, events = core_with(weights), []
    for number, at in enumerate(range(0, len(pcm) - FRAME + 1, FRAME)):
        now_ns = (number + 50) * 20_000_000
        core.handle_deadline(now_ns)
        if number not in lost:
            core.receive(packet(number, pcm[at : at + FRAME]), PEER, now_ns)
        events += core.events()
        while core.read_ears():
            pass
    onsets = [event.rtp_extended + STEP for event in events if event.kind == ONSET]
    return Told(onsets, [e.rtp_extended + STEP for e in events if e.kind == OFFSET and e.reason == DENIED])


def gate(pcm: Samples) -> Told:
    return of_a_core(pcm, None)


def gate_and_silero(pcm: Samples) -> Told:
    return of_a_core(pcm, vad_weights(""))


def silero_alone(pcm: Samples) -> Told:
    weights = vad_weights("")
    assert weights is not None, "the weights are missing: mediasrv doctor"
    network, wide = Silero(weights), Resampler(RATE_HZ, SILERO_HZ).process(pcm.tobytes())
    told, speaking, quiet = [], False, 0
    for number, at in enumerate(range(0, len(wide) - 2 * CHUNK_SAMPLES + 1, 2 * CHUNK_SAMPLES)):
        probability = network.process(wide[at : at + 2 * CHUNK_SAMPLES]) or 0.0
        quiet = quiet + 1 if probability < ENDS else 0
        if not speaking and probability >= BEGINS:
            told.append((number + 1) * CHUNK_SAMPLES * RATE_HZ // SILERO_HZ)
        speaking = probability >= BEGINS or (speaking and quiet < ENDS_AFTER_CHUNKS)
    return Told(told)


def webrtc(pcm: Samples) -> Told:
    """WebRTC's old detector at its strictest, as many agents use it; where it is installed."""
    detector = webrtcvad.Vad(3)
    told, before = [], False
    for at in range(0, len(pcm) - STEP + 1, STEP):
        now = detector.is_speech(pcm[at : at + STEP].tobytes(), RATE_HZ)
        if now and not before:
            told.append(at + STEP)
        before = now
    return Told(told)


CONTENDERS: dict[str, Detector] = {"ours": gate_and_silero, "gate": gate, "silero": silero_alone}
try:
    import webrtcvad
except ImportError:
    pass
else:
    CONTENDERS["webrtcvad_3"] = webrtc


# ---- material ------------------------------------------------------------------------------------------------------


def sentences(plan: Plan) -> list[tuple[Samples, list[int]]]:
    """For each voice: sentences with pauses, and the sample at which each begins."""
    count = BRIEF_SENTENCES if plan.brief else SENTENCES
    out = []
    for number, voice in enumerate(material.voices()):
        said, begins = [np.zeros(RATE_HZ * 3, np.int16)], []
        for k in range(count // len(material.voices()) + 1):
            sentence = material.sentence(voice, RATE_HZ, plan.seed + number * 7 + k)
            begins.append(sum(map(len, said)) + _first_vowel(sentence))
            said += [sentence, np.zeros(round(RATE_HZ * PAUSE_S), np.int16)]
        out.append((material.at_level(np.concatenate(said), RATE_HZ, material.SPEECH_DBFS), begins))
    return out


def _first_vowel(pcm: Samples) -> int:
    whole = pcm[: len(pcm) // STEP * STEP].astype(np.float64).reshape(-1, STEP)
    levels = 10 * np.log10(np.mean(np.square(whole), axis=1) + 1e-9)
    return int(np.argmax(levels > levels.max() - WITHIN_DB)) * STEP


def no_speech(name: str, seconds: float, seed: int) -> Samples:
    makers: Mapping[str, Callable[[], Samples]] = {
        "white": lambda: material.white(RATE_HZ, seconds, seed, -40),
        "pink": lambda: material.pink(RATE_HZ, seconds, seed, -36),
        "car": lambda: material.car(RATE_HZ, seconds, seed, -30),
        "babble": lambda: material.babble(RATE_HZ, seconds, seed, -36),
        "music": lambda: material.music(RATE_HZ, seconds, seed),
        "clicks": lambda: material.clicks(RATE_HZ, seconds, seed),
        "dial tone": lambda: material.tones(RATE_HZ, seconds, (350, 440), 1, 0),
        "ringback": lambda: material.tones(RATE_HZ, seconds, (440, 480), 2, 4),
        "keys": lambda: _keys(seconds, seed),
    }
    return makers[name]()


def _keys(seconds: float, seed: int) -> Samples:
    chance = np.random.default_rng(seed)
    low, high = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
    pieces = [
        _key(low[chance.integers(4)], high[chance.integers(4)], float(chance.uniform(0.05, 0.3)))
        for _ in range(round(seconds / 0.8))
    ]
    return np.concatenate(pieces)


def _key(low_hz: int, high_hz: int, on_s: float) -> Samples:
    return material.tones(RATE_HZ, 0.8, (low_hz, high_hz), on_s, 0.8 - on_s)


# ---- measures ------------------------------------------------------------------------------------------------------


def delays_ms(told: Sequence[int], begins: Sequence[int]) -> list[float]:
    """From the beginning of each sentence to the first onset after it; infinite when there was none in time."""
    found = []
    for begin in begins:
        after = [at for at in told if begin - RATE_HZ * 0.15 <= at <= begin + RATE_HZ * MISSED_MS / 1_000]
        found.append(max(0.0, (after[0] - begin) * 1_000 / RATE_HZ) if after else math.inf)
    return found


def _onset_case(
    name: str, noise: str, snr_db: int, said: Sequence[tuple[Samples, list[int]]], plan: Plan
) -> Case:
    lines = [
        (material.mixed(pcm, no_speech(noise, 30.0, plan.seed + number), snr_db, RATE_HZ), begins)
        for number, (pcm, begins) in enumerate(said)
    ]
    figures = {
        who: _onset_figures([(detector(line), begins) for line, begins in lines])
        for who, detector in CONTENDERS.items()
    }
    return Case(name, figures)


def _onset_figures(told: Sequence[tuple[Told, list[int]]]) -> Mapping[str, float]:
    found: list[float] = []
    believed: list[float] = []
    for all_told, begins in told:
        found += delays_ms(all_told.onsets, begins)
        believed += delays_ms(sorted(set(all_told.onsets) - set(all_told.denied)), begins)
    heard = [delay for delay in found if math.isfinite(delay)]
    return {
        "onset_ms_median": round(median(heard), 1) if heard else math.inf,
        "onset_ms_p95": round(sorted(heard)[int(0.95 * (len(heard) - 1))], 1) if heard else math.inf,
        "missed_share": round(1 - len(heard) / len(found), 4),
        "denied_share": round((len(heard) - sum(map(math.isfinite, believed))) / len(found), 4),
    }


def _torn_case(network: str, said: Sequence[tuple[Samples, list[int]]], plan: Plan) -> Case:
    """Over lines that lose packets, each several times; the gate alone shows what Silero denies of it."""
    told: dict[str, list[tuple[Told, list[int]]]] = {"ours": [], "gate": []}
    for number, (pcm, begins) in enumerate(said):
        line = material.mixed(pcm, no_speech("pink", 30.0, plan.seed + number), 20, RATE_HZ)
        for k in range(BRIEF_TEARS if plan.brief else TEARS):
            lost = _lost(network, len(line) // FRAME, plan.seed + 100 * number + k)
            told["ours"].append((of_a_core(line, vad_weights(""), lost), begins))
            told["gate"].append((of_a_core(line, None, lost), begins))
    return Case(f"{network} line", {who: _onset_figures(each) for who, each in told.items()})


def _lost(network: str, packets: int, seed: int) -> Set[int]:
    link = Link(Profile(loss=PROFILES[network].loss), seed)
    return {k for k in range(packets) if not link.send(b"", k * 0.02)}


def _false_case(name: str, seconds: float, plan: Plan) -> Case:
    pcm = no_speech(name, seconds, plan.seed)
    per_10_min = 600 / seconds
    figures: dict[str, dict[str, float]] = {}
    for who, detector in CONTENDERS.items():
        told = detector(pcm)
        figures[who] = {
            "false_per_10_min": round(len(told.onsets) * per_10_min, 2),
            "believed_per_10_min": round((len(told.onsets) - len(told.denied)) * per_10_min, 2),
        }
    return Case(f"no speech: {name}", figures)


def _echo_case(seconds: float, plan: Plan) -> Case:
    """Our own voice comes back 60 ms later and 20 dB softer, in a little noise; the core has its canceller.

    The first five seconds, in which the filter learns, are counted apart.
    """
    voices = [material.speech(voice, RATE_HZ, 20.0, plan.seed) for voice in material.voices()]
    agent = material.at_level(np.concatenate(voices), RATE_HZ, -22)
    noise, back = material.pink(RATE_HZ, 60.0, plan.seed, -62), np.zeros(3 * FRAME, np.int16)
    core, early, late = core_with(vad_weights(""), canceller=True), 0, 0
    for number in range(round(seconds * 50)):
        now_ns, at = (number + 50) * 20_000_000, number * FRAME
        core.play(1, agent[at % (len(agent) - FRAME) :][:FRAME].tobytes(), on_onset=0)
        sent = core.tick(now_ns)
        assert sent is not None
        returned = np.frombuffer(g711_decode_u(sent[1][12:]), np.int16) * 0.1
        back = np.concatenate([back, material.to_int16(returned.astype(np.float64))])
        line = back[:FRAME] + noise[at % (len(noise) - FRAME) :][:FRAME]
        back = back[FRAME:]
        core.receive(packet(number, line.astype(np.int16)), PEER, now_ns + 9_000_000)
        told = sum(event.kind == ONSET for event in core.events())
        early, late = (early + told, late) if number < LEARNING_FRAMES else (early, late + told)
        core.read_ears()
    per_10_min = 600 / (seconds - LEARNING_FRAMES / 50)
    figures = {"false_per_10_min": round(late * per_10_min, 2), "false_while_learning": early}
    return Case("no speech: echo", {"ours": figures})


def run(plan: Plan) -> Table:
    said = sentences(plan)
    seconds = BRIEF_NOISE_S if plan.brief else NOISE_S
    cases = [
        _onset_case(f"{noise} {snr_db} dB", noise, snr_db, said, plan)
        for noise in ("white", "pink", "babble", "car")
        for snr_db in SNR_DB
    ]
    cases += [_torn_case(network, said, plan) for network in TORN_BY]
    cases += [_false_case(name, seconds, plan) for name in (*STEADY, "babble", "music", "clicks")]
    cases.append(_echo_case(seconds, plan))
    return Table("vad", tuple(cases), _summary(cases))


def _summary(cases: Sequence[Case]) -> Mapping[str, float | int | bool]:
    ours = {case.name: case.contenders["ours"] for case in cases}
    at_20 = [figures["onset_ms_median"] for name, figures in ours.items() if name.endswith(" 20 dB")]
    false = {name: ours[f"no speech: {name}"]["false_per_10_min"] for name in (*STEADY, "echo")}
    return {
        "onset_ms_median_20_db": median(at_20),
        "false_per_10_min_worst": max(false.values()),
        "onset_reached": median(at_20) <= MUST_ONSET_MS,
        "false_reached": max(false.values()) <= MUST_FALSE,
    }
