"""The telephone for people: one key of the terminal does one thing, and what happens is written as it happens.

c  call (asks where)     a  answer              x  hang up
h  hold, and back        t  transfer (asks to)  j  join the last two calls (attended transfer)
s  say (asks what)       0-9 * # A B D  press   q  quit
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import pjsua2 as pj

from tools.softphone.call import PhoneCall
from tools.softphone.deck import Tape, say_into
from tools.softphone.outcome import Report, describe
from tools.softphone.phone import PhoneSettings, Softphone
from tools.softphone.terminal import Terminal

KEYS = "0123456789*#ABD"  # C calls


class Keyboard:
    def __init__(self, phone: Softphone, terminal: Terminal) -> None:
        self._phone, self._terminal = phone, terminal
        self._told: dict[int, int] = {}  # how many events of each call are on the screen
        self._over = False
        self._actions: Mapping[str, Callable[[], None]] = {
            "c": self._call, "a": self._answer, "x": self._hang_up, "h": self._hold, "t": self._transfer,
            "j": self._join, "s": self._say, "q": self._quit, "": self._quit,
        }  # fmt: skip

    def attend(self) -> None:
        """Until q is pressed, or the terminal is gone."""
        self._terminal.write((__doc__ or "").strip())
        with self._terminal.single_keys():
            while not self._over:
                self._phone.handle_events()
                self._tell()
                if (key := self._terminal.key()) is not None:
                    self._take(key)

    def _take(self, key: str) -> None:
        try:
            if key in self._actions:
                self._actions[key]()
            elif key.upper() in KEYS:
                self._current().press(key.upper())
        except pj.Error as error:
            self._terminal.write(error.reason)
        except LookupError:
            self._terminal.write("there is no such call")

    def _call(self) -> None:
        if uri := self._ask("call"):
            self._phone.dial(uri)

    def _answer(self) -> None:
        self._current().pick_up()

    def _hang_up(self) -> None:
        self._current().hang_up()

    def _hold(self) -> None:
        call = self._current()
        if call.held_by_us():
            call.resume()
        else:
            call.hold()

    def _transfer(self) -> None:
        call = self._current()
        if uri := self._ask("transfer to"):
            call.transfer(uri)

    def _join(self) -> None:
        self._live()[-2].transfer_to(self._current())

    def _say(self) -> None:
        call = self._current()
        if words := self._ask("say"):
            with tempfile.NamedTemporaryFile(suffix=".wav") as file:  # the player keeps it open
                call.play(say_into(Path(file.name), words))

    def _quit(self) -> None:
        self._over = True

    def _live(self) -> list[PhoneCall]:
        return [call for call in self._phone.calls if not call.over]

    def _current(self) -> PhoneCall:
        return self._live()[-1]

    def _ask(self, what: str) -> str:
        return self._terminal.ask(what, self._phone.handle_events)

    def _tell(self) -> None:
        for number, call in enumerate(self._phone.calls, 1):
            for event in call.outcome.events[self._told.get(number, 0) :]:
                self._terminal.write(f"{event.at_s:7.2f} s  call {number}: {event.name}")
                if event.name == "over":
                    self._terminal.write(describe(call.outcome))
            self._told[number] = len(call.outcome.events)


def attend(settings: PhoneSettings, uri: str, tape: Tape | None, screen: TextIO) -> Report:
    """For a person at the terminal; a call is made at once where a URI is given."""
    terminal = Terminal(screen)
    with Softphone(settings) as phone:
        phone.tape = tape
        terminal.write(f"we are {phone.contact}")
        if uri:
            phone.dial(uri)
        try:
            Keyboard(phone, terminal).attend()
        finally:
            phone.hang_up_all()
        return Report([call.outcome for call in phone.calls], phone.registration)
