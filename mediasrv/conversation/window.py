"""How much of a conversation a language model is told: the newest of it, in whole exchanges.

What a request says is paid for with each request, read before the first word of the reply, and bounded by the model. So
the oldest exchanges of a long call are left out. An exchange is the question, the tool calls with their results and the
reply: cut between two of them, no call is without its result.

A provider keeps what it has read, as long as the next request begins in the same way. A window that slid on with each
turn would begin otherwise each time. So it goes in steps: once it is full, a quarter of it is left out together, and
then nothing until that has filled again. How much is left out follows from the sizes alone; nothing is remembered.

An exchange whose tool still runs is told though it is older: its result would be of no use to a model that does not
know who asked for it. That is bounded too, by a quarter of the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from mediasrv.providers.protocols import Message

BYTES_A_TOKEN = 4  # of UTF-8: a letter of English, or a third of a letter elsewhere
TOKENS_A_MESSAGE = 4  # for its role, and its ends
STEPS = 4  # a window is left out by so many parts


class HistoryWindow(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request holds at most, besides the prompt and what still waits; an hour of talk is well within it."""

    turns: Annotated[int, Meta(ge=1)] = 400
    tokens: Annotated[int, Meta(ge=200)] = 24_000  # estimated by the length of the text


def estimated_tokens(messages: Iterable[Message]) -> int:
    return sum(TOKENS_A_MESSAGE + _bytes(message) // BYTES_A_TOKEN for message in messages)


def _bytes(message: Message) -> int:
    calls = sum(len(call.name) + len(str(dict(call.arguments)).encode()) for call in message.tool_calls)
    return len(message.text.encode()) + calls


def left_out(window: HistoryWindow, sizes: Sequence[int]) -> int:
    """How many exchanges of these sizes (in tokens, the oldest first) are not told; the newest always is."""
    count = _in_steps(len(sizes) - window.turns, window.turns)
    tokens, over = sum(sizes[:count]), _in_steps(sum(sizes) - window.tokens, window.tokens)
    while tokens < over and count < len(sizes):
        tokens, count = tokens + sizes[count], count + 1
    return max(0, min(count, len(sizes) - 1))


def still_told(window: HistoryWindow, sizes: Sequence[int], waiting: Sequence[int]) -> list[int]:
    """Of the exchanges at `waiting`, left out with a tool that still runs: the newest, as many as one step holds.

    At least one; not all, for there may be tools that never end.
    """
    kept: list[int] = []
    tokens = 0
    for place in reversed(waiting):
        tokens += sizes[place]
        if kept and (len(kept) >= window.turns // STEPS or tokens > window.tokens // STEPS):
            break
        kept.append(place)
    return kept[::-1]


def _in_steps(over: int, whole: int) -> int:
    """As much as must be left out, rounded up to whole steps."""
    step = max(1, whole // STEPS)
    return -(-over // step) * step if over > 0 else 0
