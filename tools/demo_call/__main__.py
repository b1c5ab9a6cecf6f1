"""Make the example call again: the softphone asks the demonstration's hotel, and the files tell what came of it.

\b
python -m tools.demo_call --out docs/examples/demo-call

A server of its own, on free ports; the caller follows sip_config/softphone/demo.toml and needs espeak-ng's voices
(extra `local`). Ends with status 1 when not every question was answered, or none was interrupted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import trio

from mediasrv.bench.instruments.server_process import ServerProcess, serving
from mediasrv_native.kernels import Resampler
from tools.demo_call.ogg import RATE_HZ, opus_file

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT / "sip_config" / "softphone" / "demo.toml"
NUMBER = "400"
ASKED = (
    "where can i park my car",
    "can i bring my dog",
    "how much is a double room",
    "do you have wireless internet",
    "thank you goodbye",
)  # what the plan has said, as it should be understood
CUT_OFF = "can i bring my dog"
ENDING = "user_barge_in"

Turn = Mapping[str, Any]


async def call(server: ServerProcess, recording: Path) -> None:
    host, port = server.sip
    await trio.run_process(
        [sys.executable, "-m", "tools.softphone", f"sip:{NUMBER}@{host}:{port}", "--plan", str(PLAN),
         "--record", str(recording), "--own-voice"],
        cwd=ROOT, stdout=sys.stderr,
    )  # fmt: skip


async def show(server: ServerProcess, call_id: str, *how: str) -> str:
    """What `mediasrv calls show` says of it."""
    command = [
        sys.executable, "-m", "mediasrv", "calls", "show", call_id, "--data-dir", str(server.data_dir), *how,
    ]  # fmt: skip
    shown = await trio.run_process(command, cwd=ROOT, capture_stdout=True)
    return shown.stdout.decode()


def problems(turns: Iterable[Turn]) -> list[str]:
    """What went otherwise than it should."""
    replies = {turn["asked"]: turn for turn in turns if turn["kind"] == "reply" and turn["heard"]}
    found = [f"not understood: {question}" for question in ASKED if question not in replies]
    for question, turn in replies.items():
        was_cut = turn["ending"] == ENDING
        if was_cut != (question == CUT_OFF):
            found.append(f"{question}: {turn['ending']}")
    return found


def as_opus(recording: Path) -> bytes:
    with wave.open(str(recording), "rb") as wav:
        pcm, rate_hz = wav.readframes(wav.getnframes()), wav.getframerate()
    return opus_file(Resampler(rate_hz, RATE_HZ).process(pcm))


async def make(out: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        recording = scratch / "call.wav"
        async with serving(scratch, []) as server:
            await call(server, recording)
            ((call_id, turns),) = server.records("turns").items()
            (out / "ladder.txt").write_text(await show(server, call_id))
            (out / "talk.txt").write_text(await show(server, call_id, "--talk"))
        (out / "call.opus").write_bytes(as_opus(recording))
    return problems(turns)


@click.command(help=__doc__)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into."
)
def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    try:
        found = trio.run(make, out)
    except* subprocess.CalledProcessError as failed:
        raise click.ClickException(str(failed.exceptions[0])) from failed
    click.echo((out / "talk.txt").read_text())
    if found:
        raise click.ClickException("; ".join(found))


if __name__ == "__main__":
    main()
