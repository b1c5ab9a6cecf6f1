"""The concealment table: what lost 20 ms frames sound like, by PLCMOS (which follows listeners) and PESQ.

Speech of every voice goes through G.711 (8 kHz) or as it is (16 kHz), loses frames by chance or in bursts, and is made
good by each contender on the same losses. The scores are means over the voices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from pesq import pesq

from mediasrv.bench.netem import Link, Loss, Profile
from mediasrv.bench.quality import pictures
from mediasrv.bench.quality.listeners import PLCMOS_HZ, plcmos_of
from mediasrv.bench.quality.material import Samples, speech, to_int16, voices
from mediasrv.bench.quality.pool import spread
from mediasrv.bench.quality.references.appendix_i import AppendixI
from mediasrv.bench.quality.table import Case, Figures, Plan, Table
from mediasrv_native import codecs
from mediasrv_native.codecs import Decoder, Encoder
from mediasrv_native.kernels import g711_decode_u, g711_encode_u
from mediasrv_native.repair import METHODS, Concealer

SECONDS, BRIEF_SECONDS = 20.0, 8.0
MUST_GAIN = 0.3

Lost = NDArray[np.bool_]
Contender = Callable[[Samples, Lost, int], Samples]


@dataclass(frozen=True, slots=True)
class Losses:
    name: str
    loss: Loss

    def draw(self, frames: int, seed: int) -> Lost:
        link = Link(Profile(loss=self.loss), seed)
        return np.array([not link.send(b"", k * 0.02) for k in range(frames)])


def bursts(share: float, mean_frames: float) -> Loss:
    """Gilbert-Elliott: every frame of a burst is lost, and so large a share of all frames are."""
    to_good = 1 / mean_frames
    return Loss(to_bad=to_good * share / (1 - share), to_good=to_good)


LOSSES = (
    Losses("random_5", Loss(good=0.05)),
    Losses("random_10", Loss(good=0.10)),
    Losses("random_20", Loss(good=0.20)),
    Losses("burst_10", bursts(0.10, 3)),
    Losses("burst_20", bursts(0.20, 3)),
)
REQUIRED = ("8k_random_10", "8k_burst_20")


# ---- contenders ----------------------------------------------------------------------------------------------------


def frames_of(pcm: Samples, rate_hz: int) -> Iterator[Samples]:
    n = rate_hz // 50
    return (pcm[at : at + n] for at in range(0, len(pcm) - n + 1, n))


def by_method(method: str) -> Contender:
    def conceal(pcm: Samples, lost: Lost, rate_hz: int) -> Samples:
        concealer, n = Concealer(rate_hz, METHODS[method]), rate_hz // 50
        out = [
            concealer.lost(n) if gone else concealer.good(frame.tobytes())
            for frame, gone in zip(frames_of(pcm, rate_hz), lost, strict=False)
        ]
        return np.frombuffer(b"".join(out), np.int16)

    return conceal


def silence(pcm: Samples, lost: Lost, rate_hz: int) -> Samples:
    out = pcm.copy()
    for k in np.flatnonzero(lost):
        out[k * rate_hz // 50 : (k + 1) * rate_hz // 50] = 0
    return out


def appendix_i(pcm: Samples, lost: Lost, rate_hz: int) -> Samples:
    concealer = AppendixI(rate_hz)
    half = concealer.frame
    out = []
    for frame, gone in zip(frames_of(pcm, rate_hz), lost, strict=False):
        for part in (frame[:half], frame[half:]):
            out.append(concealer.lost() if gone else concealer.good(part.astype(np.float64)))
    late = np.concatenate([*out, np.zeros(concealer.delay)])
    return to_int16(late[concealer.delay :])


def opus(*, fec: bool) -> Contender:
    """24 kbit/s wide band, with the decoder's own concealment."""

    def conceal(pcm: Samples, lost: Lost, rate_hz: int) -> Samples:
        encoder = Encoder(codecs.OPUS, rate_hz, bit_rate=24_000, fec=fec, expected_loss=20 if fec else 0)
        decoder, n = Decoder(codecs.OPUS, rate_hz), rate_hz // 50
        packets = [encoder.encode(frame.tobytes()) for frame in frames_of(pcm, rate_hz)]
        out = []
        for k, packet in enumerate(packets):
            following = packets[k + 1] if fec and k + 1 < len(packets) and not lost[k + 1] else None
            out.append(decoder.lost(n, following) if lost[k] else decoder.decode(packet))
        return np.frombuffer(b"".join(out), np.int16)

    return conceal


