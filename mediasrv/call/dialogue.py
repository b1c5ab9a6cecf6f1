"""A call that is a conversation: one bounded channel of events, the turn table, and what it asks for done.

    stream events \
    transcripts    > events -> step (pure) -> actions: start a turn, cancel it, hold, release, end the call
    turns, timers /

Nothing in the loop waits for a provider, a tool or the engine: an interruption is acted on as soon as it is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal

import trio

from mediasrv.call import turn_taking
from mediasrv.call.call import Call
from mediasrv.call.ears import Ears
from mediasrv.call.media_notes import note_media
from mediasrv.call.record import TurnEnding, TurnRecord, turn_id
from mediasrv.call.services import MediaNeeds
from mediasrv.call.settings import CallSettings, Speculation
from mediasrv.call.speech.mask import lines_of
from mediasrv.call.speech.mouth import Passage
from mediasrv.call.speech.ready import ReadySpeech
from mediasrv.call.tool_host import ToolHost, ToolOwner
from mediasrv.call.turn import Turn, TurnTools
from mediasrv.call.turn_events import (
    Action,
    Answered,
    CancelTurn,
    Departing,
    Due,
    EndAsked,
    EndCall,
    Evidence,
    HoldLapsed,
    Judged,
    KeyPressed,
    Lulled,
    Mask,
    PassageBegan,
    Phase,
    Promote,
    Reject,
    SpeechBegan,
    SpeechEnded,
    StartTurn,
    Stirred,
    TakeAnswer,
    TakeHold,
    TurnEvent,
    TurnOver,
    VoiceDry,
    Words,
)
from mediasrv.clock import NS_PER_S
from mediasrv.conversation.bill import Entry
from mediasrv.conversation.cleaning import Cleaning
from mediasrv.conversation.history import History
from mediasrv.conversation.pipeline import BALANCED, Level, Mind
from mediasrv.conversation.provider_edge import provider_errors
from mediasrv.conversation.reply import ModelLimits
from mediasrv.conversation.tools import Tool
from mediasrv.conversation.window import HistoryWindow
from mediasrv.conversation.words import is_question
from mediasrv.errors import MediasrvError, leaves
from mediasrv.legs import Ending
from mediasrv.media import (
    Arming,
    Dtmf,
    Finished,
    HoldId,
    Lull,
    MarkReached,
    MediaEvent,
    Offset,
    Onset,
    Released,
    ReleaseReason,
    Starved,
    StreamStatistics,
    VoiceLevels,
)
from mediasrv.providers.protocols import (
    UNCLEAR,
    EndOfTurn,
    LanguageModel,
    ProviderError,
    Transcript,
    Usage,
)
from mediasrv.providers.registry import Providers

EVENTS_WAITING = 64  # more make their senders wait: the engine's own ring is bounded too


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the agent is; the same for all its calls."""

    name: str
    system: str = ""
    notice: str = ""  # said first, and not to be interrupted
    greeting: str = ""
    voice: str = ""
    level: Level = BALANCED
    cleaning: Cleaning = Cleaning.FULL
    speculates: bool = True  # begins replies before the caller has finished, as far as the level does
    confirm_words: int = 0  # that interrupt it, at least; 0: as many as the call says
    window: HistoryWindow = field(default_factory=HistoryWindow)  # of a long call, what its model is told
    rehearses: bool = True  # has its opening and its other fixed lines made once, for all its calls

    def mind(self, llm: LanguageModel, history: History, host: ToolHost, settings: CallSettings) -> Mind:
        """What its turns think with, in one call."""
        waits = settings.failures
        limits = ModelLimits(waits.first_token_s, waits.next_token_s, waits.tool_rounds)
        unclear = settings.unclear if settings.least_confidence else ""
        return Mind(
            llm, history, host.described(), limits, self.level, self.cleaning, settings.language, unclear
        )

    def opening(self) -> list[Passage]:
        said = [Passage(self.notice, interruptible=False)] if self.notice else []
        return said + ([Passage(self.greeting)] if self.greeting else [])


