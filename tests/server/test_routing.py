"""Trunks, numbers and caps as callers meet them, in virtual time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mediasrv.endpoints import CallGone
from mediasrv.errors import ConfigError
from mediasrv.sip import Rejected
from tests.server.house import Caller, House, running

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LOCAL = {"sources": ["127.0.0.1"]}


def trunk(**keys: Any) -> dict[str, str]:
    return {"MEDIASRV_TRUNKS": json.dumps({"t": {**LOCAL, **keys}}), "MEDIASRV_AGENTS__DEFAULT": ""}


async def refusal(caller: Caller, number: str = "100") -> tuple[int, str]:
    """How an INVITE was refused, and when to come back."""
    call = await caller.call(number)
    with pytest.raises(CallGone) as gone:
        await call.wait_answered()
    assert isinstance(gone.value.end, Rejected)
    return gone.value.end.status, dict(gone.value.end.headers).get("Retry-After", "")


def refused(house: House) -> dict[str, int]:
    return house.server.statistics().counts["calls_refused"]


async def test_a_national_number_finds_the_agent_of_its_international_spelling(autojump_clock) -> None:
    numbers = {"+4420*": "tone", "+442079460018": "echo"}
    async with running(trunk(country_code="44", numbers=numbers)) as house, house.caller() as caller:
        for called in ("02079460018", "00442079460018", "+442079460019"):
            call = await caller.answered(called)
            await call.bye()
        assert await refusal(caller, "+4930123456") == (404, "")
        await trio.sleep(1)
        assert [(record["called"], record["agent"]) for record in house.call_records()] == [
            ("+442079460018", "echo"),
            ("+442079460018", "echo"),
            ("+442079460019", "tone"),
        ]


async def test_a_full_trunk_refuses_and_takes_the_next_call_when_one_has_ended(autojump_clock) -> None:
    async with running(trunk(calls_max=1, numbers={"*": "tone"})) as house, house.caller() as caller:
        first = await caller.answered()
        assert await refusal(caller) == (503, "5")
        assert refused(house) == {"trunk_full": 1}
        await first.bye()
        await trio.sleep(1)
        await (await caller.answered()).bye()


async def test_a_trunk_that_calls_too_fast_is_slowed_down(autojump_clock) -> None:
    async with running(trunk(calls_per_s=1.0, numbers={"*": "tone"})) as house, house.caller() as caller:
        await (await caller.answered()).bye()
        assert await refusal(caller) == (503, "1")
        assert refused(house) == {"trunk_too_fast": 1}
        await trio.sleep(1)
        await (await caller.answered()).bye()


async def test_only_codecs_of_the_trunk_are_agreed_on(autojump_clock) -> None:
    async with running(trunk(codecs=["PCMA"], numbers={"*": "tone"})) as house, house.caller() as caller:
        call = await caller.call()
        answer = await call.wait_answered()
        assert b"PCMA" in answer
        assert b"PCMU" not in answer
        await call.bye()


async def test_a_menu_speaks_to_who_calls_its_number(autojump_clock, tmp_path) -> None:
    file = tmp_path / "menu.toml"
    file.write_text('[voice]\nkind = "tone"\n[menus.main]\nsay = "choose one"\nattempts = 1\nno_key = ""')
    environment = {**trunk(numbers={"200": "menu"}), "MEDIASRV_AGENTS__MENU": str(file)}
    async with running(environment) as house, house.caller() as caller:
        call = await caller.answered("200")
        await trio.sleep(0.3)
        assert house.packets_to(5071) >= 10
        await call.wait_ended()
        await trio.sleep(1)
        (record,) = house.call_records()
        assert (record["agent"], record["ending"]) == ("menu", "silence")


@pytest.mark.parametrize(
    ("key", "keys", "starts"),
    [
        (ec.generate_private_key(ec.SECP256R1()), {"profile": "bandwidth"}, False),
        (rsa.generate_private_key(65_537, 2_048), {"profile": "bandwidth"}, True),
        (ec.generate_private_key(ec.SECP256R1()), {"profile": "bandwidth", "transports": ["udp"]}, True),
        (ec.generate_private_key(ec.SECP256R1()), {"profile": "vonage"}, True),
    ],
)
async def test_a_trunk_that_takes_rsa_certificates_only_is_not_shown_another(
    autojump_clock, tmp_path: Path, key: PrivateKey, keys: dict[str, Any], starts: bool
) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(shown(key))
    tls = {
        "MEDIASRV_SIP__TLS_PORT": "5061",
        "MEDIASRV_SIP__TLS_CERTIFICATE": str(file),
        "MEDIASRV_SIP__TLS_KEY": "k",
    }
    if starts:
        async with running(trunk(**keys) | tls, drained_at_once=True):
            return
    with pytest.raises(ConfigError, match=r"sip\.tls_certificate.*must hold an RSA key: trunks\.t"):
        async with running(trunk(**keys) | tls):
            raise AssertionError("it started")


def shown(key: PrivateKey) -> bytes:
    """A certificate with that key."""
    name, today = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]),
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, today, today + timedelta(days=365))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"codecs": ["L16"]}, "trunks.t.codecs"),
        ({"numbers": {"5": "nobody"}}, "trunks.t.numbers.5"),
    ],
)
async def test_what_a_trunk_demands_in_vain_is_found_before_any_call(
    autojump_clock, keys: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        async with running(trunk(**keys)):
            raise AssertionError("it started")
