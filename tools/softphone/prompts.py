"""What the telephone is told from outside while it carries out a plan: a program that sees more than it does drives it.

Each line of standard input is an event, `told LINE`, of every call that is up, for which a step can wait. So a test
goes on when something has happened, at the server or at another telephone, and not when it probably has.
"""

from __future__ import annotations

import os
import select

from tools.softphone.phone import Softphone

STDIN = 0
PIECE_BYTES = 4_096


class Prompts:
    def __init__(self, phone: Softphone) -> None:
        self._phone = phone
        self._begun = b""  # a line that has no end yet
        self._open = True

    def poll(self) -> None:
        """Takes what is there, and does not wait."""
        while self._open and select.select([STDIN], [], [], 0)[0]:
            piece = os.read(STDIN, PIECE_BYTES)
            self._open = bool(piece)
            *lines, self._begun = (self._begun + piece).split(b"\n")
            for line in lines:
                self._tell(line.decode("utf-8", "replace").strip())

    def _tell(self, line: str) -> None:
        for call in self._phone.calls:
            if not call.over:
                call.note(f"told {line}")