def fixed_lines(persona: Persona, settings: CallSettings) -> list[str]:
    """What is said word for word in every call, the most urgent first."""
    failures = settings.failures
    always = [*lines_of(settings.masking), failures.farewell]
    if not persona.rehearses:
        return always
    opening = [passage.text for passage in persona.opening()]
    return [*opening, *always, settings.prompt, settings.goodbye, failures.apology]


class ConversationAgent:
    """Converses; `providers` and `tools` are made anew for every call."""

    def __init__(
        self,
        persona: Persona,
        providers: Callable[[], Providers],
        tools: Callable[[Callable[[], None]], Sequence[Tool]],
        needs: MediaNeeds | None = None,
    ) -> None:
        self.name, self.needs, self.persona = persona.name, needs or MediaNeeds(), persona
        self.providers, self.tools = providers, tools
        self.ready = ReadySpeech(lambda: providers().tts, persona.voice, VoiceLevels())

    async def prepare(self, settings: CallSettings) -> None:
        """Makes the fixed lines before the first call comes."""
        await self.ready.make(fixed_lines(self.persona, settings))

    async def lead(self, call: Call) -> Ending:
        return await Dialogue(call, self.persona, self.providers(), self.tools, self.speech_of_call()).run()

    def speech_of_call(self) -> ReadySpeech:
        """What is ready for a call that begins; the same for all."""
        return self.ready


