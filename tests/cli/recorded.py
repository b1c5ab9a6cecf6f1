"""The calls whose records lie in `records/`: `python -m tests.cli.recorded` writes them again.

The same but for the order of entries that have the same time.

Two callers of a scripted agent, in virtual time. `desk` is asked, interrupted, coughed at, kept waiting by a slow tool
and then by a model that fails; `ahead` has its reply begun before the caller has finished, rightly and wrongly, and is
added to. Prices are invented, and as large as those that are charged.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import trio
import trio.testing

from mediasrv.call import CallSettings
from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.call.scripted_agent import scripted_agent
from mediasrv.call.settings import Speculation
from mediasrv.providers.protocols import (
    LanguageModel,
    LlmDelta,
    LlmRequest,
    SpeechChunk,
    TextToSpeech,
    Usage,
)
from mediasrv.providers.registry import Providers, scripted
from mediasrv.providers.script import parse_script
from tests.call.conversing import Outcome, converse

RECORDS = Path(__file__).with_name("records")
DESK = """
[voice]
kind = "tone"
[model]
first_token_ms = 250
[[hears]]
text = "what do you have on Monday"
[[hears]]
text = "no wait I mean Tuesday"
[[hears]]
text = "right"
[[hears]]
text = "please book it for two"
[[hears]]
text = "and what does it cost"
[[hears]]
text = "thank you"
[[reply]]
hears = ["on monday"]
text = "On Monday there is a table at eight, by the window, and another at nine, near the door."
[[reply]]
hears = ["tuesday"]
text = "On Tuesday there is one at seven, and one at half past eight, both by the window."
[[reply]]
hears = ["book"]
tools = [{ name = "book" }]
then = "I have booked it."
[[reply]]
hears = ["thank"]
text = "You are welcome."
[[tool]]
name = "book"
takes_ms = 2200
result = "booked"
[[fault]]
of = "llm"
request = 5
"""
AHEAD = """
[voice]
kind = "tone"
[model]
first_token_ms = 400
[ears]
first_word_ms = 200
word_ms = 150
[[hears]]
text = "is dinner on Monday"
[[hears]]
text = "or is it on Tuesday this week"
[[hears]]
text = "and who will come to it"
[[hears]]
text = "from our own street"
[[reply]]
hears = ["tuesday"]
text = "It is on Tuesday."
[[reply]]
hears = ["monday"]
text = "It is on Monday."
[[reply]]
text = "Everybody who lives near us will come."
"""


@dataclass(frozen=True)
class PricedModel:
    inner: LanguageModel
    name: str = "mind"

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        async for delta in self.inner.stream(request):
            if isinstance(delta, Usage):
                tokens = sum(delta.units.values()) or 100
                delta = replace(delta, provider="mind", cost_usd=Decimal(tokens) * Decimal("0.0000006"))
            yield delta


@dataclass(frozen=True)
class PricedVoice:
    inner: TextToSpeech
    name: str = "voice"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        async for chunk in self.inner.stream(text, voice):
            if chunk.usage is not None:
                cost = Decimal(len(text)) * Decimal("0.000016")
                chunk = replace(chunk, usage=replace(chunk.usage, provider="voice", cost_usd=cost))
            yield chunk


def agent(script: str, greeting: str = "") -> ConversationAgent:
    read = parse_script(script)

    def providers() -> Providers:
        made = scripted(read)
        return replace(made, llm=PricedModel(made.llm), tts=PricedVoice(made.tts))

    persona = Persona("desk", greeting=greeting, speculates=False)
    return ConversationAgent(persona, providers, scripted_agent(read).tools)


async def desk() -> Outcome:
    speech = [(2.5, 4.0), (6.8, 8.2), (9.8, 10.1), (15.5, 17.0), (23.5, 25.0), (31.0, 32.0)]
    return await converse("", speech, hang_up_at=36, agent=agent(DESK, "Good day, what can I do for you?"))


async def ahead() -> Outcome:
    settings = CallSettings(speculation=Speculation(words=3))
    speech = [(1.0, 2.4), (2.75, 4.6), (8.0, 9.6), (10.5, 11.6)]
    return await converse("", speech, hang_up_at=16, agent=agent(AHEAD), settings=settings)


CALLS = {"desk": desk, "ahead": ahead}


def main() -> None:
    for name, call in CALLS.items():
        outcome = trio.run(call, clock=trio.testing.MockClock(autojump_threshold=0))
        kinds = {"timeline": outcome.timeline, "turns": outcome.turns, "call": [outcome.record.as_json()]}
        for kind, entries in kinds.items():
            lines = [json.dumps({**entry, "call": name, "tenant": "default"}) + "\n" for entry in entries]
            (RECORDS / f"{name}.{kind}.jsonl").write_text("".join(lines))


if __name__ == "__main__":
    main()
