"""What to do in a call: steps, each at a moment that an event and a delay name.

    seconds = 12                       # options of the command line, as their defaults

    [[steps]]                          # two seconds after the answer
    do = "press"
    after = 2
    digits = "12#"

    [[steps]]                          # as soon as the other side puts us on hold
    do = "dial"
    on = "held"
    to = "sip:300@127.0.0.1:5060"      # this is call 2: the second of this telephone

    [[steps]]                          # when call 2 is answered, call 1 is transferred to it
    do = "join"
    of = 2
    with = 2

Events are `dialled`, `called` (a call came), `ringing`, `answered`, `talking` (there is sound), `holding` (our hold),
`held` (theirs), `key 5`, `transfer 200` (what we are told of our transfer), `replaced`, `over`, and, as far as the
other side's voice tells, `speaks 2` (it begins for the second time) and `silent 2` (and has been silent for a second);
with --prompted also `told WORD`, whenever that line comes on standard input.
Of several with one name the first counts. A step whose event never comes is not done, and the outcome says so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tools.softphone.call import KeysBy, PhoneCall
from tools.softphone.deck import Tape, say_into
from tools.softphone.phone import Softphone

KEY_GAP_S = 0.3
Seconds = Annotated[float, Meta(ge=0)]


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    on: str = "answered"
    after: Seconds = 0.0
    call: Annotated[int, Meta(ge=1)] = 1  # what it is done in
    of: Annotated[int, Meta(ge=0)] = 0  # whose event it waits for; 0: of the same

    @property
    def awaited(self) -> int:
        return self.of or self.call

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        """Does it, now."""


class Dial(Step, frozen=True, tag="dial"):
    to: str

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        phone.dial(self.to)


class Answer(Step, frozen=True, tag="answer"):
    status: Annotated[int, Meta(ge=180, le=699)] = 200

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.pick_up(self.status)


class Play(Step, frozen=True, tag="play"):
    file: str

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.play(Path(self.file))


class Say(Step, frozen=True, tag="say"):
    words: str
    voice: str = (
        ""  # one of espeak-ng's, such as en-us; empty: the built-in one, which no recogniser understands
    )

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:  # the player keeps it open
            call.play(say_into(Path(file.name), self.words, self.voice))


class Press(Step, frozen=True, tag="press"):
    digits: Annotated[str, Meta(pattern="^[0-9*#A-D]+$")]
    by: KeysBy = "rfc4733"
    gap: Seconds = KEY_GAP_S

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.press(self.digits, self.by)

    def one_by_one(self) -> list[Press]:
        """A key each, as a finger would; tones take their own time."""
        if self.by == "inband":
            return [self]
        return [
            msgspec.structs.replace(self, digits=digit, after=self.after + place * self.gap)
            for place, digit in enumerate(self.digits)
        ]


class Hold(Step, frozen=True, tag="hold"):
    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.hold()


class Resume(Step, frozen=True, tag="resume"):
    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.resume()


class Transfer(Step, frozen=True, tag="transfer"):
    """Blind: the other side is asked to call there."""

    to: str

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.transfer(self.to)


class Join(Step, frozen=True, tag="join", rename={"other": "with"}):
    """Attended: the other side is asked to take the place that we have in another of our calls."""

    other: Annotated[int, Meta(ge=1)]

    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.transfer_to(phone.calls[self.other - 1])


class HangUp(Step, frozen=True, tag="hang_up"):
    def perform(self, call: PhoneCall, phone: Softphone) -> None:
        call.hang_up()


AnyStep = Dial | Answer | Play | Say | Press | Hold | Resume | Transfer | Join | HangUp


def read_steps(written: object) -> list[Step]:
    """The `steps` of a plan; msgspec's error names the step and the key that are wrong."""
    steps: list[AnyStep] = msgspec.convert(written, list[AnyStep])
    return [*steps]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the telephone: it calls `uri`, or waits for a call; with neither it only registers."""

    uri: str = ""
    listen: bool = False
    seconds: float = 10.0  # after the answer of the first call everything still up is hung up
    answer_within_s: float = 10.0
    tape: Tape | None = None
    steps: Sequence[Step] = field(default_factory=tuple)
    prompted: bool = False  # lines of standard input are events
