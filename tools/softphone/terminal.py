"""A terminal that gives single keys as they are pressed, and takes lines of text."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

ENTER, ERASE = "\r\n", "\b\x7f"


class Terminal:
    def __init__(self, screen: TextIO) -> None:
        self._keys = sys.stdin.fileno()
        self._screen = screen

    @contextmanager
    def single_keys(self) -> Iterator[None]:
        """The terminal is afterwards what it was; what is no terminal (a pipe) is read as it is."""
        if not os.isatty(self._keys):
            yield
            return
        before = termios.tcgetattr(self._keys)
        tty.setcbreak(self._keys)
        try:
            yield
        finally:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, before)

    def key(self) -> str | None:
        """The next one, None when none was pressed, empty when there will be no more."""
        if not select.select([self._keys], [], [], 0)[0]:
            return None
        return os.read(self._keys, 1).decode("ascii", "ignore")

    def ask(self, what: str, meanwhile: Callable[[], None]) -> str:
        """One line of text."""
        self.write(f"{what}: ", end="")
        text = ""
        while (key := self.key()) is None or (key and key not in ENTER):
            if key is None:
                meanwhile()
            else:
                text = text[:-1] if key in ERASE else text + key
                self.write(key, end="")
        self.write("")
        return text.strip()

    def write(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._screen, flush=True)
