"""What an operation brings, as JSON and back: the few kinds of things that providers and legs give to a call."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from mediasrv.conversation.tools import Prepared, ToolResult
from mediasrv.legs import CannotTransfer, Ending, HoldChanged, LegEnded
from mediasrv.providers.protocols import (
    ProviderError,
    SpeechChunk,
    TextDelta,
    ToolFragment,
    ToolRequest,
    Transcript,
    Usage,
)

STORED = 0  # zlib's form without its work: that saved a quarter of the room, and took 0.2 ms of the loop for each piece
VALUES: dict[str, type] = {
    each.__name__: each
    for each in (
        Ending, HoldChanged, Prepared, SpeechChunk, TextDelta, ToolFragment, ToolRequest, ToolResult, Transcript,
        Usage, bool, float,
    )
}  # fmt: skip


class CannotBeKept(Exception):
    """It is nothing that could be brought again."""


def kept(value: object) -> Any:
    """None stays None; anything else is its type's name and itself."""
    if value is None:
        return None
    if type(value).__name__ not in VALUES:
        raise CannotBeKept(type(value).__name__)
    if isinstance(value, SpeechChunk):
        value = replace(value, pcm=zlib.compress(value.pcm, STORED))
    return [type(value).__name__, msgspec.to_builtins(value)]


def brought(kept_value: Any) -> Any:
    if kept_value is None:
        return None
    name, value = kept_value
    found: Any = msgspec.convert(value, VALUES[name], strict=False)
    return replace(found, pcm=zlib.decompress(found.pcm)) if isinstance(found, SpeechChunk) else found


class SomeError(Exception):
    """Of a kind that no provider may raise, and one did."""


def kept_error(error: BaseException) -> Any:
    match error:
        case ProviderError():
            return ["provider", error.provider, error.problem, error.retryable, error.retry_after_s]
        case LegEnded():
            return ["leg", error.why.value]
        case CannotTransfer():
            return ["transfer", str(error)]
        case BaseExceptionGroup():
            return ["group", *[kept_error(each) for each in error.exceptions]]
        case _:
            return ["other", f"{type(error).__name__}: {error}"]


ERRORS: dict[str, Callable[..., BaseException]] = {
    "provider": lambda provider, problem, retryable, after_s: ProviderError(
        provider, problem, retryable=retryable, retry_after_s=after_s
    ),
    "leg": lambda why: LegEnded(Ending(why)),
    "transfer": CannotTransfer,
    "group": lambda *errors: ExceptionGroup("as it was", [_plain(brought_error(each)) for each in errors]),
    "other": SomeError,
}


def brought_error(kept_value: Any) -> BaseException:
    kind, *rest = kept_value
    return ERRORS[kind](*rest)


def _plain(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else SomeError(repr(error))
