"""One call from baresip, a telephone that shares no code with PJSIP or with us, and that speaks Opus.

It says a WAV file (16-bit, mono, at the codec's rate), hangs up at its end, and leaves a recording of what it heard.
Its configuration is made anew in a directory of the caller's; it comes from Debian (`baresip-core`) and is never part
of the server.
"""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import trio

from mediasrv.errors import MediasrvError

CODECS = {"opus": "opus/48000/1", "G722": "G722/16000/1", "PCMU": "PCMU/8000/1", "PCMA": "PCMA/8000/1"}
SET_UP_S, FAREWELL_S = 2.0, 10.0
OUTPUT_TAIL = 2_000
CONFIG = """\
sip_listen 127.0.0.1:0
audio_source aufile,{said}
audio_player aubridge,sink
audio_alert aubridge,alert
module_path /usr/lib/baresip/modules
module opus.so
module g722.so
module g711.so
module sndfile.so
module aufile.so
module aubridge.so
module srtp.so
module dtls_srtp.so
module_tmp account.so
module_app menu.so
snd_path {directory}
opus_stereo no
opus_sprop_stereo no
opus_inbandfec yes
opus_packet_loss 10
"""


class CallFailed(MediasrvError):
    """baresip was not answered, or heard nothing."""


async def call(uri: str, codec: str, said: Path, directory: Path, *, encryption: str = "") -> Path:
    """Says `said` to whoever answers, and returns the WAV file of what came back.

    `encryption`: baresip's `mediaenc` (srtp, srtp-mand, srtp-mandf, dtls_srtp).
    """
    seconds = _prepare(directory, codec, said, encryption) + SET_UP_S
    command = [
        "baresip",
        "-n",
        "127.0.0.1",
        "-f",
        str(directory),
        "-t",
        str(round(seconds)),
        "-e",
        f"d {uri}",
    ]
    with trio.fail_after(seconds + FAREWELL_S):
        ended = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT, check=False)
    heard = _recording(directory)
    if heard is None or b"Call established" not in ended.stdout:
        raise CallFailed(f"no call: {ended.stdout.decode(errors='replace')[-OUTPUT_TAIL:]}")
    return heard


def _prepare(directory: Path, codec: str, said: Path, encryption: str) -> float:
    """Seconds that it will speak."""
    directory.mkdir(exist_ok=True)
    account = f"<sip:baresip@127.0.0.1>;regint=0;audio_codecs={CODECS[codec]};ptime=20"
    account += f";mediaenc={encryption}" if encryption else ""
    for name, text in (
        ("config", CONFIG.format(said=said, directory=directory)), ("accounts", account), ("contacts", ""),
    ):  # fmt: skip
        (directory / name).write_text(f"{text}\n")
    with wave.open(str(said)) as wav:
        return wav.getnframes() / wav.getframerate()


def _recording(directory: Path) -> Path | None:
    return max(directory.glob("dump-*-dec.wav"), default=None)
