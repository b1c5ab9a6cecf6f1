"""What else is told in an INVITE of ours: X- headers, and User-to-User (RFC 7433).

Whoever has a call made may say what he likes in them, as long as it is one line of plain text. Of a call that goes on,
because its caller is connected with somebody, they go along only over a trunk whose profile says that it passes them:
to everybody else they are our own affair, and might tell one carrier what another one wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mediasrv.config import TrunkSettings

HEADERS_MAX = 16
PASSES = "passes_user_to_user"
_NAME = re.compile(r"X-[A-Za-z0-9\-.!%*_+`'~]{1,62}|User-to-User", re.IGNORECASE)
_VALUE = re.compile(r"[\x20-\x7e]{1,512}")


def checked(headers: Mapping[object, object]) -> dict[str, str]:
    """As they were asked for; ValueError says what cannot be told."""
    if len(headers) > HEADERS_MAX:
        raise ValueError(f"no more than {HEADERS_MAX} headers")
    for name, value in headers.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r}: only X- headers and User-to-User can be told")
        if not isinstance(value, str) or _VALUE.fullmatch(value) is None:
            raise ValueError(f"{name}: one line of plain text, of 512 characters at most")
    return {str(name): str(value) for name, value in headers.items()}


def passed_on(headers: Mapping[str, str], trunk: TrunkSettings) -> dict[str, str]:
    """Of a caller's headers, those that who is called over that trunk is told."""
    if PASSES not in trunk.quirks:
        return {}
    fitting = [
        (name, value) for name, value in headers.items() if _NAME.fullmatch(name) and _VALUE.fullmatch(value)
    ]
    return dict(fitting[:HEADERS_MAX])
