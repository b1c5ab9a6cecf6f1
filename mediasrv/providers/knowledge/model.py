"""A LanguageModel that answers from a book, by rule: the same words, the same answer, and no network.

It keeps nothing between requests. What has been agreed so far is found by going through the caller's words again, from
the first: a table half described, a reply that "say that again" means. So a turn that was interrupted, merged or taken
back is simply not there, as with any other model.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import trio

from mediasrv.providers.knowledge.book import Answer, Book, Passage, Shortcut
from mediasrv.providers.knowledge.table import Table
from mediasrv.providers.knowledge.understanding import Match, Matcher, best_sentence
from mediasrv.providers.protocols import (
    UNCLEAR,
    LlmDelta,
    LlmRequest,
    Message,
    TextDelta,
    ToolCall,
    ToolRequest,
    Usage,
)

HANG_UP = "hang_up"
BOOKING = "booking"  # the subject; answers, passages and shortcuts are their own
_TOKEN = re.compile(r"\s*\S+")

Subject = str  # "answer:breakfast", "passage:0", "shortcut:yes", BOOKING


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    tool: str = ""
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the conversation so far has left behind."""

    last: str  # reply, in full
    table: Table | None = None  # that is being spoken of
    offered: bool = False  # it was asked whether to book it


REMEMBERED = 256  # sentences of one call whose meaning is not looked for again


class KnowledgeModel:
    name = "knowledge"

    def __init__(self, book: Book) -> None:
        self._book = book
        self._answers = {f"answer:{answer.name}": answer for answer in book.answer}
        self._passages = {f"passage:{k}": passage for k, passage in enumerate(book.passage)}
        self._shortcuts = {f"shortcut:{shortcut.name}": shortcut for shortcut in book.shortcut}
        self.expected = {
            key: book.read(asked.asked) for key, asked in (self._answers | self._shortcuts).items()
        }
        self.expected |= {key: book.questions(passage) for key, passage in self._passages.items()}
        if book.booking is not None:
            self.expected[BOOKING] = book.read(book.booking.asked)
        self._match = lru_cache(REMEMBERED)(Matcher(self.expected).match)

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await trio.lowlevel.checkpoint()
        reply = self.reply(request.messages)
        written = _TOKEN.findall(reply.text)
        for token in written:
            yield TextDelta(token)
        if reply.tool:
            yield ToolRequest(ToolCall("", reply.tool, reply.arguments))
        read = sum(len(message.text.split()) for message in request.messages)
        yield Usage(self.name, self._book.name, {"input_tokens": read, "output_tokens": len(written)})

    def subject_of(self, text: str) -> Subject | None:
        """What this is about; None when nothing is near enough."""
        match = self._match(text)
        return match.subject if match else None

    def reply(self, messages: Sequence[Message]) -> Reply:
        """To the last of these messages."""
        memory, reply = Memory(self._book.greeting), Reply("")
        for message in messages:
            if message.role == "user":
                memory, reply = self._hear(message.text, memory)
            elif message.role == "tool":
                memory, reply = self._tell_result(message.text, memory, reply)
        return reply

    # ---- one step of the conversation --------------------------------------------------------------------------

    def _hear(self, text: str, memory: Memory) -> tuple[Memory, Reply]:
        understood = text.replace(UNCLEAR, " ").strip()
        if not understood:
            return memory, Reply(self._book.unclear)
        match = self._match(understood)
        if memory.table is not None and (step := self._go_on(understood, match, memory)) is not None:
            return step
        if match is None:
            return memory, Reply(self._book.unknown)
        if match.subject == BOOKING:
            return self._ask(Table().told(understood, self._book.lists), memory)
        return self._answer(understood, match.subject, memory)

    def _answer(self, text: str, subject: Subject, memory: Memory) -> tuple[Memory, Reply]:
        about: Answer | Passage | Shortcut
        about = (self._answers | self._passages | self._shortcuts)[subject]
        if isinstance(about, Passage):
            reply = Reply(best_sentence(text, about.text))
        elif isinstance(about, Shortcut) and about.name == "repeat":
            return memory, Reply(memory.last)
        else:
            ends = isinstance(about, Shortcut) and about.ends_call
            reply = Reply(about.text, HANG_UP if ends else "")
        return replace(memory, last=reply.text), reply

    def _tell_result(self, result: str, memory: Memory, before: Reply) -> tuple[Memory, Reply]:
        """A tool has answered; a result in braces tells what became of it instead."""
        booking = self._book.booking
        if booking is None or before.tool != booking.tool:
            return memory, Reply("")
        text = booking.failed if result.startswith("{") else booking.booked.replace("{result}", result)
        return Memory(text), Reply(text)

    # ---- a table -----------------------------------------------------------------------------------------------

    def _go_on(self, text: str, match: Match[Subject] | None, memory: Memory) -> tuple[Memory, Reply] | None:
        """With the booking that is under way; None: this is about something else."""
        booking, table = self._book.booking, memory.table
        assert booking is not None
        assert table is not None
        told = table.told(text, self._book.lists)
        if told != table:
            return self._ask(told, memory)
        subject = match.subject if match else ""
        if memory.offered and subject == "shortcut:yes":
            arguments: dict[str, object] = {"people": told.people, "day": told.day, "time": told.time}
            return replace(memory, table=None, offered=False), Reply("", booking.tool, arguments)
        if subject == "shortcut:no":
            return Memory(booking.dropped), Reply(booking.dropped)
        if match is None or subject in (BOOKING, "shortcut:yes"):
            return self._ask(table, memory)
        return None

    def _ask(self, table: Table, memory: Memory) -> tuple[Memory, Reply]:
        """For what is missing, or for a yes."""
        booking = self._book.booking
        assert booking is not None
        missing = (
            booking.ask_people if not table.people
            else booking.ask_day if not table.day
            else booking.ask_time if not table.time
            else ""
        )  # fmt: skip
        offer = booking.confirm.format(people=table.people, day=table.day, time=table.time)
        text = missing or offer
        return replace(memory, last=text, table=table, offered=not missing), Reply(text)
