"""What telephones say comes back to them from `echo`: in every codec, over every transport, under every protection."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.matrix.peers import RATE_HZ, SAID_S, TELEPHONES, Wish, pjsip, uri
from tests.interop.matrix.table import Cell, cells
from tests.interop.servers import Servers
from tests.interop.sound import blocks, loudness_dbfs, read_wav, seconds_of_tone

pytestmark = [pytest.mark.interop, pytest.mark.side_by_side]
FOREGROUND_DBFS = -30.0
PROTECTED = '[media]\nsecurity = "required"\n'
PLAIN = '[media]\nsecurity = "off"\n'


def telephones(row: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cell", [c for c in cells(row) if c.peer in TELEPHONES], ids=str)


async def comes_back(cell: Cell, wish: Wish, directory: Path) -> None:
    """All of it but what a filter, a buffer or a telephone that is held up may have eaten, and nothing afterwards."""
    samples, rate_hz = read_wav(await TELEPHONES[cell.peer](wish, directory))
    if cell.peer == "baresip":
        assert rate_hz == RATE_HZ[wish.codec]
    assert SAID_S / 2 <= seconds_of_tone(samples, wish.hz, rate_hz) <= SAID_S + 0.1
    assert max(map(loudness_dbfs, blocks(samples, rate_hz))) > FOREGROUND_DBFS
    assert loudness_dbfs(samples[-rate_hz // 5 :]) < FOREGROUND_DBFS


@telephones("sound")
async def test_a_tone_comes_back(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "echo")
    await comes_back(cell, Wish(uri(server), cell.way), tmp_path)


@telephones("transport")
async def test_a_tone_comes_back_over_each_transport(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server, tls_port = await servers.echoing_over_tls()
    port = tls_port if cell.way == "tls" else 0
    await comes_back(cell, Wish(uri(server, transport=cell.way, port=port)), tmp_path)


@telephones("security")
async def test_a_tone_comes_back_encrypted(cell: Cell, servers: Servers, tmp_path: Path) -> None:
    server = await servers.serving("--agent", "echo", settings=PROTECTED)
    await comes_back(cell, Wish(uri(server), encryption=cell.way), tmp_path)


@telephones("refusal")
async def test_what_must_not_be_plain_or_protected_is_refused(cell: Cell, servers: Servers) -> None:
    settings, srtp = (PROTECTED, "off") if cell.way == "plain" else (PLAIN, "mandatory")
    server = await servers.serving("--agent", "echo", settings=settings)
    outcome = await pjsip(uri(server), "--srtp", srtp)
    assert (outcome["answered"], outcome["status"]) == (False, 488)