class Dialogue:
    def __init__(
        self,
        call: Call,
        persona: Persona,
        providers: Providers,
        tools: Callable[[Callable[[], None]], Sequence[Tool]],
        ready: ReadySpeech,
    ) -> None:
        self._call, self._persona, self._providers, self._ready = call, persona, providers, ready
        self._send, self._receive = trio.open_memory_channel[TurnEvent](EVENTS_WAITING)
        self._state = turn_taking.begin(self._settings(), call.now(), call.length_since, call.last_turn)
        self._asked_to_end = trio.Event()
        self.history = History(persona.system, persona.window)
        self._host = ToolHost(
            ToolOwner(
                call.info.id, call.services.clock.now_ns, call.timeline.note, call.start_soon, call.secrecy.told,
                call.secrecy.covers,
            ),
            tools(self._ask_to_end), self.history,
        )  # fmt: skip
        limits = call.settings.interruptibility
        arming = Arming("duck" if limits.duck else "hold", limits.lease_ms)
        if not limits.enabled:
            arming = Arming("ignore")
        mind = persona.mind(providers.llm, self.history, self._host, call.settings)
        self._tools = TurnTools(
            call, providers, mind, self._host, persona.voice, arming, ready, self._turn_over
        )
        self._ears = Ears(call, providers.stt, self._heard, self._deaf, self._listened)
        self._unbilled: list[Usage] = []  # what was listened to since the last turn that was asked for
        self._turn: Turn | None = None
        self._own_hold: HoldId | None = None
        self._failed_turns = 0
        self._budget_spent = False

    async def run(self) -> Ending:
        self._call.start_soon(self._ears.run)
        self._call.start_soon(self._watch_stream)
        self._call.start_soon(self._watch_wish_to_end)
        self._call.start_soon(self._watch_seat)
        self._call.start_soon(self._ready.make, fixed_lines(self._persona, self._call.settings))
        self._call.apology = lambda: self._ready.get(self._call.settings.failures.farewell)
        self._call.on_secret_key = lambda: self._send.send(Stirred())
        opening = self._persona.opening()
        event: TurnEvent = Answered(bool(opening), all(passage.interruptible for passage in opening[:1]))
        while True:
            ending = self._take(event)
            if ending is not None:
                return ending
            event = await self._next_event()

    def _settings(self) -> CallSettings:
        """The call's, for these ears; how much is guessed is the level's business, unless the call says otherwise."""
        settings, level = self._call.settings, self._persona.level
        limits = settings.interruptibility.with_words_after(self._providers.stt.words_after_ms)
        if self._persona.confirm_words:
            limits = replace(limits, confirm_words=self._persona.confirm_words)
        settings = replace(settings, interruptibility=limits)
        if settings.speculation is not None or level.speculate_words is None or not self._persona.speculates:
            return settings
        wished = Speculation(level.speculate_words, level.partial_confidence or 1.0)
        return replace(settings, speculation=wished)

    async def _next_event(self) -> TurnEvent:
        """The next event, or Due when the table's deadline comes first."""
        left_s = turn_taking.deadline(self._state) - self._call.now()
        with trio.move_on_after(max(0.0, left_s) if left_s < math.inf else math.inf):
            return await self._receive.receive()
        return Due()

    def _take(self, event: TurnEvent) -> Ending | None:
        """One step of the table; the call's ending, if this was its last."""
        self._forget_failed_guess()
        before = self._state.phase
        self._state, actions = turn_taking.step(self._state, event, self._call.now())
        if self._state.phase is not before:
            self._call.timeline.note("phase", phase=self._state.phase.value, because=type(event).__name__)
            self._note_hold(before, event)
        if isinstance(event, Words) and event.final:
            self._ask_judge()
        for action in actions:
            if isinstance(action, EndCall):
                return action.why
            self._do(action)
        return None

    def _forget_failed_guess(self) -> None:
        """Its own word of that may still wait behind an event that would promote it."""
        turn = self._turn
        if turn is not None and turn.has_failed_ahead and self._state.ahead is not None:
            self._state, _ = turn_taking.step(self._state, TurnOver(turn.number), self._call.now())

    def _note_hold(self, before: Phase, event: TurnEvent) -> None:
        if self._state.phase is Phase.HELD and self._turn is not None:
            self._turn.record.holds += 1
            by_engine = isinstance(event, SpeechBegan) and event.hold is not None
            self._call.timeline.note("hold", turn=self._turn.number, by="engine" if by_engine else "call")
        elif before is Phase.HELD and isinstance(event, HoldLapsed):
            self._note_reject(Evidence("lease"))

    # ---- actions -----------------------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        match action:
            case StartTurn():
                self._start(action)
            case Promote():
                self._promote(action)
            case Mask():
                if self._turn is not None and self._turn.number == action.turn:
                    self._turn.mask(action.step)
            case CancelTurn():
                self._cancel(action)
            case TakeHold():
                self._own_hold = self._call.stream.hold(action.lease_ms)
            case Reject():
                self._release(action)
            case TakeAnswer(turn, words, before_end_ms):
                self._call.timeline.note("answer", turn=turn, words=words, before_end_ms=before_end_ms)
                self._ask_judge()
            case EndCall():
                pass

    def _start(self, action: StartTurn) -> None:
        call = self._call
        call.last_turn = action.turn
        record = TurnRecord(
            turn=turn_id(call.info.id, action.turn), number=action.turn, kind=action.kind, asked=action.text,
            began_ms=call.timeline.ms(), level=self._persona.level.name,
        )  # fmt: skip
        lines = self._lines(action)
        self._turn = Turn(record, self._tools, lines, after=self._turn, ahead=action.ahead)
        if action.kind == "reply" and not action.ahead:
            self._bill_listening(self._turn)
        call.record.turns += not action.ahead
        call.start_soon(self._turn.run)

    def _promote(self, action: Promote) -> None:
        if self._turn is not None and self._turn.number == action.turn:
            self._call.record.turns += 1
            self._bill_listening(self._turn)
            self._turn.promote(action.text)

    def _lines(self, action: StartTurn) -> list[Passage]:
        settings = self._call.settings
        match action.kind:
            case "greeting":
                return self._persona.opening()
            case "prompt":
                return [Passage(settings.prompt)]
            case "goodbye" if self._state.leaving is Ending.FAULT:
                return [Passage(settings.failures.farewell, interruptible=False)]
            case "goodbye":
                return [Passage(settings.goodbye, interruptible=self._state.leaving is Ending.SILENCE)]
            case "reply":
                return []

    def _cancel(self, action: CancelTurn) -> None:
        turn = self._turn
        if turn is None or turn.number != action.turn:
            return
        if action.why in (TurnEnding.USER_BARGE_IN, TurnEnding.REPLACED):
            self._call.record.interruptions += 1
            self._note_verdict("confirm", turn.number, action.evidence)
        self._call.timeline.note("cancelled", turn=turn.number, why=action.why.value)
        self._own_hold = None
        turn.cancel(action.why)

    def _release(self, action: Reject) -> None:
        """Lets the voice go on, from the beginning of the word it was held in; one that has said all says no more."""
        hold = action.hold if action.hold is not None else self._own_hold
        self._own_hold = None
        self._note_reject(action.evidence)
        if hold is None:
            return
        at, turn = self._call.stream.position(), self._turn
        goes_on = turn is not None and at.generation == turn.generation and not turn.settled.is_set()
        mark = turn.truth.word_start(at.source) if turn is not None and goes_on else None
        self._call.stream.release(hold, mark)

    def _note_reject(self, evidence: Evidence) -> None:
        number = self._turn.number if self._turn is not None else 0
        if self._turn is not None:
            self._turn.record.rejects += 1
        self._call.record.rejected_holds += 1
        self._note_verdict("reject", number, evidence)

    def _note_verdict(self, verdict: str, turn: int, evidence: Evidence) -> None:
        """With all that it was judged by; the line's echo, too, which may have been what was heard."""
        try:
            line = self._call.stream.statistics()
        except MediasrvError:
            line = StreamStatistics()
        self._call.timeline.note(
            verdict, turn=turn, **asdict(evidence), echo_seen=bool(line.echo_seen), erle_db=line.erle_db,
            echo_delay_ms=line.echo_delay_ms,
        )  # fmt: skip

    # ---- events ------------------------------------------------------------------------------------------------

    async def _turn_over(self, turn: Turn) -> None:
        failed = turn.record.ending == TurnEnding.ERROR.value and not turn.is_heard()
        if not turn.ahead:
            self._failed_turns = self._failed_turns + 1 if failed else 0
        await self._send.send(TurnOver(turn.number))
        await self._watch_budget()
        if self._failed_turns >= self._call.settings.failures.failed_turns:
            self._failed_turns = 0
            await self._deaf()

    async def _watch_budget(self) -> None:
        """A call that has spent what it may says good-bye."""
        record, budget = self._call.record, self._call.settings.budget_usd
        if budget is not None and Decimal(record.cost_usd) >= budget and not self._budget_spent:
            self._budget_spent = True
            self._call.timeline.note("budget_spent", cost_usd=record.cost_usd)
            await self._send.send(EndAsked(Ending.BUDGET, goodbye=True))

    def _listened(self, used: Sequence[Usage]) -> None:
        self._call.record.listened(used)
        self._unbilled += used

    def _bill_listening(self, turn: Turn) -> None:
        """It was listened to for this turn: to what was asked, and to the silence before it."""
        for usage in self._unbilled:
            turn.bill.add(Entry("stt", usage, turn.record.level, 0.0))
        self._unbilled.clear()

    async def _heard(self, transcript: Transcript) -> None:
        if self._call.secrecy.on:
            return  # words of what is now secret, or was just before
        self._call.timeline.note(
            "words", text=transcript.text, final=transcript.final, confidence=transcript.confidence
        )
        doubted = transcript.final and transcript.confidence < self._call.settings.least_confidence
        text = UNCLEAR if doubted else transcript.text
        await self._send.send(Words(text, transcript.final, transcript.confidence))

    def _ask_judge(self) -> None:
        model = self._providers.end_of_turn
        if self._state.text and model is not None:
            self._call.start_soon(self._judge, model, self._state.text)

    async def _judge(self, model: EndOfTurn, said: str) -> None:
        """Asks whether the caller has finished, beside the pause; no answer is no opinion."""
        within_s = self._call.settings.patience.judged_within_ms / 1000
        try:
            with provider_errors(model.name), trio.move_on_after(within_s):
                finished = await model.finished(said, self.history.messages())
                self._call.timeline.note("judged", text=said, finished=finished, model=model.name)
                await self._send.send(Judged(said, finished))
        except* ProviderError as errors:
            problem = "; ".join(str(error) for error in leaves(errors))
            self._call.timeline.note("judge_failed", problem=problem)

    async def _deaf(self) -> None:
        await self._send.send(EndAsked(Ending.FAULT, goodbye=True))

    def _ask_to_end(self) -> None:
        if self._turn is not None:
            self._turn.ends_call = True
        self._asked_to_end.set()

    async def _watch_wish_to_end(self) -> None:
        """A wish that an interruption took back may be uttered again."""
        while True:
            await self._asked_to_end.wait()
            self._asked_to_end = trio.Event()
            await self._send.send(EndAsked(Ending.AGENT_HUNG_UP))

    async def _watch_seat(self) -> None:
        seat = self._call.floor.caller
        while True:
            await seat.wait_departing(True)
            await self._send.send(Departing())
            await seat.wait_departing(False)
            await self._send.send(Departing(over=True))

    async def _watch_stream(self) -> None:
        while True:
            event = self._translate(await self._call.next_event())
            if event is not None:
                await self._send.send(event)

    def _translate(self, event: MediaEvent) -> TurnEvent | None:
        """What the engine tells, in the table's words; what it need not know is only noted."""
        note = self._call.timeline.note
        match event:
            case Onset():
                note("speech_began", at_ns=event.at_ns, hold=event.hold)
                if self._turn is not None:
                    self._turn.hold_sound.stop()
                return SpeechBegan(event.at_ns / NS_PER_S, event.hold)
            case Offset():
                note("speech_denied" if event.denied else "speech_ended", at_ns=event.at_ns)
                return SpeechEnded(event.at_ns / NS_PER_S)
            case Lull(at_ns):
                note("lull_over" if event.over else "lull", at_ns=at_ns)
                return Lulled(at_ns / NS_PER_S, event.over)
            case MarkReached():
                return self._mark_reached(event)
            case Released(hold, ReleaseReason.LEASE):
                return HoldLapsed(hold)
            case Dtmf():
                note("key", at_ns=event.at_ns, digit=event.digit)
                return KeyPressed(event.digit)
            case Finished():
                self._finished(event)
            case Starved() if self._turn is not None and event.at.generation == self._turn.generation:
                note_media(self._call.timeline, event)
                return VoiceDry(self._turn.number)
            case _:
                note_media(self._call.timeline, event)
        return None

    def _mark_reached(self, event: MarkReached) -> TurnEvent | None:
        turn = self._turn
        if turn is None or turn.mouth is None or event.at.generation != turn.generation:
            return None
        passage = turn.mouth.passage_at(event)
        if passage is None:
            self._call.timeline.note("word", at_ns=event.at.at_ns, word=event.name.partition(":")[2])
            return None
        if turn.record.first_audio_ms is None and not passage.aside:
            turn.record.first_audio_ms = round(self._call.timeline.ms() - turn.record.began_ms, 3)
            self._call.timeline.note("first_audio", at_ns=event.at.at_ns, turn=turn.number)
        return PassageBegan(turn.number, passage.interruptible, passage.aside, is_question(passage.text))

    def _finished(self, event: Finished) -> None:
        turn = self._turn
        if turn is not None and turn.mouth is not None and event.at.generation == turn.generation:
            self._call.timeline.note("finished", at_ns=event.at.at_ns, turn=turn.number)
            turn.mouth.finished.set()
