"""Listen to what a network does to a call: one in each codec, on a clean line and on a bad one.

    python -m tools.hear --out heard
    python -m tools.hear --out heard --codec opus --loss 10 --jitter 60

A telephone (PJSIP for G.711 and G.722, baresip for Opus) talks to the agent `echo` of a server of its own through
tools/impaired_line. Into the folder go what was said, what came back by each line, and a picture of their
spectrograms one above the other, so that eyes can find what ears suspect. Needs matplotlib (extra `quality`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import matplotlib.pyplot as plt
import numpy as np
import trio
from numpy.typing import NDArray

from mediasrv.bench.instruments.server_process import serving
from mediasrv.bench.netem import Jitter, Loss, Profile
from mediasrv.providers.formant import speak
from tools import baresip
from tools.impaired_line import ImpairedLine, impaired_line

RATE_HZ = {"PCMU": 8_000, "PCMA": 8_000, "G722": 16_000, "opus": 48_000}
WORDS = (
    "Please hold the line, I am looking for your parcel. It was sent on Monday. "
    "Six swans swim in a silver sea, and she sells shells."
)
ECHO_S = 1.0  # silence after the words, in which they come back
FLOOR_DB, CEILING_DB, WINDOW_MS, HIGHEST_HZ = -100, -30, 20, 12_000
CLEAN = Profile("clean")
Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Heard:
    """One call: what came back, and what the line did to the packets each way."""

    codec: str
    line: str
    file: str
    seconds: float
    packets_up: int
    lost_up: int
    packets_down: int
    lost_down: int


async def call(codec: str, profile: Profile, seed: int, said: Path, heard: Path) -> Heard:
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        async with (
            serving(scratch, ["--agent", "echo"]) as server,
            impaired_line(server.sip, profile, seed) as line,
        ):
            uri = f"sip:anyone@{line.sip[0]}:{line.sip[1]}"
            if codec == "opus":
                recording = await baresip.call(uri, codec, said, scratch / "baresip")
                recording.replace(heard)
            else:
                await softphone(uri, codec, said, heard)
            return report(codec, profile, line, heard)


async def softphone(uri: str, codec: str, said: Path, heard: Path) -> None:
    pcm, rate_hz = read(said)
    await trio.run_process(
        [sys.executable, "-m", "tools.softphone", uri, "--codec", codec, "--play", str(said), "--record", str(heard),
         "--seconds", f"{len(pcm) / rate_hz:.2f}"],
        capture_stdout=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def report(codec: str, profile: Profile, line: ImpairedLine, heard: Path) -> Heard:
    pcm, rate_hz = read(heard)
    up, down = line.up.link.statistics, line.down.link.statistics
    return Heard(
        codec, profile.name, heard.name, round(len(pcm) / rate_hz, 2), up.sent, up.lost, down.sent, down.lost
    )


def read(file: Path) -> tuple[Pcm, int]:
    with wave.open(str(file), "rb") as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), np.int16), wav.getframerate()


def say(file: Path, rate_hz: int) -> Path:
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate_hz)
        wav.writeframes(speak(WORDS, rate_hz).pcm + bytes(2 * round(ECHO_S * rate_hz)))
    return file


def draw(files: Sequence[tuple[str, Path]], title: str, picture: Path) -> None:
    """Spectrograms under each other, on one scale of time and level."""
    sounds = [(name, *read(file)) for name, file in files]
    longest_s = max(len(pcm) / rate_hz for _, pcm, rate_hz in sounds)
    top_hz = min(sounds[0][2] // 2, HIGHEST_HZ)
    half_a_bit = np.random.default_rng(1)  # of noise: silence has no logarithm
    figure, panels = plt.subplots(
        len(sounds), 1, figsize=(14, 3 * len(sounds)), sharex=True, layout="constrained"
    )
    for panel, (name, pcm, rate_hz) in zip(panels, sounds, strict=True):
        window = rate_hz * WINDOW_MS // 1000
        audible = (pcm + half_a_bit.uniform(-0.5, 0.5, len(pcm))) / 32_768
        panel.specgram(
            audible,
            NFFT=window,
            Fs=rate_hz,
            noverlap=window // 2,
            vmin=FLOOR_DB,
            vmax=CEILING_DB,
            cmap="magma",
        )
        panel.set(ylabel="Hz", title=name, xlim=(0, longest_s), ylim=(0, top_hz), facecolor="black")
    panels[-1].set_xlabel("seconds")
    figure.suptitle(title)
    figure.savefig(picture, dpi=80)
    plt.close(figure)


async def listen(out: Path, codecs: Sequence[str], bad: Profile, seed: int) -> list[Heard]:
    calls = []
    for codec in codecs:
        said = say(out / f"{codec}_said.wav", RATE_HZ[codec])
        pictured = [("said", said)]
        for profile in (CLEAN, bad):
            heard = out / f"{codec}_{profile.name}.wav"
            calls.append(await call(codec, profile, seed, said, heard))
            pictured.append((f"heard again, {profile.name} line", heard))
        draw(pictured, codec, out / f"{codec}.png")
    return calls


@click.command(help=__doc__.split("\n\n")[0] if __doc__ else None)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into."
)
@click.option(
    "--codec", "codecs", type=click.Choice(tuple(RATE_HZ)), multiple=True, default=("PCMU", "G722", "opus"),
    show_default=True, help="May stand several times.",
)  # fmt: skip
@click.option("--loss", default=5.0, show_default=True, help="Percent of the packets, each way.")
@click.option("--jitter", default=30.0, show_default=True, help="Milliseconds at most, uniform.")
@click.option("--skew", default=100.0, show_default=True, help="Parts per million between the clocks.")
@click.option("--seed", default=1, show_default=True, help="Of the line's dice.")
def main(out: Path, codecs: tuple[str, ...], loss: float, jitter: float, skew: float, seed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    bad = Profile(
        "bad", delay_ms=40.0, jitter=Jitter("uniform", jitter), loss=Loss(good=loss / 100), skew_ppm=skew
    )
    plt.switch_backend("agg")
    calls = trio.run(listen, out, codecs, bad, seed)
    (out / "calls.json").write_text(json.dumps([asdict(each) for each in calls], indent=2) + "\n")
    for each in calls:
        click.echo(
            f"{each.codec} on a {each.line} line: {each.seconds:g} s heard; lost {each.lost_up} of {each.packets_up} "
            f"packets up, {each.lost_down} of {each.packets_down} down"
        )


if __name__ == "__main__":
    main()
