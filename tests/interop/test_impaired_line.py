"""Calls in G.722 and Opus from two independent telephones: what is said in the wide band comes back in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv.bench.instruments.server_process import serving
from mediasrv.bench.netem import Jitter, Loss, Profile
from tests.interop.sound import read_wav, seconds_of_tone, tone, write_wav
from tools import baresip
from tools.impaired_line import impaired_line

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
WIDE_HZ = 5_200  # beyond what G.711 carries
RATE_HZ = {"opus": 48_000, "G722": 16_000, "PCMU": 8_000}
FOREGROUND_DBFS = -30.0


def tone_then_silence(file: Path, hz: float, rate_hz: int) -> Path:
    sound = tone(hz, 1.5, rate_hz=rate_hz)
    sound.extend(0 for _ in range(rate_hz))
    write_wav(file, sound, rate_hz)
    return file


BAD = Profile("bad", delay_ms=40, jitter=Jitter("uniform", 30), loss=Loss(good=0.05), skew_ppm=100)


@pytest.mark.parametrize("codec", ["opus", "G722"])
async def test_what_is_said_comes_back_through_loss_jitter_and_skew(tmp_path: Path, codec: str) -> None:
    said = tone_then_silence(tmp_path / "said.wav", 700, RATE_HZ[codec])
    async with serving(tmp_path, ["--agent", "echo"]) as server, impaired_line(server.sip, BAD, 1) as line:
        host, port = line.sip
        heard = await baresip.call(f"sip:anyone@{host}:{port}", codec, said, tmp_path / "baresip")
        assert line.up.link.statistics.lost > 0
    samples, rate_hz = read_wav(heard)
    assert 0.6 <= seconds_of_tone(samples, 700, rate_hz) <= 1.6
