"""What an HTTP status means to whoever asked: whether to ask again, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mediasrv.providers.protocols import ProviderError

WORDS_MAX = 200
LATER = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529))
RETRY_AFTER_MAX_S = 3_600.0


def refusal(provider: str, status: int, retry_after: str = "", body: bytes = b"") -> ProviderError:
    """The error that a status above 399 is."""
    words = said(body)
    if status in (401, 403):
        words = f"the key was refused: {words}" if words else "the key was refused"
    problem = f"HTTP {status}: {words}" if words else f"HTTP {status}"
    return ProviderError(
        provider, problem, retryable=status in LATER, retry_after_s=retry_after_s(retry_after)
    )


def said(body: bytes) -> str:
    """The message in an error's body, cut to what fits into a line; providers put it in many places."""
    try:
        found = _message(json.loads(body))
    except (ValueError, RecursionError):
        found = body.decode("utf-8", "replace")
    return " ".join(found.split())[:WORDS_MAX]


def _message(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _message(value[0]) if value else ""
    if isinstance(value, dict):
        for key in ("message", "err_msg", "detail", "error", "msg", "reason"):
            if value.get(key):
                return _message(value[key])
    return ""


def retry_after_s(text: str) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date."""
    text = text.strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S) if seconds == seconds else None
