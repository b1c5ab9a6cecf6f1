"""Requests and responses: frozen, and printed by `build`. Reading them from bytes is parse.py's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mediasrv.errors import LocalError
from mediasrv.sip.grammar.fields import CALL_ID, CONTENT_TYPE, CSEQ, FROM, TO, VIA, CSeq, NameAddr, Via
from mediasrv.sip.grammar.headers import Headers, key_of
from mediasrv.sip.grammar.uri import Uri

VERSION = "SIP/2.0"
SDP = "application/sdp"
DialogKey = tuple[str, str, str]  # Call-ID, our tag, their tag (section 12)

# Sections 21.1 to 21.6, and the RFCs that the core itself answers by.
PHRASES = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    200: "OK", 202: "Accepted", 300: "Multiple Choices", 301: "Moved Permanently",
    302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service", 400: "Bad Request",
    401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
    430: "Flow Failed", 439: "First Hop Lacks Outbound Support",
    469: "Bad Info Package", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
    493: "Undecipherable", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported",
    513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}  # fmt: skip


def phrase(status: int) -> str:
    return PHRASES.get(status, "Unknown")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. Of a request that parse.py let through, no property here raises."""

    method: str
    uri: Uri
    headers: Headers
    body: bytes = b""

    @property
    def via(self) -> Via:
        return top_via(self.headers)

    @property
    def from_(self) -> NameAddr:
        return self.headers.require(FROM)

    @property
    def to(self) -> NameAddr:
        return self.headers.require(TO)

    @property
    def call_id(self) -> str:
        return self.headers.require(CALL_ID)

    @property
    def cseq(self) -> CSeq:
        return self.headers.require(CSEQ)

    @property
    def content_type(self) -> str:
        """In lower case, without parameters; "" when there is none."""
        return self.headers.get(CONTENT_TYPE) or ""

    @property
    def sdp(self) -> bytes:
        """The body, when it is a session description."""
        return self.body if self.content_type == SDP else b""

    @property
    def dialog_key(self) -> DialogKey:
        """The dialog this request of the peer's belongs to, or would open."""
        return self.call_id, self.to.tag, self.from_.tag

    def build(self) -> bytes:
        return _build(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What came of it. Of a response that parse.py let through, no property here raises."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    @property
    def via(self) -> Via:
        return top_via(self.headers)

    @property
    def to(self) -> NameAddr:
        return self.headers.require(TO)

    @property
    def cseq(self) -> CSeq:
        return self.headers.require(CSEQ)

    @property
    def dialog_key(self) -> DialogKey:
        """The dialog this response to a request of ours belongs to."""
        return self.headers.require(CALL_ID), self.headers.require(FROM).tag, self.to.tag

    @property
    def sdp(self) -> bytes:
        """The body, when it is a session description."""
        return self.body if self.headers.get(CONTENT_TYPE) == SDP else b""

    @property
    def kind(self) -> Literal["provisional", "success", "failure"]:
        if self.status < 200:
            return "provisional"
        return "success" if self.status < 300 else "failure"

    def build(self) -> bytes:
        return _build(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


def top_via(headers: Headers) -> Via:
    via = headers.first(VIA)
    if via is None:
        raise LocalError("a message without Via was let through")
    return via


def _build(start_line: str, headers: Headers, body: bytes) -> bytes:
    lines = [start_line]
    lines += [f"{name}: {value}" for name, value in headers if key_of(name) != "content-length"]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    head = "\r\n".join(lines)
    # A line break inside a value would let whoever chose it write headers of his own.
    if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
        raise LocalError("line break inside a header")
    return head.encode("utf-8", "surrogateescape") + body
