"""Trunks that want a TLS of their own, against peers that speak it so; the handshakes are whole, in memory."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair

from mediasrv.config import Settings, load
from mediasrv.endpoints.streams import TlsFiles, TlsNeeds, TlsTransport, client_context, server_context
from mediasrv.server.network.trunk_tls import TrunkTls
from mediasrv.sip import Limits
from tests.interop.tls import certificate

HOST = "192.0.2.1"
SOURCE = "198.51.100.7"
OLD, STRICT = ["tls_1_2_only"], ["tls_1_2_only", "rsa_certificates"]


def settings(quirks: Sequence[str], **keys: Any) -> Settings:
    trunk = {"quirks": list(quirks), "hosts": [HOST, "carrier.example:5061"], "sources": [SOURCE], **keys}
    return with_trunks(t=trunk)


def with_trunks(**trunks: Any) -> Settings:
    return load(environment={"MEDIASRV_TRUNKS": json.dumps(trunks)})


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return TlsFiles(*certificate(tmp_path_factory.mktemp("curve")))


@pytest.fixture(scope="module")
def rsa(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return TlsFiles(*certificate(tmp_path_factory.mktemp("rsa"), rsa_bits=2_048))


async def spoken(ours: Settings, files: TlsFiles, peer: ssl.SSLContext, to: str, name: str = "") -> str:
    """The version that is agreed on with that peer when it is called; empty: none."""
    near, far = memory_stream_pair()
    towards = TrunkTls(ours, partial(client_context, files))
    version = ""

    async def dialler(to: tuple[str, int]) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return near

    async def answer() -> None:
        nonlocal version
        secured = trio.SSLStream(far, peer, server_side=True)
        try:
            await secured.do_handshake()
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(far)
        else:
            version = str(secured.version())

    transport = TlsTransport(dialler, Limits(), server_context(files), towards.usual, towards)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        try:
            await transport.dial((to, 5061), name)
        except trio.BrokenResourceError:
            return ""
    return version


@pytest.mark.parametrize(
    ("quirks", "to", "name", "version"),
    [
        ([], HOST, "", "TLSv1.3"),
        (OLD, HOST, "", "TLSv1.2"),
        (OLD, "192.0.2.99", "Carrier.Example", "TLSv1.2"),
        (OLD, SOURCE, "", "TLSv1.2"),
        (OLD, "203.0.113.9", "other.example", "TLSv1.3"),
    ],
)
async def test_only_the_trunk_is_called_with_its_version(
    curve: TlsFiles, quirks: Sequence[str], to: str, name: str, version: str
) -> None:
    assert await spoken(settings(quirks), curve, server_context(curve), to, name) == version


async def test_a_carrier_that_speaks_1_2_alone_is_met(curve: TlsFiles) -> None:
    peer = server_context(curve)
    peer.maximum_version = ssl.TLSVersion.TLSv1_2
    for quirks in ([], OLD):
        assert await spoken(settings(quirks), curve, peer, HOST) == "TLSv1.2"


async def test_a_carrier_that_speaks_1_3_alone_is_none_that_speaks_1_2_alone(curve: TlsFiles) -> None:
    peer = server_context(curve)
    peer.minimum_version = ssl.TLSVersion.TLSv1_3
    assert await spoken(settings(OLD), curve, peer, HOST) == ""
    assert await spoken(settings([]), curve, peer, HOST) == "TLSv1.3"


async def test_where_certificates_are_rsa_no_other_is_taken(curve: TlsFiles, rsa: TlsFiles) -> None:
    assert await spoken(settings(STRICT), rsa, server_context(rsa), HOST) == "TLSv1.2"
    assert await spoken(settings(STRICT), rsa, server_context(curve), HOST) == ""
    assert await spoken(settings(OLD), rsa, server_context(curve), HOST) == "TLSv1.2"


def test_a_host_that_trunks_share_is_met_as_the_strictest_needs(rsa: TlsFiles) -> None:
    trunks = {name: {"quirks": quirks, "hosts": [HOST]} for name, quirks in (("b", STRICT), ("a", OLD))}
    made: dict[int, TlsNeeds] = {}

    def make(needs: TlsNeeds) -> ssl.SSLContext:
        context = client_context(rsa, needs)
        made[id(context)] = needs
        return context

    towards = TrunkTls(with_trunks(**trunks), make)
    assert made[id(towards((HOST, 5061), ""))].rsa_only


@pytest.mark.parametrize(
    ("profile", "version"), [("vonage", "TLSv1.2"), ("bandwidth", "TLSv1.2"), ("twilio", "TLSv1.3")]
)
async def test_a_profile_is_enough_to_be_called_so(rsa: TlsFiles, profile: str, version: str) -> None:
    trunk = {"profile": profile, "hosts": [HOST]}
    assert await spoken(with_trunks(t=trunk), rsa, server_context(rsa), HOST) == version
