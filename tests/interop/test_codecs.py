"""Calls in G.722 and Opus from two independent telephones: what is said in the wide band comes back in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv.bench.instruments.server_process import serving
from mediasrv.bench.netem import Jitter, Loss, Profile
from tests.interop.sound import loudness_dbfs, read_wav, seconds_of_tone, tone, write_wav
from tests.interop.test_softphone import softphone
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


async def test_pjsip_hears_its_wide_band_again_in_g722(tmp_path: Path) -> None:
    said, heard = tone_then_silence(tmp_path / "said.wav", WIDE_HZ, 16_000), tmp_path / "heard.wav"
    async with serving(tmp_path, ["--agent", "echo"]) as server:
        outcome = await softphone(
            server, "--codec", "G722", "--play", str(said), "--record", str(heard), "--seconds", "3"
        )
    samples, rate_hz = read_wav(heard)
    assert (outcome["codec"], outcome["packets_lost"]) == ("G722", 0)
    assert 1.0 <= seconds_of_tone(samples, WIDE_HZ, rate_hz) <= 1.6


@pytest.mark.parametrize(("codec", "hz"), [("opus", WIDE_HZ), ("G722", WIDE_HZ), ("PCMU", 700)])
async def test_baresip_hears_again_what_it_says(tmp_path: Path, codec: str, hz: int) -> None:
    said = tone_then_silence(tmp_path / "said.wav", hz, RATE_HZ[codec])
    async with serving(tmp_path, ["--agent", "echo"]) as server:
        host, port = server.sip
        heard = await baresip.call(f"sip:anyone@{host}:{port}", codec, said, tmp_path / "baresip")
    samples, rate_hz = read_wav(heard)
    assert rate_hz == RATE_HZ[codec]
    assert 1.0 <= seconds_of_tone(samples, hz, rate_hz) <= 1.6
    assert (
        max(loudness_dbfs(samples[at : at + rate_hz // 5]) for at in range(0, len(samples), rate_hz // 5))
        > FOREGROUND_DBFS
    )
    assert loudness_dbfs(samples[-rate_hz // 4 :]) < FOREGROUND_DBFS


BAD = Profile("bad", delay_ms=40, jitter=Jitter("uniform", 30), loss=Loss(good=0.05), skew_ppm=100)


@pytest.mark.parametrize("codec", ["opus", "G722"])
async def test_what_is_said_comes_back_through_loss_jitter_and_skew(tmp_path: Path, codec: str) -> None:
    said = tone_then_silence(tmp_path / "said.wav", 700, RATE_HZ[codec])
    async with serving(tmp_path, ["--agent", "echo"]) as server, impaired_line(server.sip, BAD, 1) as line:
        host, port = line.sip
        heard = await baresip.call(f"sip:anyone@{host}:{port}", codec, said, tmp_path / "baresip")
        assert line.up.link.statistics.lost > 0
    samples, rate_hz = read_wav(heard)
    assert 0.8 <= seconds_of_tone(samples, 700, rate_hz) <= 1.6
