"""URIs (RFC 3261 section 19.1, RFC 3966): what a request is for, and whom a header names.

User parts and parameters are kept escaped, as they came: two spellings of one user are for the rooms above to
compare. A scheme that we do not know is kept whole, so that it can be answered (416) and echoed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote as percent_decode

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.syntax import (
    HOST,
    Parameters,
    harmless,
    host,
    number,
    parameter,
    parse_parameters,
    print_parameters,
)

DEFAULT_PORT = 5060
_ESCAPES = r"%[0-9A-Fa-f]{2}"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*):")
_SIP = re.compile(
    rf"(?:((?:[^@:%\s<>\"]|{_ESCAPES})*)(:(?:[^@:%\s<>\"]|{_ESCAPES})*)?@)?"  # user, password
    rf"({HOST})(?::([0-9]{{1,6}}))?"
    r"(;[^?\s<>\"]*)?(\?[^\s<>\"]*)?"
)
_OPAQUE = re.compile(r"[^\s<>\"]+")


@dataclass(frozen=True, slots=True)
class Uri:
    """`user` and `password` are as escaped as they came; `host` is empty outside sip and sips."""

    scheme: str
    user: str
    host: str
    port: int | None = None
    parameters: Parameters = ()
    headers: str = ""
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> Uri:
        return _parse(text)

    def __str__(self) -> str:
        if not self.host:
            return f"{self.scheme}:{self.user}{print_parameters(self.parameters)}"
        password = "" if self.password is None else f":{self.password}"
        user = f"{self.user}{password}@" if self.user or password else ""
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{print_parameters(self.parameters)}{headers}"

    @property
    def user_text(self) -> str:
        """The user part as a person would write it."""
        return harmless(percent_decode(self.user))

    def parameter(self, name: str) -> str | None:
        return parameter(self.parameters, name)


def bracketed(host: str) -> str:
    """As a URI writes it: an IPv6 address stands in brackets (section 25.1, IPv6reference)."""
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host


@lru_cache(512)  # every message of a dialog names the same ones
def _parse(text: str) -> Uri:
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise Malformed("URI without a scheme")
    name, rest = scheme.group(1).lower(), text[scheme.end() :]
    if name in ("sip", "sips"):
        return _parse_sip(name, rest)
    if _OPAQUE.fullmatch(rest) is None:
        raise Malformed(f"bad {name} URI")
    if name == "tel":
        subscriber, _, parameters = rest.partition(";")
        return Uri(name, subscriber, "", parameters=parse_parameters(parameters))
    return Uri(name, rest, "")


def _parse_sip(scheme: str, rest: str) -> Uri:
    found = _SIP.fullmatch(rest)
    if found is None:
        raise Malformed(f"bad {scheme} URI")
    user, password, name, port, parameters, headers = found.groups()
    return Uri(
        scheme,
        user or "",
        host(name),
        None if port is None else number(port, 65_535, "port"),
        parse_parameters(parameters or ""),
        (headers or "")[1:],
        password[1:] if password else None,
    )
