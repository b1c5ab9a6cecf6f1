"""What a file of menus may say, read strictly (docs/menu.md): menus by name, and under each key what is done.

Everything that can be wrong is found when the file is read: a menu that does not exist, a key that no telephone has,
a sound that cannot be played. A call never finds out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mediasrv.call.menu.sounds import read_wav
from mediasrv.errors import ConfigError
from mediasrv.media import Clip

DEMO = Path(__file__).with_name("demo.toml")
FILE_BYTES_MAX = 1_000_000
KEYS_MAX = 32  # in a row, the engine's limit for those that are sent

_KEYS = re.compile(rf"[0-9*#A-D]{{1,{KEYS_MAX}}}")

Seconds = Annotated[float, Meta(gt=0, le=3_600)]
Decibels = Annotated[float, Meta(ge=-60, le=0)]


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="say"):
    """Speaks a text, or plays a file."""

    text: str = ""
    file: str = ""
    barge_in: bool = True  # a key ends it


class GoTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="go_to"):
    menu: str


class HangUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="hang_up"):
    """Ends the call."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="record"):
    """Records the call, until a key is pressed or the time is up."""

    longest_s: Seconds = 60.0
    stop_keys: str = "0123456789*#"


class Wait(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="wait"):
    """Hold music, until a key is pressed or the time is up; with no file the melody that is built in."""

    for_s: Seconds = 30.0
    file: str = ""
    gain_db: Decibels = -12.0


class SendKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="send_dtmf"):
    keys: str


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="transfer"):
    """Hands the caller over and leaves; what stands after it is done when that was not possible."""

    to: str  # a URI, or a number
    consult: bool = False  # it is dialled by us first, and handed over once it has answered
    otherwise: Literal["continue", "connect"] = "continue"  # connect: the two are joined here, and we stay


class Connect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="connect"):
    """Dials somebody and joins the two; what stands after it is done when nobody talked, or when they have."""

    to: str  # a URI, or a number
    ring_s: Annotated[float, Meta(gt=0, le=180)] = 30.0
    ringback: Literal["eu", "gb", "us", "music", "none"] = "eu"
    take_back: str = "*0"  # by which the caller leaves the other side; empty: no keys do
    record: bool = False
    after: Literal["hang_up", "continue"] = "hang_up"  # when the other side has hung up
    busy: str = ""  # menus that come next; empty: what stands after this step
    no_answer: str = ""
    refused: str = ""


Step = Say | GoTo | HangUp | Record | Wait | SendKeys | Transfer | Connect


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One menu: what is said, which keys there are, and what becomes of a caller who presses none of them."""

    say: str = ""
    file: str = ""
    barge_in: bool = True
    first_key_ms: Annotated[int, Meta(ge=500, le=120_000)] = 6_000  # from the end of what was said
    next_key_ms: Annotated[int, Meta(ge=200, le=30_000)] = 2_500  # between two keys of one choice
    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    invalid: str = "Sorry, that is not one of the choices."
    no_key: str = "I did not hear a key."
    keys: dict[str, list[Step]] = {}
    otherwise: list[Step] = []  # when all attempts are used up; the call ends after it

    def steps(self) -> Iterator[Step]:
        for steps in self.keys.values():
            yield from steps
        yield from self.otherwise


class Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["formant", "tone", "espeak"] = "formant"
    name: str = ""


class BeforeAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller hears while he is not answered yet, and pays nothing."""

    say: str = ""
    file: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    menus: dict[str, Menu]
    start: str = "main"
    voice: Voice = Voice()
    before_answer: BeforeAnswer | None = None


@dataclass(frozen=True, slots=True)
class MenuBook:
    """All menus, with the sounds they play."""

    menus: dict[str, Menu]
    start: str
    voice: Voice
    sounds: dict[str, Clip]
    before_answer: BeforeAnswer | None = None

    def steps(self) -> Iterator[Step]:
        for menu in self.menus.values():
            yield from menu.steps()

    @property
    def is_overheard(self) -> bool:
        """Whether what callers say is ever recorded, or heard by people."""
        return any(isinstance(step, Record | Connect | Transfer) for step in self.steps())


