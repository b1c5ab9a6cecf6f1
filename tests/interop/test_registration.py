"""PJSIP's digest against ours: a telephone of a user's registers with `mediasrv serve`, again, and leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.patience import PATIENCE_S
from tests.interop.test_serve import serving

pytestmark = pytest.mark.interop
REGISTRANT = Path(__file__).with_name("registrant.py")


def registered(registrar: str, user: str, password: str) -> list[list[int]]:
    """Each answer of the registrar's, as status and seconds granted."""
    command = [sys.executable, str(REGISTRANT), f"sip:{registrar}", user, password]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=True)
    told: list[list[int]] = json.loads(ended.stdout.splitlines()[-1])  # after what PJSIP says of itself
    return told


@pytest.mark.parametrize("digest", ["SHA-256,MD5", "MD5", "SHA-256"])
def test_a_telephone_registers_with_its_password_again_and_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest: str
) -> None:
    monkeypatch.setenv("MEDIASRV_SIP__DIGEST", digest)
    with serving(tmp_path) as (process, ready):
        assert process.stdout is not None
        new = json.loads(process.stdout.readline())
        told = registered(ready["sip"], new["users"][0]["name"], new["users"][0]["password"])
        process.send_signal(signal.SIGTERM)
        _, logs = process.communicate(timeout=2 * PATIENCE_S)
    assert [status for status, _ in told] == [200, 200, 200]
    assert [seconds for _, seconds in told] == [300, 300, 0]
    stopped = next(json.loads(line) for line in logs.splitlines() if '"stopped"' in line)
    assert stopped["counts"]["sip_digest"]["right"] == 3


def test_a_telephone_with_another_password_is_not_registered(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready):
        assert process.stdout is not None
        process.stdout.readline()
        told = registered(ready["sip"], "1000", "guess")
    assert [status for status, _ in told] == [401]


def test_a_user_who_is_added_while_the_server_runs_can_register(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, ready):
        command = [
            sys.executable,
            "-m",
            "mediasrv",
            "users",
            "add",
            "2000",
            "--data-dir",
            str(tmp_path),
            "--json",
        ]
        made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(5):  # the server looks once a second
            told = registered(ready["sip"], "2000", made["password"])
            if told[0][0] == 200:
                break
        assert [status for status, _ in told] == [200, 200, 200]
