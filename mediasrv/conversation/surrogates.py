"""Halves of letters: what JSON can carry, and no text in UTF-8 can hold.

A letter beyond U+FFFF stands in JSON as two escapes, a high and a low surrogate (RFC 8259, section 7), and nothing
there forbids one of them alone; a model that writes token by token may end a piece between the two. In a string such a
half goes unseen, until something writes it down: the next request, a turn's record, a log. That fails then, far from
whoever sent it.

So text is mended where it comes in: halves that belong together are joined, also over two pieces, and one that is alone
becomes U+FFFD, as a decoder does it with bytes that are no letter (the Unicode Standard, section 3.9).
"""

from __future__ import annotations

from collections.abc import Mapping

from mediasrv.providers.protocols import ToolCall


def mended(text: str) -> str:
    """The same text, which UTF-8 can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def mended_value(value: object) -> object:
    """The same for all text in what was JSON."""
    match value:
        case str():
            return mended(value)
        case Mapping():
            return {mended(str(name)): mended_value(each) for name, each in value.items()}
        case list() | tuple():
            return [mended_value(each) for each in value]
    return value


def mended_call(call: ToolCall) -> ToolCall:
    arguments = {mended(str(name)): mended_value(each) for name, each in call.arguments.items()}
    return ToolCall(mended(call.id), mended(call.name), arguments)


class PieceMender:
    """Mends a text that comes in pieces; half a letter at the end of one waits for the next."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, piece: str) -> str:
        text, self._half = self._half + piece, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return mended(text)

    def close(self) -> str:
        """What still waited."""
        half, self._half = self._half, ""
        return mended(half)
