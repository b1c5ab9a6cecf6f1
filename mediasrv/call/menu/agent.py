"""The walk through the menus: say, wait for keys, do what stands under them, and over again.

A menu is left by a step that leads elsewhere (`go_to`, `hang_up`, a transfer that succeeded); after any other row of
steps it is said again. What fails, a voice, a recording, a transfer, is noted and the next step is done: a caller
who pressed a key is never left in silence because of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from mediasrv.call.bridge import Bridge, BridgePlan, Outcome, ringback
from mediasrv.call.call import Call
from mediasrv.call.menu.choices import read
from mediasrv.call.menu.description import (
    Connect,
    GoTo,
    HangUp,
    Menu,
    MenuBook,
    Record,
    Say,
    SendKeys,
    Step,
    Transfer,
    Wait,
)
from mediasrv.call.menu.line import Line
from mediasrv.call.menu.sounds import melody
from mediasrv.call.services import MediaNeeds
from mediasrv.legs import CannotTransfer, Ending
from mediasrv.media import Clip, RecordingFailed
from mediasrv.providers.protocols import TextToSpeech
from mediasrv.providers.registry import voice
from mediasrv.providers.voices import FormantVoice, prepare

EACH_KEY_SENT_S = 0.5  # longer than a key and its pause take: without a word from the engine, the steps go on
TRANSFER_WITHIN_S = 60.0
TRANSFER_MUSIC_DB = -12.0
NO_RECORDINGS = "this server keeps no recordings"

Exit = str | Ending  # the menu that comes next, or the end of the call


Voices = tuple[TextToSpeech, TextToSpeech]  # the second speaks when the first fails


class MenuAgent:
    """Leads callers through a book of menus; each call has a voice of its own."""

    name = "menu"

    def __init__(self, book: MenuBook, speaking: Callable[[], Voices] | None = None) -> None:
        """`speaking`: makes a call's voices, in place of those that the book names."""
        self._book = book
        self.speaking = speaking or (lambda: (voice(book.voice.kind), FormantVoice()))
        self.picks_up_itself = book.before_answer is not None
        self.needs = MediaNeeds(aec=False, ns=False, vad=False, bridge=book.is_overheard)

    def with_voices(self, through: Callable[[TextToSpeech], TextToSpeech]) -> MenuAgent:
        """The same agent, whose voices come `through` somebody."""

        def speaking() -> Voices:
            first, spare = self.speaking()
            return through(first), through(spare)

        return MenuAgent(self._book, speaking)

    async def lead(self, call: Call) -> Ending:
        first, spare = self.speaking()
        line = Line(call, first, self._book.voice.name, spare)
        call.start_soon(line.attend)
        with trio.move_on_after(call.left_s):
            if not await self._answered(call, line):
                return Ending.CALLER_CANCELLED
            return await MenuCall(call, self._book, line).run()
        return Ending.MAX_LENGTH

    async def _answered(self, call: Call, line: Line) -> bool:
        """Picks up after what is said before that; who cannot be told it early is told it first of all."""
        said = self._book.before_answer
        if said is None or call.record.answered:
            return True
        if not await call.speak_early() and not await call.pick_up():
            return False
        if said.file:
            await line.play(self._book.sounds[said.file], said.file, barge_in=False)
        else:
            await line.say(said.say, barge_in=False)
        return await call.pick_up()


def menu_agent(book: MenuBook) -> MenuAgent:
    if book.voice.kind == "formant":
        prepare(spoken(book), book.voice.name or "mid")
    return MenuAgent(book)


def spoken(book: MenuBook) -> list[str]:
    """Every text that the voice may be asked for."""
    menus = [text for menu in book.menus.values() for text in (menu.say, menu.invalid, menu.no_key)]
    first = [book.before_answer.say] if book.before_answer is not None else []
    return first + menus + [step.text for step in book.steps() if isinstance(step, Say)]


