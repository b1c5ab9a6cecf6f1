"""Ears, mind and voice of the demonstration, put together from one book: what it knows is what it expects to hear."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from mediasrv.call.demo.tools import BookTable
from mediasrv.call.dialogue import ConversationAgent, Persona
from mediasrv.call.hang_up import HangUp
from mediasrv.call.services import MediaNeeds
from mediasrv.call.settings import KEYWORDS
from mediasrv.conversation.tools import Tool
from mediasrv.providers.knowledge import Book, KnowledgeModel, read_book
from mediasrv.providers.protocols import SpeechToText
from mediasrv.providers.registry import NoRecogniser, Providers, local_recogniser, voice
from mediasrv.providers.voices import FormantVoice

HOTEL = Path(__file__).with_name("hotel.toml")
VOICE = "espeak"

# Thousandths of a core that one caller's recogniser takes while that caller speaks (docs/bench.md: `bench stt`).
RECOGNISER_MILLICORES = 150.0
# One word over the agent's voice may be a murmur misheard, if it is none of those that ask to speak.
CONFIRM_WORDS = 2
MURMURS = (
    "aha",
    "alright",
    "oh",
    "oh yeah",
    "okay",
    "okay right",
    "right",
    "sure",
    "uh-huh",
    "yeah",
    "yes",
    "yep",
)

_log = logging.getLogger(__name__)


def demo_agent(
    book_file: str | Path = HOTEL, voice_name: str = "", spared: Sequence[int] = ()
) -> ConversationAgent:
    """`spared`: processors on which nothing is recognised, because the engine's threads are there."""
    book, model = _read(str(book_file))
    providers = Providers(_ears(str(book_file), tuple(spared)), model, voice(VOICE), FormantVoice())
    persona = Persona(
        name="demo", greeting=book.greeting, voice=voice_name or book.voice, confirm_words=CONFIRM_WORDS
    )

    def tools(end_call: Callable[[], None]) -> Sequence[Tool]:
        booking = [BookTable(book.booking.tool)] if book.booking is not None else []
        return [*booking, HangUp(end_call)]

    needs = MediaNeeds(recogniser_millicores=RECOGNISER_MILLICORES)
    return ConversationAgent(persona, lambda: providers, tools, needs)


# Both keep nothing of a call. They take a tenth of a second to make, which a process pays once for each book.


@cache
def _read(book_file: str) -> tuple[Book, KnowledgeModel]:
    book = read_book(book_file)
    return book, KnowledgeModel(book)


def expected_of(model: KnowledgeModel) -> list[Sequence[str]]:
    """What callers are expected to say: the questions, and what people say while they listen or wish to speak."""
    return [*model.expected.values(), MURMURS, KEYWORDS]


@cache
def _ears(book_file: str, spared: tuple[int, ...]) -> SpeechToText:
    book, model = _read(book_file)
    ears = local_recogniser(expected_of(model), book.sounds, spared)
    if isinstance(ears, NoRecogniser):
        _log.warning("the extra `local` is not installed: the agent `demo` will understand nobody")
    return ears