CONTENDERS: Mapping[str, Contender] = {
    "ours": by_method("waveform"),
    "auto": by_method("auto"),
    "spectral": by_method("spectral"),
    "linear": by_method("linear"),
    "repeat": by_method("repeat"),
    "silence": silence,
    "g711_appendix_i": appendix_i,
}
WIDE_ONLY: Mapping[str, Contender] = {"opus": opus(fec=False), "opus_fec": opus(fec=True)}


def contenders_at(rate_hz: int) -> Mapping[str, Contender]:
    return {**CONTENDERS, **WIDE_ONLY} if rate_hz == PLCMOS_HZ else CONTENDERS


# ---- scores --------------------------------------------------------------------------------------------------------


def pesq_of(clean: Samples, pcm: Samples, rate_hz: int) -> float:
    n = min(len(clean), len(pcm))
    return float(pesq(rate_hz, clean[:n], pcm[:n], "nb" if rate_hz == 8_000 else "wb"))


def coded(pcm: Samples, rate_hz: int) -> Samples:
    """What G.711 leaves of it; wide-band speech is left alone."""
    if rate_hz != 8_000:
        return pcm
    return np.frombuffer(g711_decode_u(g711_encode_u(pcm.tobytes())), np.int16)


@dataclass(frozen=True, slots=True)
class Trial:
    """One voice under one kind of loss: what is measured at a time."""

    rate_hz: int
    losses: Losses
    voice: str
    number: int  # of the voice, which decides what it says and what is lost of it
    plan: Plan

    @property
    def case(self) -> str:
        return f"{self.rate_hz // 1000}k_{self.losses.name}"


def score(trial: Trial) -> Mapping[str, Figures]:
    seconds = BRIEF_SECONDS if trial.plan.brief else SECONDS
    rate_hz, seed = trial.rate_hz, trial.plan.seed
    clean = coded(speech(trial.voice, rate_hz, seconds, seed + trial.number), rate_hz)
    lost = trial.losses.draw(len(clean) * 50 // rate_hz, seed * 1_000 + trial.number)
    marks: dict[str, Figures] = {}
    for who, conceal in contenders_at(rate_hz).items():
        made = conceal(clean, lost, rate_hz)
        marks[who] = {"plcmos": plcmos_of(made, rate_hz), "pesq": pesq_of(clean, made, rate_hz)}
        if trial.plan.pictures and trial.number == 0 and who in ("ours", "repeat"):
            pictures.spectrograms(
                trial.plan.pictures / f"plc_{trial.case}_{who}.png",
                [pictures.Sound("clean", clean, rate_hz), pictures.Sound(who, made, rate_hz)],
            )
    return marks


def mean_of(name: str, marks: Sequence[Mapping[str, Figures]]) -> Case:
    """Over the voices."""
    return Case(name, {
        who: {figure: round(fmean(each[who][figure] for each in marks), 3) for figure in figures}
        for who, figures in marks[0].items()
    })  # fmt: skip


def run(plan: Plan) -> Table:
    speakers = voices()[:3] if plan.brief else voices()
    trials = [
        Trial(rate_hz, losses, voice, number, plan)
        for rate_hz in (8_000, 16_000)
        for losses in LOSSES
        for number, voice in enumerate(speakers)
    ]
    by_case: dict[str, list[Mapping[str, Figures]]] = {}
    for trial, marks in zip(trials, spread(score, trials), strict=True):
        by_case.setdefault(trial.case, []).append(marks)
    cases = [mean_of(name, marks) for name, marks in by_case.items()]
    return Table("plc", tuple(cases), _summary(cases))


def _summary(cases: Sequence[Case]) -> Mapping[str, float | int | bool]:
    by_name = {case.name: case.contenders for case in cases}
    figures: dict[str, float | int | bool] = {}
    for name in REQUIRED:
        ours, repeat, itu = (by_name[name][who]["plcmos"] for who in ("ours", "repeat", "g711_appendix_i"))
        figures[f"{name}_above_repeat"] = round(ours - repeat, 3)
        figures[f"{name}_above_appendix_i"] = round(ours - itu, 3)
        figures[f"{name}_reached"] = ours - repeat >= MUST_GAIN and ours >= itu
    return figures
