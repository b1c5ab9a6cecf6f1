"""What has been said, as the language model is told it: only what was heard, and always well formed.

Well formed means that each tool call has exactly one result, at any time. A call whose tool is still running, or
waits until the caller has heard of it, has a result that says so and that is replaced when the real one comes.

All of it is kept; what a model is told is bounded (`window`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mediasrv.conversation.window import HistoryWindow, estimated_tokens, left_out, still_told
from mediasrv.errors import LocalError
from mediasrv.providers.protocols import Message, ToolCall

PENDING = '{"status": "still running"}'


@dataclass(slots=True)
class _Exchange:
    """What one turn adds: the caller's words, tool calls with their results, and what was heard of the reply."""

    turn: int
    asked: str
    steps: list[Message] = field(default_factory=list)
    heard: str = ""
    interrupted: bool = False
    draft: bool = False  # on a guess of what will be asked

    def messages(self) -> list[Message]:
        said = [Message("user", self.asked)] if self.asked else []
        reply = [Message("assistant", self.heard, interrupted=self.interrupted)] if self._replied() else []
        return [*said, *self.steps, *reply]

    def awaits_tools(self) -> bool:
        """A result is still to come, and of no use to a model that does not know who asked for it."""
        return any(step.role == "tool" and step.text == PENDING for step in self.steps)

    def _replied(self) -> bool:
        return bool(self.heard) or self.interrupted


class History:
    """One call's conversation; each turn opens its exchange, and settles it when it ends."""

    def __init__(self, system: str = "", window: HistoryWindow | None = None) -> None:
        self._system, self._window = system, window or HistoryWindow()
        self._exchanges: list[_Exchange] = []
        self._call_ids: set[str] = set()

    def open(self, turn: int, asked: str, *, draft: bool = False) -> None:
        """A draft is for its own turn only, until it is promoted."""
        if self._exchanges and self._exchanges[-1].turn >= turn:
            raise LocalError(f"turn {turn} opened after turn {self._exchanges[-1].turn}")
        self._exchanges.append(_Exchange(turn, asked, draft=draft))

    def promote(self, turn: int) -> None:
        self._of(turn).draft = False

    def reword(self, turn: int, asked: str) -> None:
        """What was asked, as it is understood by now."""
        self._of(turn).asked = asked

    def called(self, turn: int, text: str, calls: Sequence[ToolCall]) -> list[ToolCall]:
        """The model asked for tools: every call gets its result at once, for now that it is running.

        Returns the calls as they are known from now on: a model may number them alike in each request, or not at all.
        """
        calls = [replace(call, id=self._unused(call.id)) for call in calls]
        steps = self._of(turn).steps
        steps.append(Message("assistant", text, tool_calls=tuple(calls)))
        steps.extend(Message("tool", PENDING, tool_call_id=call.id) for call in calls)
        return calls

    def resolve(self, call_id: str, result: str) -> bool:
        """The tool's result, however late; False when its exchange was dropped."""
        for exchange in reversed(self._exchanges):
            for k, message in enumerate(exchange.steps):
                if message.role == "tool" and message.tool_call_id == call_id:
                    exchange.steps[k] = replace(message, text=result)
                    return True
        return False

    def settle(self, turn: int, heard: str, *, interrupted: bool) -> None:
        exchange = self._of(turn)
        if exchange.draft:  # nobody has asked for it
            self._exchanges.remove(exchange)
            return
        exchange.heard, exchange.interrupted = heard, interrupted
        # what the model wrote beside its tool calls is part of `heard`, as far as it was heard
        exchange.steps = [replace(m, text="") if m.role == "assistant" else m for m in exchange.steps]
        if not exchange.messages():
            self._exchanges.remove(exchange)

    def drop(self, turn: int) -> bool:
        """Takes a turn back whose question will be asked again; not one that was heard or has acted."""
        exchange = self._of(turn)
        if exchange.heard or exchange.steps:
            return False
        self._exchanges.remove(exchange)
        return True

    def messages(self, turn: int = 0) -> list[Message]:
        """As much as the window holds; what a draft asks is told to its own `turn` only."""
        told = [exchange for exchange in self._exchanges if exchange.turn == turn or not exchange.draft]
        messages = [exchange.messages() for exchange in told]
        sizes = [estimated_tokens(exchange) for exchange in messages]
        cut = left_out(self._window, sizes)
        waiting = still_told(self._window, sizes, [k for k in range(cut) if told[k].awaits_tools()])
        kept = [messages[k] for k in waiting] + messages[cut:]
        return self._prompt(cut - len(waiting)) + [message for exchange in kept for message in exchange]

    def _prompt(self, missing: int) -> list[Message]:
        """Always there, and the first and only message of its kind: some models refuse another."""
        gap = f"(What was said first in this call is left out here: {missing} exchanges.)" if missing else ""
        text = "\n\n".join(part for part in (self._system, gap) if part)
        return [Message("system", text)] if text else []

    def last_heard(self) -> str:
        """What the caller heard last, of whatever was said to them."""
        return next((exchange.heard for exchange in reversed(self._exchanges) if exchange.heard), "")

    def _unused(self, call_id: str) -> str:
        """The same id, or one made of it that no call of this history has."""
        unused, count = call_id, len(self._call_ids)
        while not unused or unused in self._call_ids:
            count += 1
            unused = f"{call_id or 'call'}-{count}"
        self._call_ids.add(unused)
        return unused

    def _of(self, turn: int) -> _Exchange:
        for exchange in reversed(self._exchanges):
            if exchange.turn == turn:
                return exchange
        raise LocalError(f"turn {turn} is not in the history")


def malformed(messages: Sequence[Message]) -> list[str]:
    """What is wrong with a history; nothing, if it may be sent to a language model."""
    wrong: list[str] = []
    open_calls: list[str] = []
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id in open_calls:
                open_calls.remove(message.tool_call_id)
            else:
                wrong.append(f"result without a call: {message.tool_call_id}")
            continue
        wrong.extend(f"call without a result: {call_id}" for call_id in open_calls)
        open_calls = [call.id for call in message.tool_calls]
    wrong.extend(f"call without a result: {call_id}" for call_id in open_calls)
    return wrong
