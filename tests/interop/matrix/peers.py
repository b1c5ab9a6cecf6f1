"""How a peer is made to do what a cell is about: telephones say a tone and keep what they hear, sipp has scenarios."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from mediasrv.bench.instruments import sipp
from mediasrv.bench.instruments.server_process import ServerProcess
from tests.interop.patience import PATIENCE_S
from tests.interop.sound import tone, write_wav
from tools import baresip

ROOT = Path(__file__).resolve().parents[3]
SAID_S, SILENCE_S = 1.2, 0.8
WIDE_HZ, NARROW_HZ = 5_200, 700  # the first is beyond what G.711 carries
RATE_HZ = {"opus": 48_000, "G722": 16_000, "PCMU": 8_000, "PCMA": 8_000}


@dataclass(frozen=True, slots=True)
class Wish:
    """One call in which a tone is said."""

    uri: str
    codec: str = "PCMU"
    encryption: str = ""  # as the peer calls it

    @property
    def hz(self) -> int:
        return NARROW_HZ if RATE_HZ[self.codec] == 8_000 else WIDE_HZ


def uri(server: ServerProcess, number: str = "anyone", *, transport: str = "udp", port: int = 0) -> str:
    host, own = server.sip
    return f"sip:{number}@{host}:{port or own}" + ("" if transport == "udp" else f";transport={transport}")


def tone_then_silence(file: Path, wish: Wish, silence_s: float = SILENCE_S) -> Path:
    """baresip hangs up when it has said all."""
    rate_hz = RATE_HZ[wish.codec]
    sound = tone(wish.hz, SAID_S, rate_hz=rate_hz)
    sound.extend(0 for _ in range(round(silence_s * rate_hz)))
    write_wav(file, sound, rate_hz)
    return file


async def pjsip(*arguments: str) -> dict[str, Any]:
    """One run of the softphone; its outcome."""
    command = [sys.executable, "-m", "tools.softphone", "--json", *arguments]
    with trio.fail_after(PATIENCE_S):
        ended = await trio.run_process(
            command, cwd=ROOT, capture_stdout=True, stderr=subprocess.DEVNULL, check=False
        )
    outcome: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return outcome


async def said_over_pjsip(wish: Wish, directory: Path) -> Path:
    said, heard = tone_then_silence(directory / "said.wav", wish), directory / "heard.wav"
    security = ["--srtp", wish.encryption] if wish.encryption else []
    outcome = await pjsip(
        wish.uri, "--codec", wish.codec, "--play", str(said), "--record", str(heard),
        "--seconds", str(SAID_S + SILENCE_S), *security,
    )  # fmt: skip
    assert (outcome["answered"], outcome["notes"]) == (True, []), outcome
    assert (outcome["codec"], outcome["packets_lost"], outcome["hung_up_by"]) == (wish.codec, 0, "us")
    assert outcome["secured"] is bool(wish.encryption)
    return heard


async def said_over_baresip(wish: Wish, directory: Path) -> Path:
    said = tone_then_silence(directory / "said.wav", wish)
    return await baresip.call(wish.uri, wish.codec, said, directory / "baresip", encryption=wish.encryption)


async def sipp_plays(server: ServerProcess, scenario: str, transport: str) -> None:
    """Ten calls of one scenario, all of which go as it says; `transport`: as sipp calls it."""
    file = ROOT / "sip_config" / "sipp" / f"{scenario}.xml"
    outcome = await sipp.call(
        server.sip, scenario=("-sf", str(file)), calls=10, per_second=20, talk_ms=150, transport=transport
    )
    assert (outcome.successful, outcome.failed) == (10, 0), outcome.errors
    if transport != "u1":
        assert outcome.retransmissions == 0, "nothing is repeated over a stream"


TELEPHONES = {"pjsip": said_over_pjsip, "baresip": said_over_baresip}
