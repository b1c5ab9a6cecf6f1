"""TLS for SIP (RFC 3261 section 26.3.1, RFC 5922): 1.2 at least, certificates from files, theirs checked where asked.

One certificate serves both directions: a proxy that calls us sees it as a server's, one that we call may ask for it.
Without an authority to check them by, a peer's certificate is not looked at: the line is private, but not proven.

Who calls us says first what he speaks, and what we have in common is found. Whom we call may be confused by more than
he knows, so that we say no more than he needs (`TlsNeeds`).
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RSA_SUITES = "ECDHE+AESGCM+aRSA:ECDHE+CHACHA20+aRSA:DHE+AESGCM+aRSA"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. `authority`: who vouches for peers; None: nobody. `mutual`: callers must prove who they are."""

    certificate: Path
    key: Path
    authority: Path | None = None
    mutual: bool = False


@dataclass(frozen=True, slots=True)
class TlsNeeds:
    """What a peer that we call must be met with: the newest version that it speaks, and RSA certificates alone."""

    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    rsa_only: bool = False


ANYTHING = TlsNeeds()


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For those who call us. Raises OSError (ssl.SSLError among them) for files that are no use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _fill(context, files)
    if files.mutual:
        context.verify_mode = ssl.CERT_REQUIRED
    elif files.authority:
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(files: TlsFiles, needs: TlsNeeds = ANYTHING) -> ssl.SSLContext:
    """For those whom we call: the certificate must name the host that was dialled, if it is looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if files.authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _fill(context, files)
    context.maximum_version = needs.newest
    if needs.rsa_only:  # the suites of 1.2 name the kind of certificate; those of 1.3 name none
        context.set_ciphers(RSA_SUITES)
    return context


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """Whom a peer's verified certificate names, in lower case: SIP domains and host names (RFC 5922 section 7.1).

    Python gives an empty one when it was not verified. The common name counts only where no other stands."""
    if not certificate:
        return frozenset()
    alternatives = certificate.get("subjectAltName", ())
    named = {name.lower().removeprefix("sip:") for kind, name in alternatives if kind in ("DNS", "URI")}
    if named:
        return frozenset(named)
    subject = (pair for relative in certificate.get("subject", ()) for pair in relative)
    return frozenset(name.lower() for kind, name in subject if kind == "commonName")


def _fill(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # what every carrier speaks
    context.load_cert_chain(files.certificate, files.key)
    if files.authority:
        context.load_verify_locations(files.authority)
