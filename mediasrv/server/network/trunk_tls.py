"""With which TLS each trunk is called: what its profile says that it needs (`tls_1_2_only`, `rsa_certificates`).

A connection is the trunk's when it leads to one of its `hosts`, by name or by address, or to an address of its
`sources`: carriers name such a one in the Contact of a call. Where several trunks share a host, it must do for all of
them. Connections that come to us need none of this: who calls says first what he speaks.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from mediasrv.config import Settings, TrunkSettings
from mediasrv.config.trunk import host_and_port
from mediasrv.endpoints.streams import TlsNeeds

TLS_1_2_ONLY, RSA_CERTIFICATES = "tls_1_2_only", "rsa_certificates"

Make = Callable[[TlsNeeds], ssl.SSLContext]


class TrunkTls:
    """A `ClientTowards`; every context is made at the start, so that files that are no use are found then."""

    def __init__(self, settings: Settings, make: Make) -> None:
        self._trunks = [(trunk, needs) for trunk in settings.trunks.values() if (needs := needs_of(trunk))]
        self.usual = make(TlsNeeds())
        self._contexts = {needs: make(needs) for _, needs in self._trunks}

    def __call__(self, to: tuple[str, int], name: str) -> ssl.SSLContext:
        wanted = [needs for trunk, needs in self._trunks if _leads_to(trunk, to[0], name)]
        return self._contexts[max(wanted, key=lambda needs: needs.rsa_only)] if wanted else self.usual


def needs_of(trunk: TrunkSettings) -> TlsNeeds | None:
    """None: nothing that others do not. RSA alone can only be had of 1.2, whose suites name it."""
    rsa_only = RSA_CERTIFICATES in trunk.quirks
    if not rsa_only and TLS_1_2_ONLY not in trunk.quirks:
        return None
    return TlsNeeds(ssl.TLSVersion.TLSv1_2, rsa_only)


def _leads_to(trunk: TrunkSettings, address: str, name: str) -> bool:
    hosts = {host_and_port(place)[0].lower() for place in trunk.hosts}
    return bool(hosts & {address, name.lower()}) or any(network.holds(address) for network in trunk.sources)
