"""Headers that the core itself understands, as values: Via, From and its kin, CSeq and the small ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.headers import Field, Headers
from mediasrv.sip.grammar.syntax import (
    HOST,
    QUOTED,
    Parameters,
    host,
    is_token,
    number,
    parameter,
    parse_parameters,
    print_parameters,
    quote,
    unquote,
)
from mediasrv.sip.grammar.uri import DEFAULT_PORT, Uri

MAGIC_COOKIE = "z9hG4bK"  # section 8.1.1.7: a branch that begins so is unique
LARGEST_CSEQ = 2**31 - 1  # section 8.1.1.5
LARGEST_MAX_FORWARDS = 255
LARGEST_DELTA_S = 2**32 - 1
_VIA = re.compile(
    rf"([^\s/;]+)\s*/\s*([^\s/;]+)\s*/\s*([^\s/;]+)\s+({HOST})(?:\s*:\s*([0-9]{{1,6}}))?\s*(;.*)?", re.DOTALL
)
_GAP = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*"|;(?![ \t]*;))*;[ \t]*;', re.DOTALL)
_CALL_ID = re.compile(r"[^\s@]+(?:@[^\s@]+)?")


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of the way back (sections 18.1.1 and 20.42)."""

    transport: str
    host: str
    port: int | None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        found = _VIA.fullmatch(text.strip())
        if found is None:
            raise Malformed("bad Via")
        protocol, version, transport, name, port, parameters = found.groups()
        if (protocol.upper(), version) != ("SIP", "2.0") or not is_token(transport):
            raise Malformed("bad protocol in Via")
        return cls(
            transport.upper(),
            host(name),
            None if port is None else number(port, 65_535, "port in Via"),
            parse_parameters(parameters or ""),
        )

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{print_parameters(self.parameters)}"

    @property
    def branch(self) -> str:
        return parameter(self.parameters, "branch") or ""

    @property
    def sent_by(self) -> tuple[str, int]:
        return self.host, DEFAULT_PORT if self.port is None else self.port

    def seen_from(self, host: str, port: int) -> Via:
        """The Via as a server hands it back, with where it really came from (18.2.1, RFC 3581 section 4)."""
        asked = parameter(self.parameters, "rport") is not None
        kept = tuple(pair for pair in self.parameters if pair[0] not in ("received", "rport"))
        if asked:
            kept = (*kept, ("rport", str(port)))
        if asked or host != self.host.strip("[]"):
            kept = (*kept, ("received", host))
        return Via(self.transport, self.host, self.port, kept)

    def reply_port(self, source_port: int) -> int:
        """Where responses go: the very port with rport, else the one that was announced (18.2.2)."""
        asked = parameter(self.parameters, "rport") is not None
        return source_port if asked else self.sent_by[1]


@dataclass(frozen=True, slots=True)
class NameAddr:
    """From, To, Contact, Route, Record-Route: a URI, perhaps a name for people, parameters of the header."""

    uri: Uri
    display: str = ""
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        text = text.strip()
        display, rest = _take_display(text)
        if not rest.startswith("<"):
            # Section 20.10: without brackets, parameters are the header's, and the URI can have none.
            uri, _, parameters = text.partition(";")
            if any(character in uri for character in ",?"):
                raise Malformed("URI needs angle brackets")
            return cls(Uri.parse(uri.strip()), "", parse_parameters(parameters))
        uri, closed, parameters = rest[1:].partition(">")
        parameters = parameters.strip()
        if not closed or (parameters and not parameters.startswith(";")):
            raise Malformed("bad name-addr")
        if _GAP.match(parameters):  # RFC 4475 section 3.1.2.1
            raise Malformed("a parameter is missing")
        return cls(Uri.parse(uri), display, parse_parameters(parameters))

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{print_parameters(self.parameters)}"

    @property
    def tag(self) -> str:
        return parameter(self.parameters, "tag") or ""

    def tagged(self, tag: str) -> NameAddr:
        others = (pair for pair in self.parameters if pair[0] != "tag")
        return NameAddr(self.uri, self.display, (*others, ("tag", tag)))


def _take_display(text: str) -> tuple[str, str]:
    quoted = QUOTED.match(text)
    if quoted:
        return unquote(quoted.group()), text[quoted.end() :].lstrip()
    if text.startswith('"'):
        raise Malformed("unbalanced quote")
    display, bracket, rest = text.partition("<")
    return (display.strip(), bracket + rest) if bracket else ("", text)


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        parts = text.split()
        if len(parts) != 2 or not is_token(parts[1]):
            raise Malformed("bad CSeq")
        return cls(number(parts[0], LARGEST_CSEQ, "CSeq"), parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def _parse_call_id(text: str) -> str:
    text = text.strip()
    if _CALL_ID.fullmatch(text) is None:
        raise Malformed("bad Call-ID")
    return text


def _parse_media_type(text: str) -> str:
    """The type alone, in lower case: `application/sdp`."""
    kind, slash, subtype = text.partition(";")[0].partition("/")
    kind, subtype = kind.strip().lower(), subtype.strip().lower()
    if not slash or not is_token(kind) or not is_token(subtype):
        raise Malformed("bad Content-Type")
    return f"{kind}/{subtype}"


def _parse_token(text: str) -> str:
    text = text.strip()
    if not is_token(text):
        raise Malformed("not a token")
    return text.lower()


def tokens(headers: Headers, name: str) -> frozenset[str]:
    """The words of a header that is a list of tokens (Allow, Supported); what is none matches none and does no harm."""
    words = (word.strip().lower() for line in headers.texts(name) for word in line.split(","))
    return frozenset(word for word in words if word)


def read_retry_after_s(headers: Headers) -> float | None:
    """Section 20.33, comment and duration aside; nonsense is no wish."""
    text = (headers.text("Retry-After") or "").partition("(")[0].partition(";")[0].strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def _bounded(what: str, largest: int) -> Field[int]:
    return Field(what, lambda text: number(text, largest, what))


VIA = Field("Via", Via.parse)
FROM = Field("From", NameAddr.parse)
TO = Field("To", NameAddr.parse)
CONTACT = Field("Contact", NameAddr.parse)
ROUTE = Field("Route", NameAddr.parse)
RECORD_ROUTE = Field("Record-Route", NameAddr.parse)
CALL_ID = Field("Call-ID", _parse_call_id)
CSEQ = Field("CSeq", CSeq.parse)
CONTENT_TYPE = Field("Content-Type", _parse_media_type)
REQUIRE = Field("Require", _parse_token)
SUPPORTED = Field("Supported", _parse_token)
MAX_FORWARDS = _bounded("Max-Forwards", LARGEST_MAX_FORWARDS)
CONTENT_LENGTH = _bounded("Content-Length", 2**31 - 1)
EXPIRES = _bounded("Expires", LARGEST_DELTA_S)
