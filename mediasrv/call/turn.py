"""One turn: everything that must be gone when the caller interrupts, inside one cancel scope.

    the pipeline's stages -> lines -> the voice -> the mouth

Three tasks and two short channels, in a nursery inside the scope. A channel that is full makes the one before it wait,
so that no more is thought ahead than a sentence or two. When the scope ends, for whatever reason, the turn flushes
its generation, learns how far it was heard, writes that into the history and its one record, and says that it is over.
That farewell is shielded and bounded.

A task cannot be made to go: a provider that shields itself stays until it lets go. It keeps nothing sounding, and the
turn after it waits for so long as `turn_waits_s` says, then goes on without; only the end of the call waits for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from enum import Enum

import trio

from mediasrv.call.call import Call
from mediasrv.call.record import TurnEnding, TurnRecord
from mediasrv.call.speech.mask import HoldSound, line_for
from mediasrv.call.speech.mouth import Mouth, Passage, PassageDone, Sound
from mediasrv.call.speech.ready import ReadySpeech
from mediasrv.call.tool_host import ToolHost
from mediasrv.clock import NS_PER_MS
from mediasrv.conversation.bill import Bill, Entry, PaidLine
from mediasrv.conversation.history import History
from mediasrv.conversation.pipeline import Exchange, Mind, lines
from mediasrv.conversation.playout_truth import PlayoutTruth
from mediasrv.conversation.provider_edge import check_sound, check_words, has_sound, in_time, waits_for
from mediasrv.conversation.tools import ToolResult
from mediasrv.errors import MediasrvError, leaves
from mediasrv.media import Arming, Generation, StreamFace
from mediasrv.providers.protocols import ProviderError, SpeechChunk, TextToSpeech, ToolCall
from mediasrv.providers.registry import Providers

SENTENCES_AHEAD = 1  # more makes the model wait
SOUNDS_AHEAD = 8  # more makes the voice wait
MASK_WAITS_S = 0.3  # for a line that is not ready; then the tone has to do


class Sounded(Enum):
    """How much of a line a voice has made."""

    NOTHING = 0
    BEGINNING = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class TurnTools:
    """What every turn of a call works with."""

    call: Call
    providers: Providers
    mind: Mind
    host: ToolHost
    voice: str
    arming: Arming
    ready: ReadySpeech
    over: Callable[[Turn], Awaitable[None]]

    @property
    def history(self) -> History:
        return self.mind.history


@dataclass(slots=True, eq=False)
class Turn:
    """`lines` are said as they are; without them the model writes the reply to what was asked.

    `ahead`: on a guess of what will be asked. Until it is promoted nothing of it is heard, stored or done.
    """

    record: TurnRecord
    tools: TurnTools
    lines: Sequence[Passage] = ()
    after: Turn | None = None
    ahead: bool = False
    ends_call: bool = False  # a tool has asked for that, and what is said still is the last of it
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    settled: trio.Event = field(default_factory=trio.Event)
    generation: Generation | None = None
    stream: StreamFace = field(init=False)  # of who had the caller's seat when the turn began
    truth: PlayoutTruth = field(init=False)
    mouth: Mouth | None = None
    bill: Bill = field(default_factory=Bill)
    exchange: Exchange | None = None  # while the reply is being thought of, and after
    hold_sound: HoldSound = field(init=False)
    _nursery: trio.Nursery | None = None
    _why: TurnEnding | None = None
    _spoken: bool = False  # to the last sample
    _answered: bool = True  # what it says is what it had to say, and no apology
    _began_ns: int = 0
    _cancelled_ns: int = 0
    _silencing: bool = False
    _silent: trio.Event = field(default_factory=trio.Event)
    _heard: int = 0  # samples, when it was silenced

    def __post_init__(self) -> None:
        self.stream = self.tools.call.stream
        self.truth, self.hold_sound = PlayoutTruth(self.stream.rate_hz), HoldSound(self.stream)

    @property
    def number(self) -> int:
        return self.record.number

    @property
    def has_failed_ahead(self) -> bool:
        """A guess that can be promoted no more, whether or not it has told that it is over."""
        return self.ahead and (bool(self.record.error) or self.settled.is_set())

    def is_heard(self) -> bool:
        """Whether the caller has heard all that the turn had to say, in whichever voice."""
        undisturbed = self._why in (TurnEnding.COMPLETED, TurnEnding.ERROR)
        return undisturbed and self._spoken and self._answered and not self.truth.cut_short

    def cancel(self, why: TurnEnding) -> None:
        """Ends the turn; what is left of it is gone before this is a few milliseconds old.

        The voice does not wait for that: a task that is slow to go keeps nothing sounding.
        """
        if self._why is None and not self.settled.is_set():
            self._why, self._cancelled_ns = why, self._now_ns()
            self.scope.cancel()
            self.hold_sound.stop()
            if self.generation is not None and not self._spoken:
                self.tools.call.start_soon(self._silence)

    def promote(self, asked: str) -> None:
        """The guess was right: it may be heard."""
        self.ahead, self.record.asked = False, asked
        self.tools.call.timeline.note("promoted", turn=self.number, asked=asked, after_ms=self._ms())
        if self.exchange is not None:
            self.exchange.promote()

    def mask(self, step: int) -> None:
        """Fills the silence, if it is one when the sound for that is there."""
        if self._nursery is not None:
            self._nursery.start_soon(self._mask, step)

    async def run(self) -> None:
        call, record = self.tools.call, self.record
        self._began_ns, record.ahead = self._now_ns(), self.ahead
        call.timeline.note(
            "turn_started", turn=self.number, kind=record.kind, asked=record.asked, ahead=self.ahead
        )
        opened = False
        try:
            with self.scope:
                await self._wait_for_the_one_before()
                self.tools.history.open(self.number, record.asked, draft=self.ahead)
                opened = True
                await self._perform()
                self._why = self._why or (TurnEnding.ERROR if record.error else TurnEnding.COMPLETED)
        except* trio.Cancelled:
            self._why = self._why or TurnEnding.HANGUP  # whatever fails as it is cancelled has not ended it
            raise
        except* ProviderError as failed:
            self._failed("; ".join(str(error) for error in leaves(failed)))
            self._why = self._why or TurnEnding.ERROR
        finally:
            await self._settle(opened)
        await self.tools.over(self)

    async def _perform(self) -> None:
        self.generation = self.stream.begin()
        self.mouth = Mouth(self.stream, self.generation, self.tools.arming, self.truth, self.hold_sound.stop)
        write_lines, read_lines = trio.open_memory_channel[Passage](SENTENCES_AHEAD)  # full: the model waits
        give_sound, take_sound = trio.open_memory_channel[Sound](SOUNDS_AHEAD)  # full: the voice waits
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, write_lines)
            nursery.start_soon(self._voice, read_lines, give_sound)
            self._nursery = nursery
            try:
                await self.mouth.speak(take_sound)
            finally:
                self._nursery = None  # nothing is begun in a nursery that is closing
            nursery.cancel_scope.cancel()  # a mask that comes too late
        self._spoken = True

    # ---- words -------------------------------------------------------------------------------------------------

    async def _write(self, out: trio.MemorySendChannel[Passage]) -> None:
        with out:
            for line in self.lines:
                await out.send(line)
            if self.lines:
                return
            try:
                await self._write_reply(out)
            except ProviderError as error:
                if self.ahead:
                    raise  # nobody has asked yet, and nobody is told
                self._failed(str(error))
                self._answered = False
                await out.send(Passage(self.tools.call.settings.failures.apology))

    async def _write_reply(self, out: trio.MemorySendChannel[Passage]) -> None:
        async def invoke(call: ToolCall) -> ToolResult:
            return await self.tools.host.invoke(self.number, call, self.record.tools)

        exchange = self.exchange = Exchange(
            self.number, self.tools.mind, invoke, self._now_ns, self.tools.call.timeline.note, self._began_ns,
            self.bill, self._may_say_nothing,
        )  # fmt: skip
        if not self.ahead:
            exchange.promote()
        async with aclosing(lines(exchange, self.record.asked)) as reply:
            said = False
            async for line in reply:
                said = True
                await out.send(Passage(line))
        if not said and not self._may_say_nothing():  # the caller would wait for ever
            raise ProviderError(self.tools.mind.llm.name, "nothing that can be said", retryable=False)

    def _may_say_nothing(self) -> bool:
        """What its tools do when it is over speaks for itself: a model may hang up without a word."""
        return self.ends_call or self.record.will_act()

    # ---- sound -------------------------------------------------------------------------------------------------

    async def _voice(
        self, lines: trio.MemoryReceiveChannel[Passage], out: trio.MemorySendChannel[Sound]
    ) -> None:
        with lines, out:
            async for line in lines:
                await out.send(line)
                ready = self.tools.ready.get(line.text)
                if ready is not None:
                    for chunk in ready:
                        await self._hand_over(chunk, out)
                    await out.send(PassageDone(whole=True))
                    continue
                paid = PaidLine(self.bill, line.text)
                sounded = await self._say(paid, self.tools.providers.tts, out)
                if sounded is Sounded.NOTHING:
                    sounded = await self._say_spare(paid, out)
                await out.send(PassageDone(whole=sounded is Sounded.ALL))

    async def _say(
        self, line: PaidLine, tts: TextToSpeech, out: trio.MemorySendChannel[Sound], *, anew: bool = False
    ) -> Sounded:
        """Speaks the line, as far as the voice gets; `anew`: whatever another voice told of it is void."""
        sound_ms, failures = 0.0, self.tools.call.settings.failures
        first_s, next_s = waits_for(tts, failures.first_sound_s, failures.next_sound_s)
        stream = tts.stream(line.text, self.tools.voice)
        sound = in_time(stream, first_s, next_s, tts.name, counts=has_sound)
        try:
            async with aclosing(sound) as chunks:
                async for chunk in chunks:
                    check_words(chunk.words, tts.name)
                    sound_ms = check_sound(chunk, sound_ms, tts.name)
                    if chunk.from_word is not None:
                        line.go_on(chunk.from_word)
                    if anew and (chunk.pcm or chunk.words):
                        chunk, anew = replace(chunk, from_word=0), False
                    await self._hand_over(self.tools.ready.levelled(tts.name, chunk), out)
            if not sound_ms and any(character.isalnum() for character in line.text):
                raise ProviderError(tts.name, "words, and no sound", retryable=False)
        except ProviderError as error:
            self._failed(str(error))
            return Sounded.BEGINNING if sound_ms else Sounded.NOTHING
        return Sounded.ALL

    async def _say_spare(self, line: PaidLine, out: trio.MemorySendChannel[Sound]) -> Sounded:
        spare = self.tools.providers.spare_voice
        line.go_on(0)
        sounded = Sounded.NOTHING if spare is None else await self._say(line, spare, out, anew=True)
        if sounded is Sounded.NOTHING:
            raise ProviderError("voice", "no voice is left to speak with", retryable=False)
        return sounded

    async def _hand_over(self, chunk: SpeechChunk, out: trio.MemorySendChannel[Sound]) -> None:
        if chunk.usage is not None:
            self.bill.add(Entry("tts", chunk.usage, self.record.level, self._ms()))
        if chunk.pcm and self.record.first_sound_ms is None:
            self.record.first_sound_ms = self._ms()
            self.tools.call.timeline.note("first_sound", turn=self.number)
        # Some voices tell where the words lie, or where a next one goes on, apart from the sound.
        if chunk.pcm or chunk.words or chunk.from_word is not None:
            await out.send(chunk)

    async def _mask(self, step: int) -> None:
        tools, mouth = self.tools, self.mouth
        line = line_for(tools.call.settings.masking, self.number, step)
        if line and tools.ready.get(line) is None:
            with trio.move_on_after(MASK_WAITS_S):  # the voice may be what is slow
                await tools.ready.make([line])
        sound = tools.ready.get(line)
        if sound is not None and mouth is not None and await mouth.say_aside(sound):
            self.record.asides.append(line)
            tools.call.timeline.note("masked", turn=self.number, text=line)
        elif mouth is not None and mouth.is_waiting:
            self.hold_sound.start()
            tools.call.timeline.note("masked", turn=self.number, text="")

    # ---- the end -----------------------------------------------------------------------------------------------

    async def _settle(self, opened: bool) -> None:
        """Once, whatever happened: what was heard, where the tools stand, what is written down."""
        why, call = self._why or TurnEnding.HANGUP, self.tools.call
        if self._cancelled_ns:
            self.record.cancel_ms = self._ms(self._cancelled_ns)
            call.timeline.note("tasks_gone", turn=self.number, cancel_ms=self.record.cancel_ms)
        try:
            with suppress(MediasrvError):
                self.hold_sound.stop()
            await self._wait_for_the_one_before(shield=True)
            if not self._spoken:
                await self._silence()
        finally:
            self._write_down(why, self.truth.samples if self._spoken else self._heard, opened)
            self.settled.set()

    async def _wait_for_the_one_before(self, *, shield: bool = False) -> None:
        """Turns begin, and are written down, in order; none is kept by the one after it, nor holds it up for ever."""
        before, call = self.after, self.tools.call
        if before is None:
            return
        with trio.move_on_after(call.settings.turn_waits_s, shield=shield) as bound:
            await before.settled.wait()
        if bound.cancelled_caught:
            call.timeline.note("turn_not_gone", turn=before.number, waited_s=call.settings.turn_waits_s)
        self.after = None

    async def _silence(self) -> None:
        """Once, by whoever comes first; afterwards it is known how much was heard."""
        if self._silencing:
            with trio.CancelScope(shield=True):
                await self._silent.wait()
            return
        self._silencing = True
        try:
            self._heard = await self._flush()
        finally:
            self._silent.set()

    async def _flush(self) -> int:
        """Drops what has not sounded; returns the samples that the caller has heard."""
        if self.generation is None:
            return 0
        began_ns = self._now_ns()
        try:
            with trio.CancelScope(shield=True), trio.move_on_after(self.tools.call.settings.turn_cleanup_s):
                at = await self.stream.flush(self.generation)
                self.record.flush_ms = self._ms(began_ns)
                return self._sent(at.generation, at.wire, at.heard)
            at = self.stream.position()  # the engine did not answer in time: what it said last
        except MediasrvError:
            return 0  # the stream is gone, and with it what it knew
        return self._sent(at.generation, at.wire, at.heard)

    def _sent(self, generation: Generation, wire: int, heard: int) -> int:
        if generation != self.generation:
            return 0
        self.record.sent_ms = round(wire * 1000 / self.stream.rate_hz, 1)
        return heard

    def _write_down(self, why: TurnEnding, heard: int, opened: bool) -> None:
        record, history, call = self.record, self.tools.history, self.tools.call
        record.ending, record.said = why.value, self.truth.said()
        record.heard = self.truth.heard(heard)
        record.interrupted = self.truth.cut_short or (not self._spoken and record.heard != record.said)
        record.unheard_characters = max(0, len(record.said) - len(record.heard))
        record.ended_ms = self._ms()
        if why is TurnEnding.SPECULATED:
            self.bill.speculated()
        record.write_down(self.exchange, self.bill)
        call.record.charge(record, self.bill.listening_usd())
        if self._spoken:
            record.sent_ms = round(heard * 1000 / self.stream.rate_hz, 1)
        if opened and not (
            why is TurnEnding.REPLACED and history.drop(self.number) if not record.heard else False
        ):
            history.settle(self.number, record.heard, interrupted=record.interrupted)
        (self.tools.host.heard if self.is_heard() else self.tools.host.unheard)(self.number)
        call.timeline.note("turn_ended", turn=self.number, ending=record.ending, heard=record.heard)
        call.timeline.record("turn", record.as_json())

    def _failed(self, problem: str) -> None:
        self.record.error = f"{self.record.error}; {problem}" if self.record.error else problem
        self.tools.call.timeline.note("provider_failed", turn=self.number, problem=problem)

    def _now_ns(self) -> int:
        return self.tools.call.services.clock.now_ns()

    def _ms(self, since_ns: int | None = None) -> float:
        return round((self._now_ns() - (self._began_ns if since_ns is None else since_ns)) / NS_PER_MS, 3)
