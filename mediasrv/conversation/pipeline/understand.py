"""The first stages: what the caller said, cleaned; and, where that is enough, answered at once."""

from __future__ import annotations

from mediasrv.conversation.cleaning import clean as clean_words
from mediasrv.conversation.pipeline.exchange import Asked, Exchange, Line, of_question
from mediasrv.conversation.pipeline.shortcuts import find_shortcut
from mediasrv.providers.protocols import UNCLEAR


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
    return Line(shortcut.reply)


CLEAN = of_question("clean", clean)
SHORTCUT = of_question("shortcut", answer_at_once)
