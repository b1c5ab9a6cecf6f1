"""Who we are with a trunk."""

from __future__ import annotations

from urllib.parse import quote

from mediasrv.config import TrunkSettings
from mediasrv.config.trunk import host_and_port
from mediasrv.sip import Account, Uri

_UNESCAPED = "-_.!~*'()&=+$,;?/"  # RFC 3261 section 25.1: unreserved and user-unreserved


def account_of(trunk: TrunkSettings) -> Account | None:
    """With what its challenges are answered; None: they are not."""
    return Account(trunk.realm, trunk.username, trunk.password) if trunk.username else None


def registrar_of(trunk: TrunkSettings) -> Uri:
    """The domain that we register with: that of its first host (RFC 3261 section 10.2)."""
    host, port = host_and_port(trunk.hosts[0])
    return Uri("sip", "", f"[{host}]" if ":" in host else host.lower(), port)


def address_of_record(trunk: TrunkSettings) -> Uri:
    registrar = registrar_of(trunk)
    return Uri("sip", quote(trunk.username, safe=_UNESCAPED), registrar.host, registrar.port)
