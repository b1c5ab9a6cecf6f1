"""The echo table: how much of our own voice each canceller takes off, and what that costs the caller.

ERLE counts the frames in which echo comes in, and what was left in them. Ours is what a call has: the canceller placed
by time stamps, then the suppressor of residual echo. The others are given both sides aligned, sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediasrv.bench.quality import pictures
from mediasrv.bench.quality.echoes import Call, Situation, line, room
from mediasrv.bench.quality.material import Samples, voices
from mediasrv.bench.quality.references.nlms import nlms
from mediasrv.bench.quality.table import Case, Figures, Plan, Table
from mediasrv.clock import NS_PER_MS
from mediasrv_native.echo import EchoCanceller, ResidualSuppressor, SpeexCanceller

FRAME_MS, TAIL_MS = 20, 128
NETWORK_MS = 20
SETTLED_S = 2.0
CONVERGED_DB = 20.0
RECOVERED_DB = 20.0
ECHO_DBFS = -55.0  # a frame with less of it is a pause
STEP_S = 0.1
LONG_S = 600.0

Contender = Callable[[Call], Samples]


# ---- contenders ----------------------------------------------------------------------------------------------------


def ours(call: Call, *, suppress: bool = True) -> Samples:
    """Ticks and packets as an engine would give them, the caller's clock against ours included."""
    frame = call.rate_hz * FRAME_MS // 1000
    echo = EchoCanceller(call.rate_hz, TAIL_MS)
    residual = ResidualSuppressor(call.rate_hz, echo)
    far = call.far.tobytes() + bytes(2 * 10 * frame)  # ticks go on while the last packets come
    came, tick = call.came.tobytes(), 0
    out: list[bytes] = []
    for k in range(len(call.came) // frame):
        arrived_ms = (k + 1) * FRAME_MS * (1 + call.skew_ppm * 1e-6) + NETWORK_MS
        while tick * FRAME_MS <= arrived_ms:
            echo.reference(far[2 * frame * tick : 2 * frame * (tick + 1)], tick * FRAME_MS * NS_PER_MS)
            tick += 1
        echo.arrival(k * frame, round(arrived_ms * NS_PER_MS))
        cleaned = echo.process(came[2 * frame * k : 2 * frame * (k + 1)], k * frame)
        out.append(residual.process(cleaned) if suppress else cleaned)
    heard = np.frombuffer(b"".join(out), np.int16)
    lag = call.rate_hz // 100 if suppress else 0
    return np.concatenate([heard[lag:], np.zeros(lag, np.int16)])


def filter_only(call: Call) -> Samples:
    return ours(call, suppress=False)


def speexdsp(*, preprocess: bool) -> Contender:
    def cancel(call: Call) -> Samples:
        frame = call.rate_hz * FRAME_MS // 1000
        canceller = SpeexCanceller(call.rate_hz, TAIL_MS, preprocess=preprocess)
        far, came = call.far.tobytes(), call.came.tobytes()
        pieces = range(0, 2 * (len(call.came) // frame * frame), 2 * frame)
        out = b"".join(
            canceller.process(far[at : at + 2 * frame], came[at : at + 2 * frame]) for at in pieces
        )
        lag = frame if preprocess else 0
        return np.concatenate([np.frombuffer(out, np.int16)[lag:], np.zeros(lag, np.int16)])

    return cancel


CONTENDERS: Mapping[str, Contender] = {
    "ours": ours,
    "ours_filter": filter_only,
    "speexdsp": speexdsp(preprocess=False),
    "speexdsp_preprocess": speexdsp(preprocess=True),
    "nlms": lambda call: nlms(call.far, call.came),
}


# ---- figures -------------------------------------------------------------------------------------------------------


def frame_powers(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    frame = rate_hz * FRAME_MS // 1000
    whole = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    return np.asarray(np.mean(np.square(whole), axis=1))


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as one contender left it, in powers of 20 ms."""

    came: NDArray[np.float64]
    left: NDArray[np.float64]
    audible: NDArray[np.bool_]

    @classmethod
    def of(cls, call: Call, out: Samples) -> Heard:
        came, left = frame_powers(call.came, call.rate_hz), frame_powers(out, call.rate_hz)
        n = min(len(came), len(left))
        return cls(came[:n], left[:n], came[:n] > 32_768.0**2 * 10 ** (ECHO_DBFS / 10))

    def erle_db(self, from_s: float, to_s: float) -> float:
        """Of the frames with echo in that time; NaN where there are none."""
        part = slice(round(from_s * 1000 / FRAME_MS), round(to_s * 1000 / FRAME_MS))
        audible = self.audible[part]
        came, left = self.came[part][audible].sum(), self.left[part][audible].sum()
        return float(10 * np.log10(came / (left + 1e-9))) if len(audible) and came > 0 else float("nan")

    def spoken_s(self, from_s: float, to_s: float) -> float:
        part = slice(round(from_s * 1000 / FRAME_MS), round(to_s * 1000 / FRAME_MS))
        return float(self.audible[part].sum()) * FRAME_MS / 1000

    def reaches_s(self, level_db: float, from_s: float, to_s: float) -> float:
        """Seconds of echo heard since `from_s` until 300 ms reach the level; NaN: never."""
        for at_s in np.arange(from_s, to_s - 0.3, STEP_S):
            if self.spoken_s(at_s, at_s + 0.3) > 0.15 and self.erle_db(at_s, at_s + 0.3) >= level_db:
                return self.spoken_s(from_s, at_s)
        return float("nan")


def near_end_change_db(call: Call, out: Samples) -> float:
    """Level of what was left against the caller's voice alone, over the frames in which he talks."""
    near, left = frame_powers(call.near, call.rate_hz), frame_powers(out, call.rate_hz)
    talks = near[: len(left)] > near.max() * 1e-2
    return float(10 * np.log10(left[: len(talks)][talks].sum() / near[: len(talks)][talks].sum()))


def figures_of(situation: Situation, call: Call, out: Samples) -> Figures:
    heard, end_s = Heard.of(call, out), len(call.came) / call.rate_hz
    single_s = call.talks_from_s or call.jumps_at_s or end_s
    figures = {
        "erle_db": heard.erle_db(SETTLED_S, single_s),
        "converged_s": heard.reaches_s(CONVERGED_DB, 0, single_s),
    }
    if call.talks_from_s:
        figures["near_end_change_db"] = near_end_change_db(call, out)
    if call.jumps_at_s:
        figures["recovered_s"] = heard.reaches_s(RECOVERED_DB, call.jumps_at_s, end_s)
        figures["erle_after_db"] = heard.erle_db(call.jumps_at_s + 1, end_s)
    if situation.seconds >= LONG_S:
        figures["erle_last_minute_db"] = heard.erle_db(end_s - 60, end_s)
    return {name: round(value, 2) for name, value in figures.items()}


# ---- the table -----------------------------------------------------------------------------------------------------


def situations() -> tuple[Situation, ...]:
    def at(delay_ms: float) -> Callable[[int], NDArray[np.float64]]:
        return lambda rate_hz: line(rate_hz, delay_ms)

    return (
        Situation("room_16k", 16_000, room),
        Situation("line_80_ms_8k", 8_000, at(80)),
        Situation("line_250_ms_8k", 8_000, at(250)),
        Situation("skew_50_ppm_8k", 8_000, at(40), skew_ppm=50.0, seconds=40.0),
        Situation("skew_50_ppm_room_16k", 16_000, room, skew_ppm=50.0, seconds=40.0),
        Situation("double_talk_room_16k", 16_000, room, double_talk=True),
        Situation("double_talk_line_8k", 8_000, at(80), double_talk=True),
        Situation("jump_20_ms_later_8k", 8_000, at(60), after=at(80)),
        Situation("jump_20_ms_earlier_8k", 8_000, at(80), after=at(60)),
        Situation(
            "jump_20_ms_room_16k", 16_000, room, after=lambda rate_hz: room(rate_hz, delay_ms=40)
        ),
        Situation("bent_room_16k", 16_000, room, bends=True),
        Situation("ten_minutes_room_8k", 8_000, room, seconds=LONG_S),
    )  # fmt: skip


def voiced(situation: Situation) -> tuple[tuple[str, str], ...]:
    """Two voices in turn, each against the other."""
    first, second = (*voices(), *voices())[:2]
    return ((first, second), (second, first)) if situation.seconds < LONG_S else ((first, second),)


def mean_of(all_figures: list[Figures]) -> Figures:
    return {name: round(float(np.mean([f[name] for f in all_figures])), 2) for name in all_figures[0]}


def case_of(situation: Situation, plan: Plan) -> Case:
    seconds = min(situation.seconds, 60.0) if plan.brief else situation.seconds
    rows: dict[str, list[Figures]] = {}
    for pair in voiced(situation):
        call = Situation(
            situation.name, situation.rate_hz, situation.path, situation.after, situation.seconds,
            situation.skew_ppm, situation.bends, situation.double_talk, pair,
        ).call(plan.seed, seconds)  # fmt: skip
        for name, contender in CONTENDERS.items():
            if name == "nlms" and (plan.brief or seconds >= LONG_S):
                continue  # ten minutes of it take ten minutes
            out = contender(call)
            rows.setdefault(name, []).append(figures_of(situation, call, out))
            if name == "ours" and plan.pictures:
                draw(plan, situation.name, call, out)
    return Case(situation.name, {name: mean_of(figures) for name, figures in rows.items()})


def draw(plan: Plan, name: str, call: Call, out: Samples) -> None:
    assert plan.pictures is not None
    sounds = (pictures.Sound("came in", call.came, call.rate_hz), pictures.Sound("left", out, call.rate_hz))
    pictures.spectrograms(plan.pictures / f"aec_{name}.png", sounds)


def summary_of(cases: Mapping[str, Figures]) -> dict[str, float | int | bool]:
    """What must be reached, of ours."""
    single = ("room_16k", "line_80_ms_8k", "line_250_ms_8k")
    skewed = ("skew_50_ppm_8k", "skew_50_ppm_room_16k")
    talks = ("double_talk_room_16k", "double_talk_line_8k")
    jumps = ("jump_20_ms_later_8k", "jump_20_ms_earlier_8k", "jump_20_ms_room_16k")
    erle = min(cases[name]["erle_db"] for name in single)
    skewed_erle = min(cases[name]["erle_db"] for name in skewed)
    change = max(abs(cases[name]["near_end_change_db"]) for name in talks)
    recovered = max(cases[name]["recovered_s"] for name in jumps)
    last = cases["ten_minutes_room_8k"].get("erle_last_minute_db", float("nan"))
    return {
        "erle_db": erle,
        "erle_skewed_db": skewed_erle,
        "near_end_change_db": change,
        "recovered_s": recovered,
        "erle_last_minute_db": last,
        "reached": bool(erle >= 30 and skewed_erle >= 20 and change <= 1 and recovered < 1 and last >= 20),
    }


def run(plan: Plan) -> Table:
    cases = tuple(case_of(situation, plan) for situation in situations())
    return Table("aec", cases, summary_of({case.name: case.contenders["ours"] for case in cases}))
