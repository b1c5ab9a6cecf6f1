"""What the conversation asks of a provider: one small protocol per kind.

Every adapter streams, may be cancelled at any await, leaves nothing behind when its context ends, and raises only
`ProviderError`. A generator holds neither a nursery nor a cancel scope across a `yield`: whoever consumes it has scopes
of his own around each piece, and they would not nest.

Times inside results are milliseconds from the start of the stream they belong to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, runtime_checkable

from mediasrv.audio import EarsChunk
from mediasrv.errors import MediasrvError


class ProviderError(MediasrvError):
    """A provider failed: slow, gone or talking nonsense. `retryable`: the same request may succeed later.

    `retry_after_s`: not before so long, it said.
    """

    def __init__(
        self, provider: str, problem: str, *, retryable: bool, retry_after_s: float | None = None
    ) -> None:
        # its words may be half a letter, out of JSON, and are written down wherever this is told
        problem = problem.encode(errors="replace").decode()
        self.provider, self.problem, self.retryable = provider, problem, retryable
        self.retry_after_s = retry_after_s
        super().__init__(f"{provider}: {problem}")


@dataclass(frozen=True, slots=True)
class Waits:
    """How long it may take, at most: until the first piece of an answer, and between two of them.

    Infinite: it need not be watched, and fails by itself when nothing will come.
    """

    first_s: float = 0.0
    next_s: float = 0.0


@runtime_checkable
class Several(Protocol):
    """A provider that is several: who gives it up before it has asked them all is never told of the next one."""

    waits: Waits


def waits_of(provider: object) -> Waits:
    """Of one that is not several nothing is known, and any limit will do."""
    return provider.waits if isinstance(provider, Several) else Waits()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request used, for the bill."""

    provider: str
    model: str
    units: Mapping[str, int] = field(default_factory=dict)  # "input_tokens", "characters", "audio_ms" ...
    cost_usd: Decimal = Decimal(0)
    in_vain: bool = False  # the provider failed, and another had to do the same again
    estimated: bool = False  # the provider did not say: it was left before, or never does


# The text of a transcript where speech was heard and the recogniser will not guess what it was: to be asked again.
UNCLEAR = "(unclear)"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard: a partial may be revised by the next one; a final closes an utterance.

    Without text it says that there are no words in it: a sign that somebody listens, and no news of the caller.
    """

    text: str
    final: bool
    confidence: float
    start_ms: float
    end_ms: float
    language: str = "en"


class SttStream(Protocol):
    async def push(self, chunk: EarsChunk) -> None:
        """Hands audio over; waits while the provider is behind."""

    async def next(self) -> Transcript: ...

    def used(self) -> Sequence[Usage]:
        """What was used since this was last asked; also when the stream is over."""


class SpeechToText(Protocol):
    name: str
    words_after_ms: (
        float  # as a rule, from a word's end until a partial tells it; infinite: none tells it in time
    )

    def open(self, language: str) -> AbstractAsyncContextManager[SttStream]: ...


@dataclass(frozen=True, slots=True)
class Message:
    role: str  # "system" | "user" | "assistant" | "tool"
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolFragment:
    """Of a tool call that is being written: a sign of life, and nothing to act on."""

    text: str


LlmDelta = TextDelta | ToolFragment | ToolRequest | Usage


def says_something(delta: LlmDelta) -> bool:
    """Blanks are no sign of life."""
    return not isinstance(delta, TextDelta) or bool(delta.text.strip())


@dataclass(frozen=True, slots=True)
class LlmRequest:
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, object]] = ()  # JSON-schema function descriptions
    max_tokens: int = 400
    temperature: float = 0.7
    may_be_silent: bool = False  # what a tool has done, or will do, may be all that there is to say


class LanguageModel(Protocol):
    name: str

    def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Text as it is written, tool calls when complete, usage last; fragments of a call that is being written.

        Close it with `aclosing`."""


@runtime_checkable
class Estimates(Protocol):
    """A model that can guess what a request has used, when nobody tells."""

    def estimate(self, request: LlmRequest, written: str) -> Usage | None:
        """By the length of what was asked and of what was `written`; None: nothing that is charged."""


@dataclass(frozen=True, slots=True)
class WordTime:
    """A word of the text and where its sound lies, in milliseconds from the start of the passage."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    pcm: bytes
    rate_hz: int
    words: tuple[WordTime, ...] = ()
    usage: Usage | None = None
    speaker: str = ""  # whose voice it is, where one stands for several
    # Here another voice goes on, from this word of the text (0: the first). Words that were told before, and have not
    # begun to sound by now, never will.
    from_word: int | None = None


class TextToSpeech(Protocol):
    name: str

    def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        """One passage, as sound; what it costs with the first of it, because that is paid however soon it is left.

        Close it with `aclosing`."""


class EndOfTurn(Protocol):
    """Says whether the caller has finished, beside the rule that is always there (`conversation.words`).

    Asked about what was said in parallel with the pause that is waited for anyway, so that a slow or failing model
    costs nothing but its opinion.
    """

    name: str

    async def finished(self, said: str, before: Sequence[Message]) -> float:
        """How likely it is, from 0 to 1, that a caller who said this after `before` expects an answer now."""
