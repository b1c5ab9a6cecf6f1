"""Datagrams to messages (RFC 3261 sections 7 and 18.3, RFC 4475).

Strict where two readings would differ (numbers, duplicated single headers, the start line), tolerant where
a message can mean only one thing (bare LF, odd spacing around colons, folding, lower-case names). What
fails is `Malformed`; when enough of a broken *request* can be read to answer it, the exception is
`MalformedRequest` and carries the headers that the answer has to copy.
"""

from __future__ import annotations

import re

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import (
    CALL_ID,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    TO,
    VIA,
)
from mediasrv.sip.grammar.headers import WELL_KNOWN, Headers
from mediasrv.sip.grammar.message import VERSION, Message, Request, Response
from mediasrv.sip.grammar.syntax import is_token
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.limits import Limits

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\n[ \t]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# The one place where the grammar has control characters: escaped by a backslash, in a quoted string (section 25.1).
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"')
_STATUS = re.compile(r"(SIP/[0-9]+\.[0-9]+) ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)


class MalformedRequest(Malformed):
    """A request that is wrong, but can be answered."""

    def __init__(self, cause: Malformed, method: str, headers: Headers) -> None:
        self.method, self.headers = method, headers
        super().__init__(cause.problem, cause.status)


def parse(data: bytes, limits: Limits) -> Message:
    """Reads one datagram, leading line ends allowed (section 7.5); raises Malformed, nothing else."""
    data = data.lstrip(b"\r\n")
    head, body, complete = _split_head(data, limits)
    text, sound = _decode(head)
    start_line, *lines = text.split("\n")
    headers, wrong = _parse_lines(lines, limits)
    status = _STATUS.fullmatch(start_line)
    if status:
        if wrong or not sound or not complete:
            raise wrong or Malformed("truncated or not UTF-8")
        return _parse_response(status, headers, body, limits)
    method = start_line.partition(" ")[0]
    if not is_token(method):
        raise Malformed("neither a request nor a response")
    try:
        if len(data) > limits.message_bytes:
            raise Malformed("message too large", 513)
        if wrong or not sound or not complete:
            raise wrong or Malformed("truncated, or not clean UTF-8")
        return _parse_request(start_line, headers, body, limits)
    except Malformed as error:
        raise MalformedRequest(error, method, headers) from None


def _split_head(data: bytes, limits: Limits) -> tuple[bytes, bytes, bool]:
    end = data.find(b"\r\n\r\n", 0, limits.message_bytes)
    if end >= 0:
        return data[:end], data[end + 4 :], True
    blank = _BLANK_LINE.search(data, 0, limits.message_bytes)
    if blank:
        return data[: blank.start()], data[blank.end() :], True
    return data[: limits.message_bytes], b"", False


def _decode(head: bytes) -> tuple[str, bool]:
    """Unfolded text with bare line feeds, and whether it was sound; if not, it can be echoed without harm."""
    try:
        text, sound = head.decode(), True
    except UnicodeDecodeError:
        text, sound = head.decode("utf-8", "surrogateescape"), False
    text = text.replace("\r\n", "\n")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    if _CONTROL.search(text) and _CONTROL.search(_QUOTED.sub("", text)):
        return _CONTROL.sub(" ", text), False
    return text, sound


def _parse_lines(lines: list[str], limits: Limits) -> tuple[Headers, Malformed | None]:
    """The headers that can be read, and what is wrong with the first that cannot."""
    wrong = Malformed("too many headers") if len(lines) > limits.headers else None
    pairs = []
    for line in lines[: limits.headers]:
        name, colon, value = line.partition(":")
        if name not in WELL_KNOWN:
            name = name.rstrip(" \t")
        if not colon or not (name in WELL_KNOWN or is_token(name)):
            wrong = wrong or Malformed("a line that is no header")
        elif len(line) > limits.line_bytes:
            wrong = wrong or Malformed("header too long")
        else:
            pairs.append((name, value.strip(" \t")))
    return Headers(pairs), wrong


def _parse_request(start_line: str, headers: Headers, body: bytes, limits: Limits) -> Request:
    parts = start_line.split(" ")
    if _VERSION.fullmatch(parts[-1]) and parts[-1].upper() != VERSION:
        raise Malformed("version not supported", 505)
    if len(parts) != 3 or parts[2].upper() != VERSION:
        raise Malformed("bad request line")
    method, uri, _ = parts
    if len(uri) > limits.uri_bytes:
        raise Malformed("Request-URI too long", 414)
    _check_essentials(headers, limits)
    headers.get(MAX_FORWARDS)
    if headers.require(CSEQ).method != method:
        raise Malformed("CSeq names another method")
    target = Uri.parse(uri)
    if target.headers:  # section 19.1.1: somebody else's Route or body has no business there
        raise Malformed("headers in the Request-URI")
    return Request(method, target, headers, _body(headers, body))


def _parse_response(status: re.Match[str], headers: Headers, body: bytes, limits: Limits) -> Response:
    version, code, reason = status.groups()
    if version.upper() != VERSION:
        raise Malformed("version not supported", 505)
    _check_essentials(headers, limits)
    return Response(int(code), reason or "", headers, _body(headers, body))


def _check_essentials(headers: Headers, limits: Limits) -> None:
    """Section 8.1.1: what every message must carry, once and readable."""
    if headers.first(VIA) is None:
        raise Malformed("no Via")
    if len(headers.values("Via")) > limits.vias:
        raise Malformed("too many Vias")
    headers.require(FROM)
    headers.require(TO)
    headers.require(CALL_ID)
    headers.require(CSEQ)
    headers.get(CONTENT_TYPE)


def _body(headers: Headers, rest: bytes) -> bytes:
    """Section 18.3: over UDP no length means all that is left; what goes beyond the length is dropped."""
    length = headers.get(CONTENT_LENGTH)
    if length is None:
        return rest
    if length > len(rest):
        raise Malformed("body shorter than Content-Length")
    return rest[:length]
