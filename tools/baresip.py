"""baresip, a telephone that shares no code with PJSIP or with us, and that speaks Opus and DTLS-SRTP.

It says a WAV file (16-bit, mono, at the codec's rate) into its call and leaves a recording of what it heard. It is told
what to do over its control connection (`ctrl_tcp`: JSON in netstrings), where it also tells what happens. Its
configuration is made anew in a directory of the caller's. It comes from Debian (`baresip-core`) and is never part of
the server.
"""

from __future__ import annotations

import json
import socket
import subprocess
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from mediasrv.errors import MediasrvError

CODECS = {"opus": "opus/48000/1", "G722": "G722/16000/1", "PCMU": "PCMU/8000/1", "PCMA": "PCMA/8000/1"}
STARTS_WITHIN_S, ENDS_WITHIN_S, EVENT_WITHIN_S = 60.0, 15.0, 60.0
LOOKS_EVERY_S = 0.05
OUTPUT_TAIL = 2_000
MODULES = ("opus", "g722", "g711", "sndfile", "aufile", "aubridge", "srtp", "dtls_srtp")
CONFIG = """\
sip_listen 127.0.0.1:0
ctrl_tcp_listen 127.0.0.1:{control}
audio_source aufile,{said}
audio_player aubridge,sink
audio_alert aubridge,alert
module_path /usr/lib/baresip/modules
{modules}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
snd_path {directory}
opus_stereo no
opus_sprop_stereo no
opus_inbandfec yes
opus_packet_loss 10
"""


class CallFailed(MediasrvError):
    """baresip was not answered, or heard nothing."""


@dataclass(frozen=True, slots=True)
class Wishes:
    codec: str
    said: Path
    encryption: str = ""  # its `mediaenc`: srtp, srtp-mand, srtp-mandf, dtls_srtp
    account: str = "<sip:baresip@127.0.0.1>;regint=0"  # who it is, and where it registers


class Baresip:
    """One that runs; what it has told is in `events`."""

    def __init__(self, stream: trio.SocketStream, directory: Path) -> None:
        self._stream, self._directory = stream, directory
        self._told = trio.Condition()
        self.events: list[dict[str, Any]] = []

    async def do(self, command: str, parameters: str = "") -> None:
        """A long command of baresip's: dial, hold, resume, sndcode, hangup, transfer, accept."""
        message = json.dumps({"command": command, "params": parameters}).encode()
        await self._stream.send_all(b"%d:%s," % (len(message), message))

    async def wait_for(self, kind: str, times: int = 1) -> dict[str, Any]:
        """The so-manieth event of a kind: CALL_ESTABLISHED, CALL_DTMF_START, REGISTER_OK ..."""
        with trio.move_on_after(EVENT_WITHIN_S):
            async with self._told:
                while True:
                    found = [event for event in self.events if event.get("type") == kind]
                    if len(found) >= times:
                        return found[times - 1]
                    await self._told.wait()
        raise CallFailed(f"no {kind}, but {[event.get('type') for event in self.events]}")

    async def printed(self, text: str) -> None:
        """Waits for that in its output: what it did before anybody could listen to its events stands there only."""
        output = self._directory / "output"
        with trio.move_on_after(EVENT_WITHIN_S):
            while text not in output.read_text(errors="replace"):  # noqa: ASYNC110
                await trio.sleep(LOOKS_EVERY_S)
            return
        raise CallFailed(f"no {text!r}, but {output.read_text(errors='replace')[-OUTPUT_TAIL:]}")

    async def listen(self) -> None:
        pending = b""
        while data := await self._stream.receive_some():
            pending += data
            while (text := _first_netstring(pending)) is not None:
                pending = pending[len(str(len(text))) + len(text) + 2 :]
                async with self._told:
                    self.events.append(json.loads(text))
                    self._told.notify_all()

    @property
    def heard(self) -> Path:
        recording = max(self._directory.glob("dump-*-dec.wav"), default=None)
        if recording is None:
            raise CallFailed("nothing was heard")
        return recording


def _first_netstring(data: bytes) -> bytes | None:
    length, colon, rest = data.partition(b":")
    return rest[: int(length)] if colon and len(rest) > int(length) else None


@asynccontextmanager
async def running(wishes: Wishes, directory: Path) -> AsyncIterator[Baresip]:
    """Until the end of the block; its calls are hung up there."""
    control = _free_port()
    _configure(wishes, directory, control)
    command = ["baresip", "-n", "127.0.0.1", "-f", str(directory)]
    with (directory / "output").open("wb") as output:
        process = await trio.lowlevel.open_process(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        async with await _control(control, directory) as stream, trio.open_nursery() as nursery:
            phone = Baresip(stream, directory)
            nursery.start_soon(phone.listen)
            yield phone
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await _end(process)


async def call(uri: str, codec: str, said: Path, directory: Path, *, encryption: str = "") -> Path:
    """Says `said` to whoever answers, hangs up at its end, and returns the WAV file of what came back."""
    with wave.open(str(said)) as wav:
        seconds = wav.getnframes() / wav.getframerate()
    async with running(Wishes(codec, said, encryption), directory) as phone:
        await phone.do("dial", uri)
        await phone.wait_for("CALL_ESTABLISHED")
        await trio.sleep(seconds)
        await phone.do("hangup")
        await phone.wait_for("CALL_CLOSED")
    return phone.heard


def _configure(wishes: Wishes, directory: Path, control: int) -> None:
    directory.mkdir(exist_ok=True)
    account = f"{wishes.account};audio_codecs={CODECS[wishes.codec]};ptime=20"
    account += f";mediaenc={wishes.encryption}" if wishes.encryption else ""
    modules = "\n".join(f"module {name}.so" for name in MODULES)
    config = CONFIG.format(said=wishes.said, directory=directory, control=control, modules=modules)
    for name, text in (("config", config), ("accounts", account), ("contacts", "")):
        (directory / name).write_text(f"{text}\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _control(port: int, directory: Path) -> trio.SocketStream:
    with trio.move_on_after(STARTS_WITHIN_S):
        while True:
            try:
                return await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.02)
    told = (directory / "output").read_text(errors="replace")[-OUTPUT_TAIL:]
    raise CallFailed(f"baresip did not start: {told}")


async def _end(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(ENDS_WITHIN_S):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
