"""The first stages: what the caller said, cleaned; and, where that is enough, answered at once."""

from __future__ import annotations

from mediasrv.conversation.cleaning import clean as clean_words
from mediasrv.conversation.pipeline.exchange import Asked, Exchange, Line, of_question
from mediasrv.conversation.pipeline.shortcuts import FAREWELL, find_shortcut
from mediasrv.conversation.tools import HANG_UP
from mediasrv.providers.protocols import UNCLEAR, ToolCall


async def clean(exchange: Exchange, text: str) -> Asked:
    if text == UNCLEAR:
        return Asked(text)
    cleaned = exchange.cleaned = clean_words(text, exchange.mind.cleaning, exchange.mind.language)
    if cleaned.text != text:
        exchange.mind.history.reword(exchange.turn, cleaned.text)
    return Asked(cleaned.text)


async def answer_at_once(exchange: Exchange, text: str) -> Asked | Line:
    mind = exchange.mind
    if mind.unclear and text == UNCLEAR:
        exchange.decide("shortcut", "asked again", because="too little was understood")
        return Line(mind.unclear)
    if not mind.level.shortcuts:
        return Asked(text)
    shortcut = find_shortcut(text, mind.history.last_heard(), mind.language)
    if shortcut is None:
        return Asked(text)
    exchange.decide("shortcut", "answered without the model", because=shortcut.name)
    if shortcut.name == FAREWELL:
        await _take_leave(exchange)
    return Line(shortcut.reply)


async def _take_leave(exchange: Exchange) -> None:
    """As a model would: the call ends when the good-bye was heard, if the agent can end calls at all."""
    mind = exchange.mind
    if not any(tool.get("name") == HANG_UP for tool in mind.tools):
        return
    await exchange.promoted.wait()  # nothing is done to the world on a guess
    (call,) = mind.history.called(exchange.turn, "", [ToolCall("farewell", HANG_UP, {})])
    result = await exchange.invoke(call)
    mind.history.resolve(call.id, result.text)


CLEAN = of_question("clean", clean)
SHORTCUT = of_question("shortcut", answer_at_once)
