"""Why a request was sent: the Reason header (RFC 3326), with the causes of ISDN (Q.850) that carriers put there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.syntax import is_token, parameter, parse_parameters, quote, split

Q850 = "Q.850"
NORMAL_CLEARING, TEMPORARY_FAILURE = 16, 41
LARGEST_CAUSE = {"SIP": 699, Q850: 127}
# RFC 3398 section 8.2.6.1: what a telephone exchange calls our refusals.
Q850_OF_STATUS = {
    400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22, 413: 127,
    414: 127, 415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 480: 18, 481: 41, 482: 25, 483: 25, 484: 28,
    485: 1, 486: 17, 500: 41, 501: 79, 502: 38, 503: 41, 504: 102, 505: 127, 513: 127, 600: 17, 603: 21, 604: 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """`protocol` is "SIP" or "Q.850" (others are kept as they came); `cause` a number of that protocol's."""

    protocol: str
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, value: str) -> Reason:
        protocol, _, rest = value.partition(";")
        protocol = protocol.strip()
        if not is_token(protocol):
            raise Malformed("bad Reason")
        parameters = parse_parameters(rest)
        cause = parameter(parameters, "cause")
        return cls(protocol, _cause(protocol, cause), parameter(parameters, "text") or "")

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        return f"{self.protocol}{cause}" + (f";text={quote(self.text)}" if self.text else "")


def read_reasons(lines: Iterable[str]) -> tuple[Reason, ...]:
    """All reasons that can be read; the header is for information only, so what cannot be is left out."""
    reasons = []
    for line in lines:
        try:
            reasons += [Reason.parse(value) for value in split(line, ",")]
        except Malformed:
            continue
    return tuple(reasons)


def q850_cause(lines: Iterable[str]) -> int | None:
    """The number by which the telephone network knows why, where it is said."""
    return next((each.cause for each in read_reasons(lines) if each.protocol.upper() == Q850), None)


def _cause(protocol: str, text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 3:
        return None
    largest = LARGEST_CAUSE.get(protocol.upper())
    return None if largest is not None and int(text) > largest else int(text)