def read_menus(path: str | Path = DEMO) -> MenuBook:
    """The menus of that file; sounds are named relative to it. ConfigError says what is wrong, and where."""
    source = Path(path)
    try:
        with source.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise ConfigError("menu", f"larger than {FILE_BYTES_MAX} bytes", source=str(source))
        return parse_menus(data.decode(), source=str(source), sounds_in=source.parent)
    except OSError as error:
        raise ConfigError("menu", error.strerror or str(error), source=str(source)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("menu", str(error), source=str(source)) from error


def parse_menus(text: str, *, source: str = "", sounds_in: Path | None = None) -> MenuBook:
    """For menus that are written in place, and those of a file."""
    try:
        file = msgspec.toml.decode(text, type=_File)
    except msgspec.DecodeError as error:
        raise ConfigError("menu", str(error), source=source) from error
    try:
        _check_exists("start", file.start, file)
        for name, menu in file.menus.items():
            _check_menu(f"menus.{name}", menu, file)
        names = {name for menu in file.menus.values() for name in _sounds(menu)}
        if file.before_answer is not None:
            names |= _check_before_answer(file.before_answer)
        sounds = {name: read_wav((sounds_in or Path()) / name) for name in sorted(names)}
    except ConfigError as error:
        raise ConfigError(error.key, error.problem, source=source, value=error.value) from error
    return MenuBook(file.menus, file.start, file.voice, sounds, file.before_answer)


def _sounds(menu: Menu) -> Iterator[str]:
    files = [menu.file, *(step.file for step in menu.steps() if isinstance(step, Say | Wait))]
    return (name for name in files if name)


def _check_before_answer(said: BeforeAnswer) -> set[str]:
    """The file it plays, if it plays one."""
    if bool(said.say) == bool(said.file):
        raise ConfigError("before_answer", "has a text to say or a file to play, and not both")
    return {said.file} - {""}


def _check_menu(key: str, menu: Menu, file: _File) -> None:
    if menu.say and menu.file:
        raise ConfigError(key, "has a text to say or a file to play, not both")
    for pressed, steps in menu.keys.items():
        if not _KEYS.fullmatch(pressed):
            raise ConfigError(f"{key}.keys", "telephones have the keys 0-9, *, # and A-D", value=pressed)
        _check_steps(f"{key}.keys.{pressed}", steps, file)
    _check_steps(f"{key}.otherwise", menu.otherwise, file)


def _check_steps(key: str, steps: list[Step], file: _File) -> None:
    for place, step in enumerate(steps, 1):
        match step:
            case Say() if bool(step.text) == bool(step.file):
                raise ConfigError(f"{key}[{place}]", "say needs a text or a file, and not both")
            case GoTo():
                _check_exists(f"{key}[{place}].menu", step.menu, file)
            case SendKeys() if not _KEYS.fullmatch(step.keys):
                problem = f"write 1 to {KEYS_MAX} of 0-9, *, # and A-D"
                raise ConfigError(f"{key}[{place}].keys", problem, value=step.keys)
            case Transfer() | Connect() if not step.to.strip():
                raise ConfigError(f"{key}[{place}].to", "write whom to call, a URI or a number")
            case Connect():
                _check_connect(f"{key}[{place}]", step, file)
        if isinstance(step, GoTo | HangUp) and place < len(steps):
            raise ConfigError(f"{key}[{place + 1}]", "is never reached")


def _check_connect(key: str, step: Connect, file: _File) -> None:
    if step.take_back and not _KEYS.fullmatch(step.take_back):
        raise ConfigError(
            f"{key}.take_back", "telephones have the keys 0-9, *, # and A-D", value=step.take_back
        )
    for name, menu in (("busy", step.busy), ("no_answer", step.no_answer), ("refused", step.refused)):
        if menu:
            _check_exists(f"{key}.{name}", menu, file)


def _check_exists(key: str, menu: str, file: _File) -> None:
    if menu not in file.menus:
        raise ConfigError(key, f"there is no such menu; there is {', '.join(sorted(file.menus))}", value=menu)