class MenuCall:
    def __init__(self, call: Call, book: MenuBook, line: Line) -> None:
        self._call, self._book, self._line = call, book, line
        self._recordings = 0

    async def run(self) -> Ending:
        place: Exit = self._book.start
        while not isinstance(place, Ending):
            self._call.timeline.note("menu", name=place)
            place = await self._serve(self._book.menus[place]) or place
        return place

    async def _serve(self, menu: Menu) -> Exit | None:
        """One choice out of this menu; None: it comes again."""
        for _ in range(menu.attempts):
            await self._prompt(menu)
            pressed = await self._choose(menu)
            if pressed in menu.keys:
                self._call.timeline.note("choice", keys=pressed)
                return await self._do(menu.keys[pressed])
            self._call.timeline.note("no_choice", keys=pressed)
            self._line.forget_keys()
            await self._line.say(menu.invalid if pressed else menu.no_key)
        return await self._do(menu.otherwise) or (Ending.AGENT_HUNG_UP if pressed else Ending.SILENCE)

    async def _prompt(self, menu: Menu) -> None:
        if menu.file:
            await self._line.play(self._book.sounds[menu.file], menu.file, barge_in=menu.barge_in)
        else:
            await self._line.say(menu.say, barge_in=menu.barge_in)

    async def _choose(self, menu: Menu) -> str:
        """The keys that were pressed: a choice, or what is none; empty when nobody pressed any."""
        pressed, patience_ms = "", menu.first_key_ms
        while True:
            with self._call.floor.caller.patience(patience_ms / 1000) as waiting:
                pressed += await self._line.next_key()
            if waiting.cancelled_caught or not read(pressed, menu.keys).may_grow:
                return pressed
            patience_ms = menu.next_key_ms

    # ---- steps -------------------------------------------------------------------------------------------------

    async def _do(self, steps: list[Step]) -> Exit | None:
        for step in steps:
            leads_to = await self._do_one(step)
            if leads_to is not None:
                return leads_to
        return None

    async def _do_one(self, step: Step) -> Exit | None:
        match step:
            case GoTo(menu):
                return menu
            case HangUp():
                return Ending.AGENT_HUNG_UP
            case Transfer():
                return await self._transfer(step)
            case Connect():
                return await self._connect(step)
            case Say():
                await self._say(step)
            case Wait():
                await self._wait(step)
            case Record():
                await self._record(step)
            case SendKeys(keys):
                await self._line.send_keys(keys, EACH_KEY_SENT_S * len(keys))
        return None

    async def _say(self, step: Say) -> None:
        if step.file:
            await self._line.play(self._book.sounds[step.file], step.file, barge_in=step.barge_in)
        else:
            await self._line.say(step.text, barge_in=step.barge_in)

    async def _wait(self, step: Wait) -> None:
        clip = self._book.sounds[step.file] if step.file else melody()
        with self._line.music(clip, step.gain_db), trio.move_on_after(step.for_s):
            await self._line.wait_key()

    async def _record(self, step: Record) -> None:
        directory = self._call.services.recordings
        if directory is None:
            self._call.timeline.note("not_recorded", problem=NO_RECORDINGS)
            return
        path = self._next_recording(directory)
        self._line.forget_keys()
        try:
            async with self._call.stream.record(path) as recording:
                with self._call.secrecy.masks(recording), self._line.until_recorded(step.longest_s):
                    while await self._line.next_key() not in step.stop_keys:
                        pass
        except (RecordingFailed, OSError) as error:
            self._call.timeline.note("not_recorded", problem=str(error))
        else:
            self._call.timeline.note("recorded", file=path.name)

    def _next_recording(self, directory: Path) -> Path:
        self._recordings += 1
        return directory / f"{self._call.info.id}-{self._recordings}.wav"

    async def _connect(self, step: Connect) -> Exit | None:
        return self._after(step, await self._bridge(step))

    def _after(self, step: Connect, outcome: Outcome) -> Exit | None:
        if outcome is Outcome.HANDED_OVER:
            self._call.timeline.note("transferred", to=step.to)
            return Ending.TRANSFERRED
        if outcome is Outcome.HUNG_UP and step.after == "hang_up":
            return Ending.AGENT_HUNG_UP
        menus = {Outcome.BUSY: step.busy, Outcome.NO_ANSWER: step.no_answer, Outcome.REFUSED: step.refused}
        return menus.get(outcome) or None

    async def _bridge(self, step: Connect, *, hand_over: bool = False) -> Outcome:
        directory = self._call.services.recordings
        if step.record and directory is None:
            self._call.timeline.note("not_recorded", problem=NO_RECORDINGS)
        plan = BridgePlan(
            step.to,
            ring_s=step.ring_s,
            ringback=_ringback(step),
            music=melody(),
            take_back=step.take_back,
            hand_over=hand_over,
            recording=self._next_recording(directory) if step.record and directory else None,
        )
        self._line.forget_keys()  # they were meant for the menu
        return await Bridge(self._call, plan, self._line.next_key).run()

    async def _transfer(self, step: Transfer) -> Exit | None:
        """The rules about dialling are asked each time: a day's allowance may be used up."""
        if step.consult:
            connect = Connect(step.to)
            return self._after(connect, await self._bridge(connect, hand_over=True))
        problem = self._call.services.why_not_dial(self._call.info, step.to)
        if not problem:
            with self._line.music(melody(), TRANSFER_MUSIC_DB):
                problem = await self._hand_over(step.to)
        if not problem:
            self._call.timeline.note("transferred", to=step.to)
            return Ending.TRANSFERRED
        self._call.timeline.note("not_transferred", to=step.to, problem=problem)
        return await self._connect(Connect(step.to)) if step.otherwise == "connect" else None

    async def _hand_over(self, target: str) -> str:
        """Why it could not be done; empty when it was."""
        try:
            with trio.fail_after(TRANSFER_WITHIN_S):
                await self._call.leg.transfer(target)
        except CannotTransfer as refused:
            return str(refused)
        except trio.TooSlowError:
            return f"no answer within {TRANSFER_WITHIN_S:g} s"
        return ""


def _ringback(step: Connect) -> Clip | None:
    match step.ringback:
        case "none":
            return None
        case "music":
            return melody()
        case country:
            return ringback(country)
