"""What an agent knows and how it is asked: one TOML file, read strictly (docs/demo.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from mediasrv.errors import ConfigError
from mediasrv.providers.knowledge.phrases import sentences

SUBJECT = "subject"  # the list that a frame is filled with: those of a passage


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer, and the ways of asking for it."""

    name: str
    asked: list[str]
    text: str


class Passage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A few sentences about a few subjects: the one that fits the question best is the answer."""

    subjects: list[str]
    text: str


class Shortcut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered without looking anything up; `repeat` has no text of its own."""

    name: str
    asked: list[str]
    text: str = ""
    ends_call: bool = False


class Booking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table, by asking for what is missing and for a yes."""

    tool: str
    asked: list[str]
    ask_people: str
    ask_day: str
    ask_time: str
    confirm: str  # {people}, {day} and {time} stand for what was understood
    booked: str  # {result} for what the tool said
    failed: str
    dropped: str


class Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    greeting: str
    unclear: str
    unknown: str
    voice: str = ""
    sounds: dict[str, str] = {}  # words that the recogniser's dictionary does not have, as phones
    lists: dict[str, list[str]] = {}
    frames: list[str] = []
    answer: list[Answer] = []
    passage: list[Passage] = []
    booking: Booking | None = None
    shortcut: list[Shortcut] = []

    def read(self, phrases: list[str]) -> list[str]:
        """All sentences that these phrases stand for."""
        return [sentence for phrase in phrases for sentence in sentences(phrase, self.lists)]

    def questions(self, passage: Passage) -> list[str]:
        lists = self.lists | {SUBJECT: passage.subjects}
        return [sentence for frame in self.frames for sentence in sentences(frame, lists)]

    def expected(self) -> Iterator[list[str]]:
        """What callers are expected to say, subject by subject."""
        for answer in self.answer:
            yield self.read(answer.asked)
        for shortcut in self.shortcut:
            yield self.read(shortcut.asked)
        for passage in self.passage:
            yield self.questions(passage)
        if self.booking is not None:
            yield self.read(self.booking.asked)

    def spoken(self) -> list[str]:
        """What the agent may say whatever happens, for a voice that wants to be prepared."""
        said = [self.greeting, self.unclear, self.unknown]
        said += [answer.text for answer in self.answer] + [shortcut.text for shortcut in self.shortcut]
        return said + [passage.text for passage in self.passage]


def read_book(path: str | Path) -> Book:
    """The book in that file; ConfigError says what is wrong with it, and where."""
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("knowledge", str(error), source=source) from error
    return parse_book(text, source)


def parse_book(text: str, source: str = "") -> Book:
    try:
        book = msgspec.toml.decode(text, type=Book)
    except msgspec.DecodeError as error:
        raise ConfigError("knowledge", str(error), source=source) from error
    _check(book, source)
    return book


def _check(book: Book, source: str) -> None:
    """Every phrase can be read, and everything that is needed is there."""
    if book.booking is not None and not {"people", "day", "time"} <= book.lists.keys():
        raise ConfigError("lists", "a booking needs people, day and time", source=source)
    if book.passage and not book.frames:
        raise ConfigError("frames", "passages are asked for in frames, and there are none", source=source)
    for shortcut in book.shortcut:
        if not shortcut.text and shortcut.name != "repeat":
            raise ConfigError(f"shortcut {shortcut.name}: text", "is missing", source=source)
    for found in book.expected():
        if not found:
            raise ConfigError("asked", "nobody can ask for it", source=source)
